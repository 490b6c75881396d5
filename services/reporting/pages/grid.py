"""The entry grid: what stands in its fields, what they say as figures, and its page with faults in place."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from services.reporting import duties, openings, participants, rounds, sheets
from services.reporting.api import NO_DAY
from services.reporting.forms import Reading
from services.reporting.pages.words import KINDS
from services.reporting.pages.workbooks.tally import Tally
from services.reporting.rules.figures import Figure, Known, judge, titled
from services.reporting.sheets import Sheet
from services.reporting.submissions import NoteNeeded
from shared import numbers, units
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.campaign import UnitOfMeasure
from shared.events.reporting import ValueKind
from shared.messages import Conflict, Fault, Message, Refused
from shared.security import Officer
from shared.service import Here
from shared.web.pages import render

UNCHANGED = Message("Không thay đổi so với kỳ trước")
PARTS = ("value", "kind", "as_of", "note", "confirmed", "unchanged")

Typed = Mapping[int, Mapping[str, str]]
"""What stands in the fields, by line and part."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the grid: the indicator, what was known before, what was taken in for this round, and what stands in the fields."""

    place: int
    known: Known
    measure: UnitOfMeasure | None
    before: Any
    given: Any
    typed: Mapping[str, str]


async def open_sheet(session: ReadSession, officer: Officer, campaign: str, round: str) -> Sheet:
    """The own unit's sheet of a round; raises `Refused` where the unit does not take part."""
    found = await participants.campaign_named(session, campaign)
    await participants.must_take_part(session, found.code, officer.unit)
    return await sheets.find(session, found, rounds.find(found, round), officer.unit)


async def page(
    request: Request, here: Here, session: ReadSession, sheet: Sheet, typed: Typed, refusal: Refused | None = None, workbook: Tally | None = None,
) -> HTMLResponse:  # fmt: skip
    """The grid with these fields; `workbook`: they come from one, which would change so much, and are not handed in yet."""
    officer: Officer = request.state.officer
    now = here.now()
    faults = refusal.faults if refusal else ()
    listed = await duties.of_unit(session, sheet.campaign, officer.unit, now)
    return render(
        request, "grid.html", campaign=sheet.campaign, round=sheet.round, rows=_rows(sheet, typed), faults=faults, named=_named(sheet, faults),
        asks=isinstance(refusal, NoteNeeded), moved=isinstance(refusal, Conflict), workbook=workbook,
        unit=await units.known(session, officer.unit, local_date(now)), kinds=KINDS,
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


def _rows(sheet: Sheet, typed: Typed) -> list[Row]:
    return [
        Row(place, known, sheet.campaign.unit_of_measure(known.indicator.unit_of_measure), sheet.before.get(code), sheet.given.get(code), typed[place])
        for place, (code, known) in enumerate(sheet.known.items())
    ]


def given(sheet: Sheet) -> dict[int, dict[str, str]]:
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


def read(form: Mapping[str, Any], sheet: Sheet) -> dict[int, dict[str, str]]:
    """What a form says."""
    return {place: {part: str(form.get(f"values.{place}.{part}", "")) for part in PARTS} for place in range(len(sheet.known))}


def figures_of(sheet: Sheet, typed: Typed, language: str, today: date) -> tuple[Figure, ...]:
    """The figures of the grid. Raises `Refused` with what could not be read, and with every fault of the rows that could."""
    faults: list[Fault] = []
    found = tuple(
        _figure(Reading(typed[place], f"values.{place}", faults), known, sheet.before.get(code), language)
        for place, (code, known) in enumerate(sheet.known.items())
    )
    if faults:
        unread = {_line_of(fault) for fault in faults}
        others = [fault for fault in judge(found, sheet.known, sheet.round, today).faults if _line_of(fault) not in unread]
        raise Refused(*sorted([*faults, *others], key=lambda fault: int(fault.field.split(".")[1])))
    return found


def _line_of(fault: Fault) -> str:
    return ".".join(fault.field.split(".")[:2])


def _figure(reading: Reading, known: Known, before: Any, language: str) -> Figure:
    note = reading.text("note", required=False)
    value: Decimal | None
    if reading.data["unchanged"] and before is not None and not reading.data["value"].strip():
        value, note = before.value, note or UNCHANGED.render(language)
    else:
        value = reading.number("value")
    kinds = [words.render(language) for words in KINDS.values()]
    return Figure(
        known.indicator.code, value, known.indicator.unit_of_measure,
        ValueKind(reading.choice("kind", ValueKind, told=kinds) or ValueKind.ESTIMATE), reading.day("as_of") or NO_DAY, note,
        confirmed=bool(reading.data["confirmed"]),
    )  # fmt: skip
