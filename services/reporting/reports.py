"""Reports: a unit's figures for a round are submitted, corrected, or returned by those above; every version stays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, select, update

from services.reporting import discrepancies, openings, rounds
from services.reporting.backgrounds import Background
from services.reporting.models import figures, reports, versions
from services.reporting.rules.figures import OUTLIER, Figure
from services.reporting.rules.timeliness import is_on_time
from services.reporting.sheets import ACCEPTED, RETURNED
from shared import audit, campaigns, outbox, security, units
from shared.clock import local_date
from shared.database import ReadSession, WriteSession, add_later, row_of
from shared.events.campaign import Campaign, Round
from shared.events.registration import Role
from shared.events.reporting import Channel, ReportAccepted, ReportedValue, ReportReturned
from shared.identity import new_id
from shared.inbox import lock
from shared.messages import Conflict, Fault, Forbidden, Message, NotFound, Refused
from shared.security import Officer, System
from shared.shadows import is_shadow
from shared.telemetry import traceparent

REASON_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class ReportForm:
    """A whole report as it came in. `asks`: a person is there, to be asked about odd values before they are taken.

    `seen`: the revision that its author had before them, 0 where there was none; None when they do not say.
    """

    campaign: str
    unit: str
    round: str
    channel: Channel
    figures: tuple[Figure, ...]
    asks: bool = False
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class ReturnForm:
    """Why a report goes back, with remarks by indicator; and the way by which that is said."""

    report: str
    reason: str
    notes: Mapping[str, str]
    channel: Channel = Channel.PAGE


class Receipt(NamedTuple):
    """What the unit gets in hand. `flags`: indicators whose value looks odd and was taken all the same."""

    report: str
    revision: int
    status: str
    on_time: bool
    submitted_at: datetime
    flags: tuple[str, ...]

    def kept(self) -> dict[str, Any]:
        """The receipt as JSON."""
        return self._asdict() | {"submitted_at": self.submitted_at.isoformat(), "flags": list(self.flags)}

    @classmethod
    def restored(cls, kept: Mapping[str, Any]) -> "Receipt":
        """A receipt that was kept."""
        return cls(**{**kept, "submitted_at": datetime.fromisoformat(kept["submitted_at"]), "flags": tuple(kept["flags"])})


def key_of(campaign: str, unit: str) -> str:
    """The key that is locked while a unit's reports or discrepancies change."""
    return f"reporting|{campaign}|{unit}"


async def accept(
    session: WriteSession, campaign: Campaign, round: Round, form: ReportForm, actor: Officer | System, now: datetime,
    background: Background, flags: Sequence[str] = (),
) -> Receipt:  # fmt: skip
    """Write a report that has been decided on: rows, event, audit, and the comparison with what partners saw."""
    before = background.reports.get(round.code)
    row = _next(before, round, now) | {"campaign": campaign.code, "unit": form.unit, "round": round.code}
    _save(session, before is None, row)
    event = await outbox.record(session, _accepted(row, form), now)
    _save_version(session, row | {"event": event}, form, actor, flags)
    if not is_shadow(campaign.code):
        await audit.record(
            session, actor, "report.corrected" if before else "report.submitted", row["report"], now,
            unit=form.unit, round=round.code, revision=row["revision"], on_time=row["on_time"], channel=form.channel,
        )  # fmt: skip
    await discrepancies.compare_report(session, campaign, round, form, background.observed, now)
    count(session, campaign.code, form.channel, "on_time" if row["on_time"] else "late")
    return Receipt(row["report"], row["revision"], ACCEPTED, row["on_time"], now, tuple(flags))


def _next(before: Any, round: Round, now: datetime) -> dict[str, Any]:
    """The report's row after this submission; on time or late is decided once, by the first."""
    first = before.first_submitted_at if before else now
    revision = before.revision + 1 if before else 1
    return {
        "report": before.report if before else new_id(),
        "revision": revision,
        "status": ACCEPTED,
        "first_submitted_at": first,
        "submitted_at": now,
        "on_time": before.on_time if before else is_on_time(now, round.deadline),
        "accepted_revision": revision,
        "acceptances": before.acceptances + 1 if before else 1,
        "returns": before.returns if before else 0,
    }


_RENEW = update(reports).where(reports.c.report == bindparam("this"))


def _save(session: WriteSession, new: bool, row: Mapping[str, Any]) -> None:
    if new:
        add_later(session, reports, row)
    else:
        session.later(_RENEW, {**row, "this": row["report"]})


def _save_version(
    session: WriteSession, row: Mapping[str, Any], form: ReportForm, actor: Officer | System, flags: Sequence[str]
) -> None:
    _append(session, row, ACCEPTED, form.channel, actor, row["submitted_at"])
    key = {"report": row["report"], "revision": row["revision"]}
    rows = [
        {
            **key, "indicator": f.indicator, "place": place, "value": f.value, "unit_of_measure": f.unit_of_measure, "kind": f.kind,
            "as_of": f.as_of, "note": f.note, "flag": OUTLIER if f.indicator in flags else "",
        }
        for place, f in enumerate(form.figures)
    ]  # fmt: skip
    add_later(session, figures, *rows)


def _append(
    session: WriteSession, row: Mapping[str, Any], status: str, channel: Channel, actor: Officer | System, now: datetime,
    reason: str = "", notes: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    version = {
        "report": row["report"], "revision": row["revision"], "status": status, "channel": channel, "at": now, "actor": actor.id,
        "actor_name": actor.name, "reason": reason, "notes": dict(notes or {}), "event": row["event"], "traceparent": traceparent(),
    }  # fmt: skip
    add_later(session, versions, version)


def _accepted(row: Mapping[str, Any], form: ReportForm) -> ReportAccepted:
    values = tuple(
        ReportedValue(
            indicator=f.indicator, value=f.value, unit_of_measure=f.unit_of_measure, kind=f.kind, as_of=f.as_of, note=f.note
        )
        for f in form.figures
    )
    return ReportAccepted(
        campaign=row["campaign"], unit=row["unit"], round=row["round"], report=row["report"], revision=row["revision"],
        channel=form.channel, submitted_at=row["submitted_at"], first_submitted_at=row["first_submitted_at"],
        on_time=row["on_time"], correction=row["acceptances"] > 1, values=values,
    )  # fmt: skip


async def give_back(session: WriteSession, form: ReturnForm, officer: Officer, now: datetime) -> Receipt:
    """Return a report to its unit with a reason; its figures do not count until the unit submits again."""
    row = await find(session, form.report)
    await must_be_above(session, officer, row.unit, now)
    await lock(session, [key_of(row.campaign, row.unit)])
    row = await find(session, form.report)
    await _check_return(session, form, row, now)
    after = {"revision": row.revision + 1, "status": RETURNED, "returns": row.returns + 1}
    await session.execute(update(reports).where(reports.c.report == row.report).values(after))
    event = ReportReturned(
        campaign=row.campaign, unit=row.unit, round=row.round, report=row.report, revision=after["revision"], reason=form.reason,
        notes=tuple(f"{indicator}: {note}" for indicator, note in form.notes.items()), returned_by=officer.id,
        first_submitted_at=row.first_submitted_at, on_time=row.on_time,
    )  # fmt: skip
    told = await outbox.record(session, event, now)
    _append(session, {"report": row.report, "event": told, **after}, RETURNED, form.channel, officer, now, form.reason, form.notes)
    await audit.record(session, officer, "report.returned", row.report, now, unit=row.unit, round=row.round, reason=form.reason)
    count(session, row.campaign, form.channel, "returned")
    return Receipt(row.report, row.revision + 1, RETURNED, row.on_time, now, ())


def count(session: WriteSession, campaign: str, channel: Channel, outcome: str) -> None:
    """Count what became of a report, once it is written for good."""
    if session.telemetry:
        label = session.telemetry.campaigns.of(campaign)
        session.after_commit(partial(session.telemetry.reports.labels(label, channel, outcome).inc))


async def must_be_above(session: ReadSession, officer: Officer, unit: str, now: datetime) -> None:
    """Only the head of a unit above, or the council's secretary, judges a unit's report; nobody judges their own unit's."""
    await security.must_see(session, officer, unit, local_date(now))
    if not await is_above(session, officer, unit, now):
        raise Forbidden(
            Fault("", Message("Chỉ thủ trưởng đơn vị cấp trên hoặc Thường trực Hội đồng được làm việc này, và không với đơn vị mình."))
        )


async def is_above(session: ReadSession, officer: Officer, unit: str, now: datetime) -> bool:
    """True when the officer may return the unit's reports."""
    if officer.unit == unit:
        return False
    return officer.holds(Role.SECRETARY) or (
        officer.holds(Role.HEAD) and officer.unit in await units.ancestors(session, unit, local_date(now))
    )


async def _check_return(session: ReadSession, form: ReturnForm, row: Any, now: datetime) -> None:
    if not form.reason or len(form.reason) > REASON_LIMIT:
        cure = Message("Hãy nêu lý do trả lại, không quá {limit} ký tự.", limit=REASON_LIMIT)
        raise Refused(Fault("reason", Message("Lý do trả lại chưa đúng."), cure))
    if row.status != ACCEPTED:
        raise Conflict(Fault("", Message("Báo cáo này đang được trả lại, chờ đơn vị nộp lại.")))
    campaign = await campaigns.find(session, row.campaign)
    await openings.must_take_reports(session, campaign, rounds.find(campaign, row.round), row.unit, now)
    known = {code.indicator for code in await figures_of(session, row.report, row.accepted_revision)}
    strange = sorted(set(form.notes) - known)
    if strange:
        raise Refused(*(Fault(f"notes.{code}", Message("Báo cáo không có chỉ tiêu “{code}”.", code=code)) for code in strange))


async def find(session: ReadSession, report: str) -> Any:
    """One report; raises `NotFound`, for one that is only tried out as well: nobody opens or returns it."""
    row = await row_of(session, reports, report=report)
    if row is None or is_shadow(row.campaign):
        raise NotFound(Fault("report", Message("Không có báo cáo này trong phạm vi của đồng chí.")))
    return row


async def last_sender(session: ReadSession, campaign: str, unit: str, round: str) -> Any:
    """The channel by which the version that was accepted last came in, and its actor; None where no report is."""
    query = (
        select(versions.c.channel, versions.c.actor)
        .join(reports, and_(reports.c.report == versions.c.report, reports.c.accepted_revision == versions.c.revision))
        .where(reports.c.campaign == campaign, reports.c.unit == unit, reports.c.round == round)
    )
    return (await session.execute(query)).one_or_none()


async def figures_of(session: ReadSession, report: str, revision: int) -> list[Any]:
    """The figures of one accepted revision, in the order of the form."""
    query = select(figures).where(figures.c.report == report, figures.c.revision == revision).order_by(figures.c.place)
    return list((await session.execute(query)).all())


async def listed(session: ReadSession, campaign: str, *, round: str = "", unit: str = "") -> list[Any]:
    """Reports of a campaign, by round and unit if given, the newest submission first."""
    query = select(reports).where(reports.c.campaign == campaign).order_by(reports.c.submitted_at.desc(), reports.c.report)
    if round:
        query = query.where(reports.c.round == round)
    if unit:
        query = query.where(reports.c.unit == unit)
    return list((await session.execute(query)).all())


async def history(session: ReadSession, report: str) -> list[Any]:
    """Every acceptance and return of a report, the newest first."""
    query = select(versions).where(versions.c.report == report).order_by(versions.c.revision.desc())
    return list((await session.execute(query)).all())
