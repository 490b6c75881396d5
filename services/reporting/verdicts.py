"""What becomes of partners' events: one verdict for each, figures read for all of them at once; and a refusal told to its sender."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from services.reporting import envelopes, observations, reports, trials
from services.reporting.arrivals import Case, is_figure
from services.reporting.envelopes import Envelope
from services.reporting.forms import is_sound
from services.reporting.kinds import KINDS
from services.reporting.models import inbound, partners
from services.reporting.observations import Ground
from services.reporting.scope import Effect, NotHeardYet, Sender
from services.reporting.states import State
from shared import outbox, telemetry
from shared.database import ReadSession, WriteSession
from shared.events.reporting import Channel, EventRejected, FieldFault, ReportSubmitted
from shared.messages import Fault, Message, Refused
from shared.shadows import shadow_of

Verdict = dict[str, Any]
"""What is to be written of an event; nothing while it must wait, or where it is refused: then its envelope has faults."""


async def of(session: WriteSession, stage: Sequence[Case]) -> dict[str, Verdict]:
    """The verdicts on events of one stage, by row. Those that are refused have changed nothing."""
    found = {case.row: await _judged(case, _alone(session, case)) for case in stage if not is_figure(case.envelope)}
    figures = [case for case in stage if is_figure(case.envelope)]
    if figures:
        ground = await observations.ground_of(session, [(case.envelope.client, case.envelope.data) for case in figures])
        for case in figures:
            found[case.row] = await _judged(case, _figure(session, ground, case))
    return found


async def _judged(case: Case, becoming: Awaitable[Effect]) -> Verdict:
    try:
        with telemetry.within(case.trace):
            effect = await becoming
    except NotHeardYet:
        return {}
    except Refused as refusal:
        case.envelope.faults.extend(refusal.faults)
        return {}
    what = f"{envelopes.SANDBOX}:{effect}" if case.envelope.sandbox else str(effect)
    return {"state": State.ACCEPTED, "effect": what, "effect_revision": effect.revision, "faults": [], "decided_at": case.now}


async def _figure(session: WriteSession, ground: Ground, case: Case) -> Effect:
    data = await trials.data_of(session, case.envelope, case.now)
    return await observations.take(session, ground, _sender(case), data, case.now)


async def _alone(session: WriteSession, case: Case) -> Effect:
    """What an event becomes by itself: in the sandbox, in the partner's shadow of the campaign."""
    data = await trials.data_of(session, case.envelope, case.now)
    return await KINDS[case.envelope.type](session, _sender(case), data, case.now)


def _sender(case: Case) -> Sender:
    return Sender(case.envelope.client, case.envelope.id)


async def faults_of(session: WriteSession, case: Case) -> list[Fault]:
    """What would be wrong with an event that nothing stands against. Whoever asks undoes the transaction."""
    envelope = case.envelope
    if envelope.id and not envelope.faults and not await _judged(case, _alone(session, case)) and not envelope.faults:
        envelope.faults.append(UNREGISTERED)
    return envelope.faults


FAULTS_TOLD, FIELD_TOLD, TEXT_TOLD = 100, 255, 1000

UNREGISTERED = Fault(
    "campaign",
    Message("Không có phong trào này, hoặc hệ thống chưa đăng ký với phong trào."),
    Message("Hãy kiểm tra mã phong trào, hoặc đăng ký hệ thống với Thường trực Hội đồng."),
)

_SUPERSEDE = (
    update(inbound)
    .where(inbound.c.effect == bindparam("what"), inbound.c.superseded_by.is_(None), inbound.c.effect_revision < bindparam("below"))
    .values(superseded_by=bindparam("by"))
)


def supersede(session: WriteSession, row: Mapping[str, Any]) -> None:
    """An event that became a further revision takes the place of the ones before it, at the next flush."""
    if row["effect_revision"] and row["effect_revision"] > 1:
        session.later(_SUPERSEDE, {"what": row["effect"], "below": row["effect_revision"], "by": row["id"]})


def written(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """Faults as they are kept, in both languages."""
    return [fault.model_dump() for fault in _told(faults)]


def _told(faults: Sequence[Fault]) -> tuple[FieldFault, ...]:
    """No more than fit into a message: what a partner sends says how many faults there are, and how long the names of its fields."""
    more = len(faults) - FAULTS_TOLD
    listed = faults if more <= 0 else [*faults[:FAULTS_TOLD], _and(more)]
    return tuple(FieldFault(field=f.field[:FIELD_TOLD], vi=f.render("vi")[:TEXT_TOLD], en=f.render("en")[:TEXT_TOLD]) for f in listed)


def _and(more: int) -> Fault:
    return Fault("", Message("Còn {number} lỗi khác.", number=more), Message("Hãy sửa các lỗi trên rồi gửi lại."))


async def refuse(session: WriteSession, case: Case, state: State = State.REJECTED) -> Verdict:
    """Tell the sender what is wrong; returns what is to be written of the event."""
    envelope = case.envelope
    campaign = await _campaign_of(session, envelope)
    if envelope.type == ReportSubmitted.TYPE:
        reports.count(session, shadow_of(campaign, envelope.client) if envelope.sandbox else campaign, Channel.PARTNER, "refused")
    event = EventRejected(
        campaign=campaign, client=envelope.client, event=envelope.id, faults=_told(envelope.faults), at=case.now,
        sandbox=envelope.sandbox,
    )  # fmt: skip
    with telemetry.within(case.trace):
        await outbox.record(session, event, case.now, client=envelope.client)
    return {"state": state, "faults": written(envelope.faults), "decided_at": case.now}


_ANY_CAMPAIGN = select(partners.c.campaign).where(partners.c.client == bindparam("client")).order_by(partners.c.campaign).limit(1)


async def _campaign_of(session: ReadSession, envelope: Envelope) -> str:
    """The campaign that the event names, if it does, else one for which the partner is registered."""
    named = envelope.data.get("campaign") if isinstance(envelope.data, dict) else None
    if isinstance(named, str) and 0 < len(named) <= 64 and is_sound(named):
        return named
    return await session.scalar(_ANY_CAMPAIGN, {"client": envelope.client}) or ""
