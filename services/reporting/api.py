"""The same use cases as JSON."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Request, Response

from services.reporting import (
    answers,
    completeness,
    discrepancies,
    openings,
    participants,
    reconciliation,
    reports,
    rounds,
)
from services.reporting.forms import Reading
from services.reporting.openings import OpeningForm
from services.reporting.reconciliation import CHOICES, ResolveForm
from services.reporting.reports import Receipt, ReportForm, ReturnForm
from services.reporting.rules.figures import OUTLIER, Figure
from services.reporting.submissions import Submission, intake_of
from shared import security, units
from shared.clock import local_date
from shared.database import ReadSession, WriteSession
from shared.events.registration import Role
from shared.events.reporting import Channel, ValueKind
from shared.messages import Message, Refused
from shared.security import SignedIn
from shared.service import Here, Service
from shared.web.pages import language_of
from shared.web.strict_json import StrictRoute

router = APIRouter(prefix="/api", route_class=StrictRoute, tags=["reporting"])

Json = Annotated[dict[str, Any], Body()]
REPORT = {
    "campaign": "lai-chau-2023", "unit": {"scheme": "dinh-danh", "value": "H35.19"}, "round": "ky-1",
    "values": [
        {"indicator": "giai-ngan", "value": 52.43, "unit_of_measure": "phan-tram", "kind": "preliminary", "as_of": "2023-07-14", "note": ""}
    ],
}  # fmt: skip
ODD = Message("Giá trị chênh bất thường so với các kỳ trước hoặc so với chỉ tiêu.")


@router.post("/reports", status_code=201)
async def submit(
    request: Request, here: Here, officer: SignedIn, body: Annotated[dict[str, Any], Body(examples=[REPORT])],
    idempotency_key: Annotated[str, Header()] = "",
) -> dict[str, Any]:  # fmt: skip
    """Submit a unit's report for a round, or correct it. The same Idempotency-Key gives the first answer again, once done."""
    now, language = here.now(), language_of(request)
    asked = answers.asked(officer.id, idempotency_key, await request.body())
    with counted(here, Channel.API, body.get("campaign")):
        async with here.database.read() as session:
            form = await _report_form(session, body, here)
        security.must_act_for(officer, form.unit, Role.CLERK, Role.HEAD)
        receipt = await intake_of(here).ask(Submission(form, officer, now, asked))
    return _receipt(receipt, language)


@contextmanager
def counted(here: Service, channel: Channel, campaign: Any) -> Iterator[None]:
    """Count refusals by channel and by the campaign that was named."""
    try:
        yield
    except Refused:
        here.telemetry.reports.labels(here.telemetry.campaigns.of(campaign), channel, "refused").inc()
        raise


async def _report_form(session: ReadSession, body: dict[str, Any], here: Service) -> ReportForm:
    reading = Reading(body)
    campaign, round = reading.text("campaign", limit=64, required=False), reading.text("round", limit=64)
    figures = tuple(_figure(value) for value in reading.each("values"))
    reading.done()
    unit = await participants.identify(session, body.get("unit"), local_date(here.now()))
    found = await participants.campaign_named(session, campaign)
    return ReportForm(found.code, unit, round, Channel.API, figures)


def _figure(reading: Reading) -> Figure:
    return Figure(
        reading.text("indicator", limit=64),
        reading.number("value"),
        reading.text("unit_of_measure", limit=32),
        ValueKind(reading.choice("kind", ValueKind) or ValueKind.ESTIMATE),
        reading.day("as_of") or NO_DAY,
        reading.text("note", required=False),
    )


NO_DAY = units.BEGINNING
"""Stands for a day that could not be read; the fault beside it keeps the report out."""


def _receipt(receipt: Receipt, language: str) -> dict[str, Any]:
    flags = [{"indicator": code, "code": OUTLIER, "message": ODD.render(language)} for code in receipt.flags]
    return {
        "report": receipt.report, "revision": receipt.revision, "status": receipt.status, "on_time": receipt.on_time,
        "submitted_at": receipt.submitted_at.isoformat(), "flags": flags,
    }  # fmt: skip


@router.get("/reports")
async def list_reports(here: Here, officer: SignedIn, campaign: str = "", unit: str = "", round: str = "") -> list[dict[str, Any]]:
    """Reports that the officer may see, the own unit's first."""
    async with here.database.read() as session:
        code = (await participants.campaign_named(session, campaign)).code
        visible = await security.visible_units(session, officer, local_date(here.now()))
        rows = await reports.listed(session, code, round=round, unit=unit)
    seen = [_summary(row) for row in rows if visible is None or row.unit in visible]
    return sorted(seen, key=lambda row: row["unit"] != officer.unit)


def _summary(row: Any) -> dict[str, Any]:
    names = ("report", "campaign", "unit", "round", "revision", "status", "on_time", "first_submitted_at", "submitted_at")
    return {name: getattr(row, name) for name in names}


@router.get("/reports/{report}")
async def read_report(here: Here, officer: SignedIn, report: str) -> dict[str, Any]:
    """One report with the figures that count and its history."""
    async with here.database.read() as session:
        row = await reports.find(session, report)
        await security.must_see(session, officer, row.unit, local_date(here.now()))
        values = await reports.figures_of(session, report, row.accepted_revision)
        history = await reports.history(session, report)
    return _summary(row) | {
        "values": [{n: v for n, v in f._mapping.items() if n not in {"report", "revision", "place"}} for f in values],  # noqa: SLF001 - SQLAlchemy's own name
        "history": [{n: getattr(v, n) for n in ("revision", "status", "channel", "at", "actor_name", "reason", "notes")} for v in history],
    }


@router.post("/reports/{report}/return")
async def return_report(here: Here, officer: SignedIn, report: str, body: Json) -> dict[str, Any]:
    """Return a report to its unit: {"reason": …, "notes": {indicator: remark}}."""
    reading = Reading(body)
    reason = reading.text("reason")
    notes = reading.inner("notes") if "notes" in body else Reading({})
    remarks = {str(code): notes.text(str(code)) for code in notes.data}
    reading.done()
    notes.done()
    async with here.database.write() as session:
        receipt = await reports.give_back(session, ReturnForm(report, reason, remarks, Channel.API), officer, here.now())
    return {"report": receipt.report, "revision": receipt.revision, "status": receipt.status}


@router.get("/rounds")
async def list_rounds(here: Here, officer: SignedIn, campaign: str = "") -> list[dict[str, Any]]:  # noqa: ARG001 - signed in is enough
    """The campaign's rounds and their state."""
    async with here.database.read() as session:
        found = await participants.campaign_named(session, campaign)
        known = await rounds.states(session, found.code)
    return [
        {
            "campaign": found.code, "round": r.code, "title": r.title.model_dump(), "window_start": r.window_start, "cutoff": r.cutoff,
            "opens_at": r.opens_at, "deadline": r.deadline, "state": rounds.state_of(known.get(r.code)),
        }
        for r in found.rounds
    ]  # fmt: skip


@router.get("/discrepancies")
async def list_discrepancies(here: Here, officer: SignedIn, campaign: str = "") -> list[dict[str, Any]]:
    """Disagreements between units and partners, open ones first."""
    async with here.database.read() as session:
        code = (await participants.campaign_named(session, campaign)).code
        visible = await security.visible_units(session, officer, local_date(here.now()))
        return [dict(row._mapping) for row in await discrepancies.listed(session, code, visible)]  # noqa: SLF001 - SQLAlchemy's own name


@router.post("/discrepancies/{discrepancy}/resolve")
async def resolve(here: Here, officer: SignedIn, discrepancy: str, body: Json) -> dict[str, Any]:
    """Decide a disagreement: {"kept": "unit" or "partner", "reason": …}."""
    reading = Reading(body)
    form = ResolveForm(discrepancy, reading.choice("kept", CHOICES), reading.text("reason"))
    reading.done()
    async with here.database.write() as session:
        row = await reconciliation.resolve(session, form, officer, here.now())
    return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's own name


@router.post("/openings", status_code=201)
async def open_round(here: Here, officer: SignedIn, body: Json) -> dict[str, Any]:
    """Open a locked round for one unit until an instant: {"unit", "round", "until": ISO 8601, "reason", "campaign"}."""
    now = here.now()
    async with here.database.write() as session:
        form = await _opening_form(session, body, here)
        return {"opening": await openings.open_for(session, form, officer, now), "until": form.until}


async def _opening_form(session: WriteSession, body: dict[str, Any], here: Service) -> OpeningForm:
    reading = Reading(body)
    code, round = reading.text("campaign", limit=64, required=False), reading.text("round", limit=64)
    until, reason = reading.instant("until"), reading.text("reason")
    reading.done()
    campaign = await participants.campaign_named(session, code)
    unit = await participants.identify(session, body.get("unit"), local_date(here.now()))
    return OpeningForm(campaign, unit, rounds.find(campaign, round), until, reason)


@router.get("/completeness")
async def read_completeness(here: Here, officer: SignedIn, campaign: str = "", round: str = "") -> dict[str, Any]:
    """Who reported, per visible unit and round, and the counts over them."""
    async with here.database.read() as session:
        found = await participants.campaign_named(session, campaign)
        visible = await security.visible_units(session, officer, local_date(here.now()))
        among = [rounds.find(found, round)] if round else None
        lines = [line for line in await completeness.lines(session, found, here.now(), among) if visible is None or line.unit in visible]
    units_ = [{"unit": n.unit, "cluster": n.cluster, "round": n.round, "owed": n.owed, "standing": n.standing} for n in lines]
    return {"campaign": found.code, "counts": asdict(completeness.tally(lines)), "units": units_}


@router.get("/books")
async def read_books(here: Here, officer: SignedIn, response: Response, campaign: str = "") -> dict[str, Any]:
    """The counts of the campaign: expected = received + missing, received = on_time + late."""
    officer.must_hold(Role.OPERATOR, Role.AUDITOR, Role.SECRETARY)
    response.headers["cache-control"] = "no-store"
    async with here.database.read() as session:
        return await completeness.books(session, await participants.campaign_named(session, campaign), here.now())
