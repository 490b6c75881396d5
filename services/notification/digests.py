"""Digests: whoever answers for many units gets one letter about the same matter and minute, not one per unit."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, bindparam, func, select, update

from services.notification import deliveries, letters
from services.notification.models import TO_GATHER
from services.notification.models import letters as written
from services.notification.rules import BY_CODE, UNTIL_REPORTED, Audience
from shared import campaigns
from shared.columns import among
from shared.database import CHUNK, WriteSession, add
from shared.identity import new_id

FIRST = 5
"""Units that a digest names in its text; its page lists them all."""

_WAITING = select(written).where(written.c.digest == TO_GATHER, written.c.addressee.is_not(None))
_GATHER = update(written).where(written.c.letter == bindparam("of_letter")).values(digest=bindparam("into"))
_DROP = update(written).where(written.c.letter == bindparam("of_letter")).values(
    digest=bindparam("into"), settled=func.coalesce(written.c.settled, bindparam("now", type_=written.c.settled.type))
)  # fmt: skip
_OF_DIGESTS = among(written.c.digest, "digests")
_IN_DIGEST = select(written).where(_OF_DIGESTS, written.c.letter != written.c.digest).order_by(written.c.unit, written.c.letter)
_LEFT = (
    select(written.c.digest, func.count().label("still"))
    .where(_OF_DIGESTS, written.c.letter != written.c.digest, written.c.settled.is_(None))
    .group_by(written.c.digest)
)

Key = tuple[str, str, str, str, str]
"""Campaign, rule, audience, addressee and, for letters that ask for a report, the round."""


async def gather(session: WriteSession, now: datetime, traceparent: str | None) -> None:
    """On a tick: what has waited its time goes, alone or in one digest per matter and addressee. What is settled by then goes nowhere."""
    waiting = [letter for letter in (await session.execute(_WAITING)).all() if letter.created + _delay(letter) <= now]
    over = {code for code in {letter.campaign for letter in waiting} if await campaigns.phase_of(session, code) in deliveries.OVER}
    groups: dict[Key, list[Row[Any]]] = {}
    needless = []
    for letter in waiting:
        if letter.settled or (_delay(letter) and letter.campaign in over):
            needless.append({"of_letter": letter.letter, "into": letter.letter, "now": now})
        else:
            groups.setdefault(_key(letter), []).append(letter)
    if needless:
        await session.execute(_DROP, needless)
    await _send(session, groups, now, traceparent)


async def _send(session: WriteSession, groups: dict[Key, list[Row[Any]]], now: datetime, traceparent: str | None) -> None:
    many = {key: (new_id(), group) for key, group in sorted(groups.items()) if len(group) > 1}
    into = {letter.letter: digest for digest, group in many.values() for letter in group}
    into |= {group[0].letter: group[0].letter for group in groups.values() if len(group) == 1}
    if not into:
        return
    await add(session, written, *(_digest(key, *each, now, traceparent) for key, each in many.items()))
    await session.execute(_GATHER, [{"of_letter": letter, "into": digest} for letter, digest in sorted(into.items())])
    going = sorted(set(into.values()))
    for start in range(0, len(going), CHUNK):
        await letters.address(session, await letters.find(session, going[start : start + CHUNK]), now)


def _digest(key: Key, id: str, group: Sequence[Row[Any]], now: datetime, traceparent: str | None) -> dict[str, Any]:
    """The letter that stands for a group; it is its own digest, for nothing else brings it."""
    campaign, rule, audience, addressee, round = key
    return {
        "letter": id, "rule": rule, "audience": audience, "campaign": campaign, "unit": "", "addressee": addressee,
        "cause": f"{addressee}/{round}/{now.isoformat()}", "revision": 0, "parameters": _parameters(group), "created": now,
        "settled": None, "event": max(group, key=lambda letter: (letter.created, letter.event)).event, "traceparent": traceparent,
        "digest": id,
    }  # fmt: skip


def _parameters(group: Sequence[Row[Any]]) -> dict[str, Any]:
    """What a digest says: how many, and the first lines."""
    ordered = in_order(group)
    lines = [{**letter.parameters, "unit": letter.unit} for letter in ordered[:FIRST]]
    shared = {"round": lines[0]["round"]} if ordered[0].rule in UNTIL_REPORTED else {}
    return {"count": len(group), "lines": lines, **shared}


def in_order(group: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Letters as a digest lists them: who needs attention most comes first, who leads most comes first, then unit by unit."""
    return sorted(group, key=lambda letter: (_percent(letter), letter.unit, letter.cause))


def _percent(letter: Row[Any]) -> Decimal:
    percent = Decimal(letter.parameters.get("percent", 0))
    return -percent if letter.rule == "front-runner" else percent


def _key(letter: Row[Any]) -> Key:
    round = letter.cause if letter.rule in UNTIL_REPORTED else ""
    return letter.campaign, letter.rule, letter.audience, letter.addressee, round


def _delay(letter: Row[Any]) -> Any:
    return BY_CODE[letter.rule].towards(Audience(letter.audience)).delay


def is_digest(letter: Any) -> bool:
    """True for a letter that stands for others."""
    return "lines" in letter.parameters


async def refresh(session: WriteSession, leaving: Sequence[Row[Any]]) -> bool:
    """Take out of digests that are about to leave what was settled since they were gathered; True when that changed one."""
    digests = {letter.letter: letter.parameters["count"] for letter in leaving if is_digest(letter)}
    if not digests:
        return False
    left = {row.digest: row.still for row in await session.execute(_LEFT, {"digests": sorted(digests)})}
    changed = [digest for digest, count in digests.items() if 0 < left.get(digest, 0) != count]
    for digest in changed:
        still = [row for row in await session.execute(_IN_DIGEST, {"digests": [digest]}) if row.settled is None]
        await session.execute(update(written).where(written.c.letter == digest).values(parameters=_parameters(still)))
    return bool(changed)
