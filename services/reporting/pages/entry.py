"""The entry grid of a round: last round beside, faults in place, what was typed stays; a receipt at the end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.reporting import duties, openings, participants, reports, rounds, sheets
from services.reporting.api import NO_DAY, counted
from services.reporting.forms import Reading
from services.reporting.pages.due import Campaign
from services.reporting.pages.words import KINDS, STATUSES
from services.reporting.reports import ReportForm
from services.reporting.rules.figures import Figure, Known, judge, titled
from services.reporting.sheets import ACCEPTED, Sheet
from services.reporting.submissions import NoteNeeded, Submission, intake_of
from shared import numbers, security, units
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.campaign import UnitOfMeasure
from shared.events.registration import Role
from shared.events.reporting import Channel, ValueKind
from shared.messages import Conflict, Fault, Message, Refused
from shared.security import Officer, SignedIn
from shared.service import Here
from shared.web import errors
from shared.web.pages import language_of, render
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)

UNCHANGED = Message("Không thay đổi so với kỳ trước")
PARTS = ("value", "kind", "as_of", "note", "confirmed", "unchanged")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the grid: the indicator, what was known before, what was taken in for this round, and what stands in the fields."""

    place: int
    known: Known
    measure: UnitOfMeasure | None
    before: Any
    given: Any
    typed: Mapping[str, str]


@router.get("/rounds/{round}")
async def grid(request: Request, here: Here, officer: SignedIn, round: str, campaign: Campaign = "") -> HTMLResponse:
    """The own unit's grid with what it has given so far."""
    security.must_act_for(officer, officer.unit, Role.CLERK, Role.HEAD)
    async with here.database.read() as session:
        sheet = await _sheet(session, officer, campaign, round)
        return await _page(request, here, session, sheet, _given(sheet))


@router.post("/rounds/{round}")
async def submit(request: Request, here: Here, officer: SignedIn, round: str, campaign: Campaign = "") -> Response:
    """Submit or correct the own unit's report; on faults the grid comes back with what was typed."""
    security.must_act_for(officer, officer.unit, Role.CLERK, Role.HEAD)
    now = here.now()
    async with here.database.read() as session:
        sheet = await _sheet(session, officer, campaign, round)
    written = await request.form()
    typed, figures = _typed(written, sheet), tuple[Figure, ...]()
    try:
        with counted(here, Channel.PAGE):
            figures = _figures(sheet, typed, language_of(request), local_date(now))
            form = ReportForm(sheet.campaign.code, officer.unit, round, Channel.PAGE, figures, asks=True, seen=_seen(written))
            receipt = await intake_of(here).ask(Submission(form, officer, now))
    except Refused as refusal:
        async with here.database.read() as session:
            stands = await _standing(session, officer, sheet, figures) if isinstance(refusal, Conflict) else None
        return _to_receipt(stands) if stands else await _again(request, here, (campaign, round), typed, refusal)
    here.telemetry.reports.labels(Channel.PAGE, "on_time" if receipt.on_time else "late").inc()
    return _to_receipt(receipt.report)


async def _again(
    request: Request, here: Here, asked: tuple[str, str], typed: Mapping[int, Mapping[str, str]], refusal: Refused
) -> HTMLResponse:
    """The grid with what was typed, as the unit's sheet stands now."""
    await errors.note(request, refusal.status, refusal.faults)
    async with here.database.read() as session:
        sheet = await _sheet(session, request.state.officer, *asked)
        page = await _page(request, here, session, sheet, typed, refusal)
    page.status_code = refusal.status
    return page


def _to_receipt(report: str) -> RedirectResponse:
    return RedirectResponse(f"/reporting/reports/{report}/receipt", 303)


def _seen(form: Mapping[str, Any]) -> int | None:
    """The revision of the report that the grid was drawn from."""
    revision = str(form.get("revision", ""))
    return int(revision) if revision.isdecimal() else None


async def _standing(session: ReadSession, officer: Officer, sheet: Sheet, figures: tuple[Figure, ...]) -> str | None:
    """The report that says the very same and was taken in already: a sending repeated because no answer came."""
    [row] = await reports.listed(session, sheet.campaign.code, round=sheet.round.code, unit=officer.unit)
    stored = [(f.indicator, f.value, f.kind, f.as_of, f.note) for f in await reports.figures_of(session, row.report, row.accepted_revision)]
    given = [(f.indicator, f.value, f.kind, f.as_of, f.note) for f in figures]
    return str(row.report) if row.status == ACCEPTED and stored == given else None


@router.get("/reports/{report}/receipt")
async def receipt(request: Request, here: Here, officer: SignedIn, report: str) -> HTMLResponse:
    """What the unit holds in hand: when, on time or late, which values looked odd, and the way to the score."""
    now = here.now()
    async with here.database.read() as session:
        row = await reports.find(session, report)
        await security.must_see(session, officer, row.unit, local_date(now))
        campaign = await participants.campaign_named(session, row.campaign)
        figures = await reports.figures_of(session, report, row.accepted_revision)
    return render(
        request, "receipt.html", campaign=campaign, round=rounds.find(campaign, row.round), report=row, figures=figures,
        odd=[figure for figure in figures if figure.flag], statuses=STATUSES,
    )  # fmt: skip


async def _sheet(session: ReadSession, officer: Officer, campaign: str, round: str) -> Sheet:
    found = await participants.campaign_named(session, campaign)
    await participants.must_take_part(session, found.code, officer.unit)
    return await sheets.find(session, found, rounds.find(found, round), officer.unit)


async def _page(
    request: Request, here: Here, session: ReadSession, sheet: Sheet, typed: Mapping[int, Mapping[str, str]], refusal: Refused | None = None
) -> HTMLResponse:
    officer: Officer = request.state.officer
    now = here.now()
    faults = refusal.faults if refusal else ()
    listed = await duties.of_unit(session, sheet.campaign, officer.unit, now)
    return render(
        request, "grid.html", campaign=sheet.campaign, round=sheet.round, rows=_rows(sheet, typed), faults=faults, named=_named(sheet, faults),
        asks=isinstance(refusal, NoteNeeded), moved=isinstance(refusal, Conflict), unit=await units.known(session, officer.unit, local_date(now)), kinds=KINDS,
        locked=await openings.reason_locked(session, sheet.campaign, sheet.round, officer.unit, now),
        duty=next((duty for duty in listed if duty.round.code == sheet.round.code), None),
    )  # fmt: skip


def _named(sheet: Sheet, faults: tuple[Fault, ...]) -> list[Fault]:
    """The faults as the summary tells them, each with its indicator's title."""
    titles = [titled(known.indicator) for known in sheet.known.values()]
    return [
        fault._replace(problem=Message("{indicator}: {problem}", indicator=titles[int(place)], problem=fault.problem))
        if (place := fault.field.partition(".")[2].partition(".")[0]).isdigit()
        else fault
        for fault in faults
    ]


def _rows(sheet: Sheet, typed: Mapping[int, Mapping[str, str]]) -> list[Row]:
    return [
        Row(place, known, sheet.campaign.unit_of_measure(known.indicator.unit_of_measure), sheet.before.get(code), sheet.given.get(code), typed[place])
        for place, (code, known) in enumerate(sheet.known.items())
    ]


def _given(sheet: Sheet) -> dict[int, dict[str, str]]:
    """What the fields show at first: what was given for this round, else the cut-off and the last round's kind."""
    return {place: _given_row(sheet, code) for place, code in enumerate(sheet.known)}


def _given_row(sheet: Sheet, code: str) -> dict[str, str]:
    empty = dict.fromkeys(PARTS, "")
    given, before = sheet.given.get(code), sheet.before.get(code)
    if given is None:
        return empty | {"kind": before.kind if before else ValueKind.PRELIMINARY, "as_of": _day(sheet.round.cutoff)}
    value = "" if given.value is None else numbers.write(given.value)
    return empty | {"value": value, "kind": given.kind, "as_of": _day(given.as_of), "note": given.note}


def _day(day: date) -> str:
    return f"{day:%d/%m/%Y}"


def _typed(form: Mapping[str, Any], sheet: Sheet) -> dict[int, dict[str, str]]:
    return {place: {part: str(form.get(f"values.{place}.{part}", "")) for part in PARTS} for place in range(len(sheet.known))}


def _figures(sheet: Sheet, typed: Mapping[int, Mapping[str, str]], language: str, today: date) -> tuple[Figure, ...]:
    """The figures of the grid. Raises `Refused` with what could not be read, and with every fault of the rows that could."""
    faults: list[Fault] = []
    figures = tuple(
        _figure(Reading(typed[place], f"values.{place}", faults), known, sheet.before.get(code), language)
        for place, (code, known) in enumerate(sheet.known.items())
    )
    if faults:
        unread = {_line_of(fault) for fault in faults}
        others = [fault for fault in judge(figures, sheet.known, sheet.round, today).faults if _line_of(fault) not in unread]
        raise Refused(*sorted([*faults, *others], key=lambda fault: int(fault.field.split(".")[1])))
    return figures


def _line_of(fault: Fault) -> str:
    return ".".join(fault.field.split(".")[:2])


def _figure(reading: Reading, known: Known, before: Any, language: str) -> Figure:
    note = reading.text("note", required=False)
    value: Decimal | None
    if reading.data["unchanged"] and before is not None and not reading.data["value"].strip():
        value, note = before.value, note or UNCHANGED.render(language)
    else:
        value = reading.number("value")
    return Figure(
        known.indicator.code, value, known.indicator.unit_of_measure,
        ValueKind(reading.choice("kind", ValueKind) or ValueKind.ESTIMATE), reading.day("as_of") or NO_DAY, note,
        confirmed=bool(reading.data["confirmed"]),
    )  # fmt: skip
