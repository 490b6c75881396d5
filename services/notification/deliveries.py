"""Deliveries: one row per letter, officer and channel, from waiting or queued to delivered, withdrawn or failed."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, exists, func, or_, select, update

from services.notification.models import channels, deliveries, letters, mutes, open_ones
from services.notification.rules import BY_CODE, NOW, OPEN, RULES, Audience, Channel, State, channels_for
from shared import campaigns, outbox, telemetry
from shared.clock import handled
from shared.columns import among
from shared.database import CHUNK, ReadSession, WriteSession, insert_new, upsert
from shared.events.campaign import Phase
from shared.events.notification import LetterDelivered
from shared.identity import new_id

RECEIPTED = [rule.code for rule in RULES if rule.receipt]
OVER = (Phase.RANKED, Phase.HONOURED, Phase.ARCHIVED)
"""Phases in which a movement has ended and nothing may wait any more."""

_SHUT = select(channels.c.channel).where(~channels.c.open)
_MUTES = select(mutes.c.officer, mutes.c.rule).where(among(mutes.c.officer, "officers"))
_LAST_TICK = select(handled.c.instant).where(handled.c.name == "minute")
_NOT_TOLD = (
    select(letters)
    .where(
        among(letters.c.letter, "letters"), letters.c.rule.in_(RECEIPTED), letters.c.audience == Audience.UNIT,
        ~exists().where(
            deliveries.c.letter == letters.c.letter, deliveries.c.channel == bindparam("by"), deliveries.c.state == State.DELIVERED
        ),
    )
    .order_by(letters.c.created, letters.c.letter)
)  # fmt: skip
_WITHDRAW = (
    update(deliveries).where(among(deliveries.c.letter, "letters"), deliveries.c.state.in_(OPEN)).values(state=State.WITHDRAWN)
)

Addressed = tuple[Row[Any], Row[Any]]
"""A letter and an officer who is to get it."""


async def enter(session: WriteSession, pairs: Sequence[Addressed], now: datetime) -> None:
    """Make the deliveries of letters to officers. An inbox that need not wait has them at once, an e-mail is queued."""
    if not pairs:
        return
    open_channels, muted = await _open_channels(session), await _muted(session, {officer.officer for _, officer in pairs})
    last, over = await _delays(session, [letter for letter, _ in pairs])
    rows: list[dict[str, Any]] = []
    for letter, officer in pairs:
        rule = BY_CODE[letter.rule]
        to = rule.towards(Audience(letter.audience))
        delay = _delay(letter)
        if delay and letter.campaign in over:
            continue
        reachable = open_channels if officer.email else open_channels - {Channel.EMAIL}
        mute = (officer.officer, letter.rule) in muted
        found = channels_for(rule, to, officer.roles, open_channels=reachable, muted=mute)
        rows.extend(_row(letter, officer, channel, delay, now=now, last=last or now) for channel in found)
    for start in range(0, len(rows), CHUNK):
        await _insert(session, rows[start : start + CHUNK], now)


def _row(letter: Row[Any], officer: Row[Any], channel: Channel, delay: timedelta, *, now: datetime, last: datetime) -> dict[str, Any]:
    delivery, now = new_id(), max(now, letter.created)
    at_once = State.DELIVERED if channel == Channel.INBOX else State.QUEUED
    state = State.WAITING if delay else at_once
    return {
        "delivery": delivery, "letter": letter.letter, "officer": officer.officer, "channel": channel, "state": state,
        "due_at": max(now, last) + delay if delay else now, "attempts": 0, "next_attempt": None,
        "message_id": f"<{delivery}@letters.thidua>" if channel == Channel.EMAIL else "", "error": "",
        "delivered_at": now if state == State.DELIVERED else None, "read_at": None,
    }  # fmt: skip


def _delay(letter: Row[Any]) -> timedelta:
    """How long a letter still waits; one that was gathered has waited."""
    return NOW if letter.digest else BY_CODE[letter.rule].towards(Audience(letter.audience)).delay


async def _insert(session: WriteSession, rows: list[dict[str, Any]], now: datetime) -> None:
    first = await _not_told(session, [row["letter"] for row in rows if row["state"] == State.DELIVERED], Channel.INBOX)
    await insert_new(session, deliveries, rows)
    await _tell(session, first, Channel.INBOX, now)
    _wake(session, any(row["state"] == State.QUEUED for row in rows))


async def _open_channels(session: ReadSession) -> set[Channel]:
    shut = set(await session.scalars(_SHUT))
    return {channel for channel in Channel if channel not in shut}


async def _muted(session: ReadSession, officers: Collection[str]) -> set[tuple[str, str]]:
    found = await session.execute(_MUTES, {"officers": sorted(officers)})
    return {(row.officer, row.rule) for row in found}


async def _delays(session: ReadSession, written: Sequence[Row[Any]]) -> tuple[datetime | None, set[str]]:
    """For letters that wait: the last tick, from which they wait, and the campaigns that are over, in which nothing waits any more."""
    waiting = {letter.campaign for letter in written if _delay(letter)}
    if not waiting:
        return None, set()
    last = await session.scalar(_LAST_TICK)
    return last, {code for code in waiting if await campaigns.phase_of(session, code) in OVER}


async def _not_told(session: ReadSession, ids: Collection[str], channel: Channel) -> list[Row[Any]]:
    """Those of these letters to the unit that they are about that no channel of this kind has brought yet, where a rule wants that known."""
    if not ids:
        return []
    return list((await session.execute(_NOT_TOLD, {"letters": sorted(set(ids)), "by": channel})).all())


async def _tell(session: WriteSession, reached: Sequence[Row[Any]], channel: Channel, now: datetime) -> None:
    """Say that letters reached a unit by a channel, in the trace of each letter's cause."""
    for letter in reached:
        at = max(now, letter.created)
        event = LetterDelivered(
            campaign=letter.campaign, letter=letter.letter, unit=letter.addressee, rule=letter.rule, cause=letter.cause,
            channel=channel, revision=1, at=at,
        )  # fmt: skip
        with telemetry.within(telemetry.parent_of(letter.traceparent)):
            await outbox.record(session, event, at)


def _wake(session: WriteSession, queued: bool) -> None:
    """The commit's signal that wakes the relay wakes the post too: an e-mail need not wait for the next look."""
    if queued:
        session.info["recorded"] = True


async def withdraw(session: WriteSession, ids: Sequence[str]) -> None:
    """Withdraw whatever of these letters has not left yet, queued e-mails included."""
    for start in range(0, len(ids), CHUNK):
        await session.execute(_WITHDRAW, {"letters": ids[start : start + CHUNK]})


async def _withdraw(session: WriteSession, which: ColumnElement[bool]) -> None:
    await session.execute(update(deliveries).where(which, deliveries.c.state.in_(OPEN)).values(state=State.WITHDRAWN))


async def withdraw_from(session: WriteSession, officer: str, *, unless_of: str = "") -> None:
    """Nothing more to an officer: none at all, or none that was meant for a unit other than the one they are of now."""
    of_units = select(letters.c.letter).where(letters.c.addressee != "", letters.c.addressee != unless_of)
    elsewhere = deliveries.c.letter.in_(of_units) if unless_of else deliveries.c.letter.is_not(None)
    await _withdraw(session, and_(deliveries.c.officer == officer, elsewhere))


async def withdraw_waiting(session: WriteSession, campaign: str) -> None:
    """The movement is over: what still waits in it has no more use."""
    of_campaign = select(letters.c.letter).where(letters.c.campaign == campaign)
    await _withdraw(session, and_(open_ones, deliveries.c.letter.in_(of_campaign), deliveries.c.state == State.WAITING))


async def release(session: WriteSession, now: datetime) -> None:
    """Let go what has waited its time: into the inbox at once, to the mail server's queue."""
    due = and_(open_ones, deliveries.c.state == State.WAITING, deliveries.c.due_at <= now)
    inboxes = select(deliveries.c.delivery, deliveries.c.letter).where(due, deliveries.c.channel == Channel.INBOX)
    arrived = (await session.execute(inboxes)).all()
    first = await _not_told(session, [row.letter for row in arrived], Channel.INBOX)
    await session.execute(update(deliveries).where(due, deliveries.c.channel == Channel.INBOX).values(state=State.DELIVERED, delivered_at=now))
    await _tell(session, first, Channel.INBOX, now)
    queued = await session.execute(update(deliveries).where(due, deliveries.c.channel == Channel.EMAIL).values(state=State.QUEUED))
    _wake(session, bool(queued.rowcount))  # type: ignore[attr-defined]


async def sent(session: WriteSession, taken: Sequence[Row[Any]], now: datetime) -> None:
    """The mail server took these e-mails."""
    if not taken:
        return
    first = await _not_told(session, [row.letter for row in taken], Channel.EMAIL)
    done = {"state": State.DELIVERED, "delivered_at": now, "attempts": deliveries.c.attempts + 1, "next_attempt": None, "error": ""}
    ids = [row.delivery for row in taken]
    await session.execute(update(deliveries).where(deliveries.c.delivery.in_(ids)).values(done))
    await _tell(session, first, Channel.EMAIL, now)


async def open_channel(session: WriteSession, channel: Channel, *, is_open: bool) -> None:
    """Note whether letters leave by a channel; when they do not, what is still to leave by it is withdrawn."""
    await upsert(session, channels, [{"channel": channel, "open": is_open}])
    if not is_open:
        await _withdraw(session, deliveries.c.channel == channel)


async def is_open(session: ReadSession, channel: Channel) -> bool:
    """True when letters leave by this channel."""
    return channel in await _open_channels(session)


async def books(session: ReadSession, now: datetime) -> dict[str, int]:
    """Deliveries by what became of them; `pending_due` would have left by now if mail servers were instant."""
    counted = await session.execute(select(deliveries.c.state, func.count()).group_by(deliveries.c.state))
    by_state = {state: int(count) for state, count in counted}
    due = or_(deliveries.c.state == State.QUEUED, and_(deliveries.c.state == State.WAITING, deliveries.c.due_at <= now))
    pending = await session.scalar(select(func.count()).select_from(deliveries).where(open_ones, due))
    ends = {str(state): by_state.get(state, 0) for state in (State.DELIVERED, State.WITHDRAWN, State.FAILED)}
    return {"created": sum(by_state.values()), **ends, "pending_due": int(pending or 0)}
