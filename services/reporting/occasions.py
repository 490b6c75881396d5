"""What a partner can speak of now, by its rights, the directory, commitments and rounds: its examples are events that would be taken."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import select

from services.reporting import backgrounds, openings, sheets
from services.reporting.backgrounds import Background
from services.reporting.examples import SAMPLE, Measured, Occasion
from services.reporting.models import participants
from services.reporting.rules.figures import Figure, Known, judge
from services.reporting.scope import Scope
from shared import campaigns, units
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.campaign import Campaign, Indicator, Phase, Round
from shared.events.reporting import (
    IndicatorCorrected,
    IndicatorObserved,
    ReportSubmitted,
    UnitReorganised,
    ValueKind,
    WorkReported,
)

LOOKED_AT = 200
"""So many units of each branch are looked at; an example needs one."""

Named = dict[str, str]


class _Report(NamedTuple):
    unit: Named
    round: Round
    values: list[Measured]


async def of(session: ReadSession, scope: Scope, now: datetime) -> Occasion:
    """What this partner can speak of now, and after the campaign's end as of its last day. What its rights leave nothing for comes from the sample, and is named as `wanting`."""
    day = min(local_date(now), local_date(scope.campaign.ends_at))  # of units that are gone since, one still speaks as of then
    among = await _units(session, scope, day)
    known = await backgrounds.of_units(session, scope.campaign.code, among)
    named = await _named(session, among, day)
    figure = _figure(scope, known, day)
    report = await _report(session, scope, known, now)
    unit = named[0] if named else SAMPLE.unit
    return Occasion(
        scope.campaign.code, day, unit, figure or SAMPLE.figure, report.unit if report else unit,
        report.round.code if report else _last_round(scope.campaign, now), report.values if report else [figure or SAMPLE.figure],
        named[:-1] or named or SAMPLE.gone, named[-1] if named else SAMPLE.successor, _wanting(bool(named), bool(figure), bool(report)),
    )  # fmt: skip


def _wanting(has_unit: bool, has_figure: bool, has_report: bool) -> frozenset[str]:
    of_figures = frozenset({IndicatorObserved.TYPE, IndicatorCorrected.TYPE}) if not (has_unit and has_figure) else frozenset()
    of_units = frozenset({WorkReported.TYPE, UnitReorganised.TYPE}) if not has_unit else frozenset()
    return of_figures | of_units | (frozenset() if has_report else frozenset({ReportSubmitted.TYPE}))


async def _units(session: ReadSession, scope: Scope, day: date) -> list[str]:
    """Some units about which the partner may speak, those that take part first."""
    found: dict[str, None] = {}
    for branch in scope.partner.units or [None]:
        for taking_part in (True, False):
            if len(found) < LOOKED_AT:
                found |= dict.fromkeys(await _some(session, scope, branch, day, taking_part=taking_part))
    return list(found)


async def _some(session: ReadSession, scope: Scope, branch: str | None, day: date, *, taking_part: bool) -> Sequence[str]:
    table = units.versions
    query = select(table.c.unit).where(*units.in_force(table, day), table.c.kind.in_(scope.partner.kinds))
    if branch is not None:
        query = query.where((table.c.unit == branch) | table.c.unit.in_(units.below(branch, day)))
    if taking_part:
        query = query.join(participants, (participants.c.unit == table.c.unit) & (participants.c.campaign == scope.campaign.code))
    return (await session.scalars(query.order_by(table.c.unit).limit(LOOKED_AT))).all()


async def _named(session: ReadSession, among: Sequence[str], day: date) -> list[Named]:
    """The names of three of these units that were called so yesterday too, as units that become another one must have been."""
    found: list[Named] = []
    for unit in among:
        name = await _name(session, unit, day)
        if len(found) < 3 and name and name == await _name(session, unit, day - timedelta(days=1)):
            found.append(name)
    return found


async def _name(session: ReadSession, unit: str, on: date) -> Named | None:
    """How the outside names a unit on a day, if a name means that unit alone."""
    for scheme, value in await units.identifiers_of(session, unit, on):
        if await units.resolve(session, scheme, value, on) == unit:
            return {"scheme": scheme, "value": value}
    return None


def _figure(scope: Scope, known: dict[str, Background], day: date) -> Measured | None:
    """A figure about an indicator that the partner may speak of; one to which the first of the units committed itself, if there is any."""
    allowed = [found for code in scope.partner.indicators if (found := scope.campaign.indicator(code))]
    first = next(iter(known.values()), None)
    committed = {row.indicator: row for row in first.committed} if first else {}
    chosen = next((one for one in allowed if one.code in committed), allowed[0] if allowed else None)
    if chosen is None:
        return None
    decimals = _decimals(scope.campaign, chosen)
    row = committed.get(chosen.code)
    return _measured(Known(chosen, decimals, row.baseline if row else None, row.target if row else None), day)


def _decimals(campaign: Campaign, indicator: Indicator) -> int:
    measure = campaign.unit_of_measure(indicator.unit_of_measure)
    return measure.decimals if measure else 2


def _measured(known: Known, as_of: date) -> Measured:
    """A figure that raises no question: the last one again, else the target, else the baseline, within the indicator's range."""
    likely = [*reversed(known.history), known.target, known.baseline]
    value = next((one for one in likely if one is not None), Decimal(0))
    low, high = known.indicator.lower, known.indicator.upper
    value = max(value, low) if low is not None else value
    value = min(value, high) if high is not None else value
    step = Decimal(1).scaleb(-known.decimals)
    value = value.quantize(step)
    other = value + step if high is None or value + step <= high else value - step
    return Measured(known.indicator.code, known.indicator.unit_of_measure, value, as_of, other)


async def _report(session: ReadSession, scope: Scope, known: dict[str, Background], now: datetime) -> _Report | None:
    """A report that the partner could hand in now, of the newest round for which there is one."""
    phase = await campaigns.phase_of(session, scope.campaign.code)
    for unit, round, values in _reports(scope, known, phase, now):
        if name := await _name(session, unit, round.cutoff):
            return _Report(name, round, values)
    return None


def _reports(scope: Scope, known: dict[str, Background], phase: Phase, now: datetime) -> Iterator[tuple[str, Round, list[Measured]]]:
    for round in sorted(scope.campaign.rounds, key=lambda one: one.cutoff, reverse=True):
        for unit, background in known.items():
            sheet = sheets.put_together(scope.campaign, round, background)
            mine = bool(sheet.known) and sheet.known.keys() <= set(scope.partner.indicators)
            closed = openings.lock_of(scope.campaign, round, phase, background.opened, now)
            if mine and background.participant and not closed and round.code not in background.reports:
                values = [_measured(one, min(round.cutoff, local_date(now))) for one in sheet.known.values()]
                if not judge([_judged(one) for one in values], sheet.known, round, local_date(now)).faults:
                    yield unit, round, values


def _judged(one: Measured) -> Figure:
    return Figure(one.indicator, one.value, one.unit_of_measure, ValueKind.OFFICIAL, one.as_of)


def _last_round(campaign: Campaign, now: datetime) -> str:
    opened: list[Any] = [one for one in campaign.rounds if one.opens_at <= now] or list(campaign.rounds[:1])
    return opened[-1].code if opened else SAMPLE.round
