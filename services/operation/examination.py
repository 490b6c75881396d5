"""How an examination goes: checks one after the other, each right or a fault with its cure; one fault is told once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from services import excuses
from shared.messages import Fault, Message, Refused
from shared.settings import SettingsRefused

ASK_SECONDS = 5.0


@dataclass(frozen=True)
class Check:
    """One thing to look at: `look` returns what it found, or raises `Refused` with the cure; `cure` is for what does not answer.

    It stands on the checks named `on`: when it does not answer and one of them is wrong, the cause is told there. The check that it is
    `like` may have told the same fault.
    """

    name: str
    look: Callable[[], Awaitable[str]]
    cure: Message
    on: tuple[str, ...] = ()
    like: str = ""


@dataclass(frozen=True)
class Finding:
    """What a check came to: `fault` is None when all is right, and `told` then says what was seen; `see` names the finding that tells its fault."""

    name: str
    told: str = ""
    fault: Message | Fault | None = None
    silent: bool = False
    late: bool = False
    see: str = ""

    def line(self, language: str) -> str:
        """As it is printed, in one line."""
        if self.see:
            return f"--  {self.name}: {Message('chưa xem được: hãy xem dòng «{name}».', name=self.see).render(language)}"
        return f"{'ok ' if self.fault is None else 'NOT'} {self.name}: {self.fault.render(language) if self.fault else self.told}"


async def examine(checks: Iterable[Check]) -> list[Finding]:
    """One after the other, so that lines come in one order."""
    found: dict[str, Finding] = {}
    for check in checks:
        found[check.name] = await _examine(check, {name: one for name, one in found.items() if one.fault})
    return [replace(one, fault=None) if one.see else one for one in found.values()]


async def _examine(check: Check, wrong: Mapping[str, Finding]) -> Finding:
    """What did not answer in time is not asked again."""
    causes = [wrong[name] for name in check.on if name in wrong]
    if late := [cause for cause in causes if cause.late]:
        return replace(late[0], name=check.name, see=late[0].see or late[0].name)
    finding = await look(check)
    if finding.silent and causes:
        return replace(finding, see=causes[0].see or causes[0].name)
    if finding.fault and (told := wrong.get(check.like)) and told.fault and told.fault.render("vi") == finding.fault.render("vi"):
        return replace(finding, see=told.name)
    return finding


async def look(check: Check) -> Finding:
    """What one check comes to, whatever the others say."""
    try:
        async with asyncio.timeout(ASK_SECONDS * 2):
            return Finding(check.name, await check.look())
    except Refused as refused:
        return Finding(check.name, fault=refused.faults[0])
    except SettingsRefused as error:
        return Finding(check.name, fault=Message("{reason}", reason=str(error)))
    except Exception as error:  # whatever keeps it from answering is the finding
        fault = Message("không trả lời ({reason}). {cure}", reason=excuses.reason(error), cure=check.cure)
        return Finding(check.name, fault=fault, silent=True, late=isinstance(error, TimeoutError))
