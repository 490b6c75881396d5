"""Which e-mails an officer wants. The inbox cannot be switched off, nor can mandatory letters."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select

from services.notification.models import mutes
from services.notification.rules import BY_CODE, RULES, Channel, Rule
from shared import audit
from shared.database import ReadSession, WriteSession, insert_new
from shared.messages import Fault, Message, Refused
from shared.security import Officer


def offered(officer: Officer) -> list[Rule]:
    """Rules that send this officer e-mails because of a role, mandatory ones included."""
    return [
        rule for rule in RULES
        if any(Channel.EMAIL in to.roles.get(role, frozenset()) for to in rule.to for role in officer.roles)
    ]  # fmt: skip


async def muted(session: ReadSession, officer: Officer) -> set[str]:
    """The codes of the rules whose e-mails the officer switched off."""
    return set(await session.scalars(select(mutes.c.rule).where(mutes.c.officer == officer.id)))


async def choose(session: WriteSession, officer: Officer, wanted: Collection[str], now: datetime) -> None:
    """Take e-mails of the rules in `wanted`, and of mandatory rules whatever is wanted; all others stop."""
    unknown = sorted(set(wanted) - BY_CODE.keys())
    if unknown:
        raise Refused(Fault("rule", Message("Không có loại thư {rule}.", rule=unknown[0][:40])))
    off = [rule.code for rule in offered(officer) if not rule.mandatory and rule.code not in wanted]
    if set(off) == await muted(session, officer):
        return
    await session.execute(delete(mutes).where(mutes.c.officer == officer.id))
    await insert_new(session, mutes, [{"officer": officer.id, "rule": rule} for rule in off])
    await audit.record(session, officer, "letters.chosen", officer.id, now, off=off)
