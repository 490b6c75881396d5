"""What partner systems see of units: a figure that stands beside the unit's own and never replaces it, and its correction."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, select, update

from services.reporting import discrepancies, scope
from services.reporting.forms import Reading
from services.reporting.models import inbound, observations
from services.reporting.reports import key_of
from services.reporting.rules.figures import Figure, Known, measure_faults
from services.reporting.scope import Effect, Named, Scope, Sender
from shared import outbox, units
from shared.clock import local_date
from shared.database import ReadSession, WriteSession, add, row_of
from shared.events.campaign import Campaign
from shared.events.reporting import IndicatorCorrected, IndicatorObserved, ObservationAccepted, ValueKind
from shared.identity import new_id
from shared.inbox import lock
from shared.messages import Fault, Message, Refused

OBSERVATION = "observation"
"""What an inbound event's effect begins with when it became an observation."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A partner's figure about a unit of ours."""

    campaign: Campaign
    client: str
    unit: str
    figure: Figure


async def observe(session: WriteSession, sender: Sender, data: Any, now: datetime) -> Effect:
    """Take in `IndicatorObserved`; returns what it became. Raises `Refused` with every fault, or `NotHeardYet`."""
    code, named, figure = _parse(data)
    known = await scope.of(session, sender.client, code)
    faults = [*scope.type_faults(known.partner, IndicatorObserved.TYPE), *_figure_faults(known, figure, now)]
    unit, unit_faults = await scope.own_unit(session, known, named, figure.as_of)
    if faults or unit_faults or unit is None:
        raise Refused(*faults, *unit_faults)
    return await accept(session, Sighting(known.campaign, sender.client, unit.id, figure), now)


def _parse(data: Any) -> tuple[str, Named, Figure]:
    reading = Reading(data)
    code, unit = reading.text("campaign", limit=64), reading.inner("unit")
    named = Named.read(unit, "unit")
    figure = replace(_measured(reading), indicator=reading.text("indicator", limit=64), as_of=reading.day("as_of") or units.BEGINNING)
    reading.done()
    return code, named, figure


def _measured(reading: Reading) -> Figure:
    kind = ValueKind(reading.choice("kind", ValueKind, ValueKind.OFFICIAL) or ValueKind.OFFICIAL)
    value, measure = reading.decimal("value"), reading.text("unit_of_measure", limit=32)
    return Figure("", value, measure, kind, units.BEGINNING, reading.text("note", required=False))


async def correct(session: WriteSession, sender: Sender, data: Any, now: datetime) -> Effect:
    """Take in `IndicatorCorrected`: the figure of the event it cites, anew. Raises `Refused` with every fault, or `NotHeardYet`."""
    reading = Reading(data)
    code, cited, figure = reading.text("campaign", limit=64), reading.text("replaces", limit=128), _measured(reading)
    reading.done()
    known = await scope.of(session, sender.client, code)
    wrong = await _cited(session, sender, code, cited)
    figure = replace(figure, indicator=wrong.indicator, as_of=wrong.as_of)
    faults = [*scope.type_faults(known.partner, IndicatorCorrected.TYPE), *_figure_faults(known, figure, now)]
    if faults:
        raise Refused(*faults)
    return await accept(session, Sighting(known.campaign, sender.client, wrong.unit, figure), now)


async def _cited(session: ReadSession, sender: Sender, campaign: str, cited: str) -> Any:
    """The observation that the cited event gave, if it is the newest of its figure."""
    query = select(inbound).where(inbound.c.client == sender.client, inbound.c.event == cited, inbound.c.effect.like(f"{OBSERVATION}:%"))
    row = (await session.execute(query.order_by(inbound.c.received_at.desc()).limit(1))).one_or_none()
    if row is None:
        cure = Message("Hãy ghi mã của một sự kiện số liệu đã được nhận của chính hệ thống này.")
        raise Refused(Fault("replaces", Message("Không có sự kiện “{id}” để đính chính.", id=cited), cure))
    if row.superseded_by:
        newer = await row_of(session, inbound, id=row.superseded_by)
        cure = Message("Hãy đính chính sự kiện mới nhất: {id}.", id=newer.event if newer else "")
        raise Refused(Fault("replaces", Message("Sự kiện “{id}” đã được thay bằng sự kiện khác.", id=cited), cure))
    found = await row_of(session, observations, observation=row.effect.partition(":")[2], current=True)
    if found is None or found.campaign != campaign:
        raise Refused(Fault("campaign", Message("Sự kiện được đính chính thuộc phong trào khác.")))
    return found


def _figure_faults(known: Scope, figure: Figure, now: datetime) -> list[Fault]:
    faults = []
    if figure.as_of > local_date(now):
        faults.append(Fault("as_of", Message("Ngày số liệu ở tương lai."), Message("Hãy ghi ngày mà số liệu phản ánh.")))
    faults += scope.indicator_faults(known, figure.indicator)
    indicator = known.campaign.indicator(figure.indicator)
    if indicator is None:
        return faults
    measure = known.campaign.unit_of_measure(indicator.unit_of_measure)
    judged = measure_faults("", figure, Known(indicator, measure.decimals if measure else 2))
    return faults + [Fault(fault.field.lstrip("."), fault.problem, fault.cure) for fault in judged]


_OUTDATE = update(observations).where(observations.c.observation == bindparam("this")).values(current=False)


async def accept(session: WriteSession, sighting: Sighting, now: datetime) -> Effect:
    """Keep a figure, tell it, and compare it with the unit's own. A newer figure of the same day supersedes the earlier one."""
    await lock(session, [key_of(sighting.campaign.code, sighting.unit)])
    row = await _next(session, sighting, now)
    if row["revision"] > 1:
        await session.execute(_OUTDATE, {"this": row["observation"]})
    await add(session, observations, row)
    event = ObservationAccepted(**{name: row[name] for name in ObservationAccepted.model_fields})
    await outbox.record(session, event, now)
    await discrepancies.compare_observation(session, sighting.campaign, event, now)
    return Effect(OBSERVATION, str(row["observation"]), row["revision"])


async def _next(session: ReadSession, sighting: Sighting, now: datetime) -> dict[str, Any]:
    figure = sighting.figure
    about = {
        "campaign": sighting.campaign.code, "client": sighting.client, "unit": sighting.unit,
        "indicator": figure.indicator, "as_of": figure.as_of,
    }  # fmt: skip
    before = await row_of(session, observations, **about, current=True)
    return about | {
        "observation": before.observation if before else new_id(), "revision": before.revision + 1 if before else 1,
        "value": figure.value if figure.value is not None else Decimal(0), "unit_of_measure": figure.unit_of_measure,
        "kind": figure.kind, "note": figure.note, "current": True, "at": now,
    }  # fmt: skip


async def of_unit(session: ReadSession, campaign: str, unit: str) -> list[Any]:
    """The current figures that partners gave about a unit, newest day first."""
    query = (
        select(observations)
        .where(observations.c.campaign == campaign, observations.c.unit == unit, observations.c.current)
        .order_by(observations.c.as_of.desc(), observations.c.indicator)
    )
    return list((await session.execute(query)).all())
