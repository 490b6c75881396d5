"""Who has reported, drawn and listed; and the decisions that opened locked rounds."""

from collections.abc import Callable, Iterable
from datetime import datetime, time
from math import ceil
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.reporting import completeness, openings, participants, rounds
from services.reporting.completeness import Line, Standing
from services.reporting.forms import Reading
from services.reporting.openings import OpeningForm
from services.reporting.pages.due import Campaign
from services.reporting.pages.words import STANDINGS, TONES, UNIT_KINDS
from shared import security
from shared.clock import LOCAL, local_date
from shared.database import ReadSession
from shared.events import campaign as movement
from shared.events.campaign import Round
from shared.events.registration import Role
from shared.messages import Fault, Refused
from shared.security import SignedIn
from shared.service import Here
from shared.units import KnownUnit, plain
from shared.web.charts import Part, Stack
from shared.web.formats import sort_key
from shared.web.pages import language_of, render
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)

PAGE = 50
"""Units on one page of the list."""
CLOSING_TIME = time(17)
"""An opening ends at the end of office hours of the day that the secretary names."""


@router.get("/completeness")
async def show(
    request: Request, here: Here, officer: SignedIn, campaign: Campaign = "", round: str = "", cluster: str = "", standing: str = "",
    by: str = "cluster", search: str = "", page: int = 1,
) -> HTMLResponse:  # fmt: skip
    """One round: bars by cluster or kind of unit, and the units with a filter."""
    now, language = here.now(), language_of(request)
    async with here.database.read() as session:
        found = await participants.campaign_named(session, campaign)
        chosen = rounds.find(found, round) if round else _current(found, now)
        visible = await security.visible_units(session, officer, local_date(now))
        names = await completeness.names(session, now)
        lines = [line for line in await completeness.lines(session, found, now, [chosen]) if visible is None or line.unit in visible]
    wanted = _filtered(lines, names, cluster, standing, search)
    pages = max(1, ceil(len(wanted) / PAGE))
    page = min(max(page, 1), pages)
    titles = {c.code: c.title.in_language(language) for c in found.clusters}
    group = _by_kind(names, language) if by == "kind" else lambda line: titles.get(line.cluster, line.cluster)
    return render(
        request, "completeness.html", campaign=found, round=chosen, counts=completeness.tally(lines), names=names, titles=titles,
        stacks=_stacks(lines, group, language), lines=wanted[(page - 1) * PAGE : page * PAGE], standings=STANDINGS,
        cluster=cluster, standing=standing, by=by, search=search, may_open=officer.holds(Role.SECRETARY),
        clusters=sorted({line.cluster for line in lines}), count=len(wanted), page=page, pages=pages,
    )  # fmt: skip


def _current(campaign: movement.Campaign, now: datetime) -> Round:
    """The round that opened last; before any did, the first."""
    opened = [round for round in campaign.rounds if round.opens_at <= now]
    return max(opened, key=lambda r: r.opens_at) if opened else campaign.rounds[0]


def _by_kind(names: dict[str, KnownUnit], language: str) -> Callable[[Line], str]:
    def kind(line: Line) -> str:
        unit = names.get(line.unit)
        return UNIT_KINDS[movement.UnitKind(unit.kind)].render(language) if unit else line.unit

    return kind


def _stacks(lines: Iterable[Line], group: Callable[[Line], str], language: str) -> list[Stack]:
    """One bar per group, made of standings."""
    counts: dict[str, dict[Standing, int]] = {}
    for line in lines:
        of_group = counts.setdefault(group(line), dict.fromkeys(Standing, 0))
        of_group[line.standing] += 1
    present = [s for s in Standing if any(found[s] for found in counts.values())]
    return [
        Stack(name, [Part(STANDINGS[s][0].render(language), found[s], TONES[s]) for s in present])
        for name, found in sorted(counts.items(), key=lambda group: sort_key(group[0]))
    ]


def _filtered(lines: Iterable[Line], names: dict[str, KnownUnit], cluster: str, standing: str, search: str) -> list[Line]:
    """Those who owe something first, in official order."""
    wanted = plain(search.strip())
    found = [
        line for line in lines
        if (not cluster or line.cluster == cluster) and (not standing or line.standing == standing)
        and (not wanted or wanted in plain(names[line.unit].name if line.unit in names else ""))
    ]  # fmt: skip
    urgency = [Standing.MISSING, Standing.RETURNED, Standing.WAITING, Standing.LATE, Standing.ON_TIME, Standing.ON_HOLD]
    return sorted(found, key=lambda line: (urgency.index(line.standing), names[line.unit].position if line.unit in names else 0))


@router.get("/openings")
async def list_openings(request: Request, here: Here, officer: SignedIn, campaign: Campaign = "") -> HTMLResponse:
    """Decisions that opened a locked round for a unit, and the form for another."""
    officer.must_hold(Role.SECRETARY, Role.AUDITOR)
    async with here.database.read() as session:
        return await _openings_page(request, here, session, campaign, {}, ())


@router.post("/openings")
async def open_round(request: Request, here: Here, officer: SignedIn, campaign: Campaign = "") -> Response:
    """Open a locked round for one unit until the end of a day."""
    typed = {str(name): str(value) for name, value in (await request.form()).items()}
    try:
        async with here.database.write() as session:
            form = await _opening_form(session, typed, here, campaign)
            await openings.open_for(session, form, officer, here.now())
    except Refused as refusal:
        if refusal.status != 422:
            raise
        async with here.database.read() as session:
            page = await _openings_page(request, here, session, campaign, typed, refusal.faults)
        page.status_code = 422
        return page
    return RedirectResponse("/reporting/openings", 303)


async def _opening_form(session: ReadSession, typed: dict[str, str], here: Here, campaign: str) -> OpeningForm:
    reading = Reading(typed)
    named, round = reading.text("unit", limit=64), reading.text("round", limit=64)
    until, reason = reading.day("until"), reading.text("reason")
    reading.done()
    found = await participants.campaign_named(session, campaign)
    unit = await participants.identify(session, named, local_date(here.now()))
    instant = datetime.combine(until or local_date(here.now()), CLOSING_TIME, LOCAL)
    return OpeningForm(found, unit, rounds.find(found, round), instant, reason)


async def _openings_page(
    request: Request, here: Here, session: ReadSession, campaign: str, typed: dict[str, str], faults: tuple[Fault, ...]
) -> HTMLResponse:
    found = await participants.campaign_named(session, campaign)
    names = await completeness.names(session, here.now())
    members: dict[str, Any] = dict(await participants.listed(session, found.code))
    return render(
        request, "openings.html", campaign=found, openings=await openings.listed(session, found.code), names=names,
        choices=[(unit, names[unit].name) for unit in names if unit in members], typed=typed, faults=faults,
        may_open=request.state.officer.holds(Role.SECRETARY),
    )  # fmt: skip
