"""What partner systems see of units: a figure that stands beside the unit's own and never replaces it, and its correction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Date, bindparam, select, text, update

from services.reporting import discrepancies, scope
from services.reporting.envelopes import SANDBOX
from services.reporting.forms import Reading
from services.reporting.models import inbound, observations
from services.reporting.reports import key_of
from services.reporting.rules.figures import Figure, Known, measure_faults
from services.reporting.scope import Directory, Effect, Named, NotHeardYet, Scope, Sender
from shared import outbox, units
from shared.clock import local_date
from shared.columns import among
from shared.database import ReadSession, WriteSession, add_later, row_of
from shared.events.campaign import Campaign
from shared.events.reporting import IndicatorCorrected, IndicatorObserved, ObservationAccepted, ValueKind
from shared.identity import new_id
from shared.inbox import lock
from shared.messages import Fault, Message, Refused
from shared.shadows import is_shadow

OBSERVATION = "observation"
"""What an inbound event's effect begins with when it became an observation."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A partner's figure about a unit of ours."""

    campaign: Campaign
    client: str
    unit: str
    figure: Figure

    @property
    def key(self) -> tuple[str, ...]:
        """What the figure is of: a newer one with the same key takes its place."""
        return self.campaign.code, self.client, self.unit, self.figure.indicator, self.figure.as_of.isoformat()


@dataclass(slots=True)
class Ground:
    """What the figures of one batch stand on: what their senders may say, the units they name, and what is known of those figures.

    `current`: rows by `Sighting.key`; `own`: the units' own figures, by campaign, unit and indicator, for each round.
    """

    scopes: Mapping[tuple[str, str], Scope]
    directory: Directory
    current: dict[tuple[str, ...], Mapping[str, Any]] = field(default_factory=dict)
    own: dict[tuple[str, str, str], dict[str, Decimal]] = field(default_factory=dict)


class _Said(NamedTuple):
    """A partner's data, read: the campaign's code, the unit as it is named, and the figure."""

    campaign: str
    unit: Named
    figure: Figure


async def observe(session: WriteSession, sender: Sender, data: Any, now: datetime) -> Effect:
    """Take in one `IndicatorObserved`; returns what it became. Raises `Refused` with every fault, or `NotHeardYet`."""
    return await take(session, await ground_of(session, [(sender.client, data)]), sender, data, now)


async def ground_of(session: WriteSession, sent: Iterable[tuple[str, Any]]) -> Ground:
    """Read for all figures at once, and lock what they are about. `sent`: client and data of each, readable or not."""
    said = [(client, read) for client, data in sent if (read := _readable(data))]
    scopes = await scope.of_clients(session, {client for client, _ in said})
    held = any(one.partner.units for one in scopes.values())
    ground = Ground(scopes, await scope.directory(session, {(one.unit, one.figure.as_of) for _, one in said}, branches=held))
    about = [
        Sighting(known.campaign, client, unit.id, one.figure)
        for client, one in said
        if (known := scope.picked(scopes, client, one.campaign)) and (unit := ground.directory.named(one.unit, one.figure.as_of))
    ]
    await _read_known(session, ground, about)
    return ground


def _readable(data: Any) -> _Said | None:
    try:
        return _parse(data)
    except Refused:
        return None


async def _read_known(session: WriteSession, ground: Ground, about: Sequence[Sighting]) -> None:
    await lock(session, {key_of(one.campaign.code, one.unit) for one in about})
    for code in {one.campaign.code for one in about}:
        these = [one for one in about if one.campaign.code == code]
        days = [one.figure.as_of for one in these]
        asked = {"campaign": code, "units": {one.unit for one in these}, "indicators": {one.figure.indicator for one in these}}
        clients = {one.client for one in these}
        for row in (await session.execute(_CURRENT, asked | {"clients": clients, "first": min(days), "last": max(days)})).mappings():
            ground.current[code, row["client"], row["unit"], row["indicator"], row["as_of"].isoformat()] = dict(row)
        ground.own |= await discrepancies.own_figures(session, asked)


_CURRENT = (
    select(observations)
    .where(observations.c.campaign == bindparam("campaign"), text("current"))
    .where(*(among(observations.c[name], f"{name}s") for name in ("unit", "indicator", "client")))
    .where(observations.c.as_of.between(bindparam("first", type_=Date), bindparam("last", type_=Date)))
)


async def take(session: WriteSession, ground: Ground, sender: Sender, data: Any, now: datetime) -> Effect:
    """Take in one figure of those for which the ground was read. Raises `Refused` with every fault, or `NotHeardYet`."""
    said = _parse(data)
    known = scope.picked(ground.scopes, sender.client, said.campaign)
    if known is None:
        raise NotHeardYet
    faults = [*scope.type_faults(known.partner, IndicatorObserved.TYPE), *_figure_faults(known, said.figure, now)]
    unit, unit_faults = scope.own_unit(ground.directory, known, said.unit, said.figure.as_of)
    if faults or unit_faults or unit is None:
        raise Refused(*faults, *unit_faults)
    return await _accept(session, ground, Sighting(known.campaign, sender.client, unit.id, said.figure), now)


def _parse(data: Any) -> _Said:
    reading = Reading(data)
    code, unit = reading.text("campaign", limit=64), reading.inner("unit")
    named = Named.read(unit, "unit")
    figure = replace(_measured(reading), indicator=reading.text("indicator", limit=64), as_of=reading.day("as_of") or units.BEGINNING)
    reading.done()
    return _Said(code, named, figure)


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
    faults += await scope.unit_faults(session, known, (wrong.unit, wrong.as_of), "replaces")
    if faults:
        raise Refused(*faults)
    sighting = Sighting(known.campaign, sender.client, wrong.unit, figure)
    ground = Ground({}, Directory({}, {}))
    await _read_known(session, ground, [sighting])
    return await _accept(session, ground, sighting, now)


async def _cited(session: ReadSession, sender: Sender, campaign: str, cited: str) -> Any:
    """The observation that the cited event gave, if it is the newest of its figure. A trial cites trials, and nothing else does."""
    kind = f"{SANDBOX}:{OBSERVATION}" if is_shadow(campaign) else OBSERVATION
    query = select(inbound).where(inbound.c.client == sender.client, inbound.c.event == cited, inbound.c.effect.like(f"{kind}:%"), inbound.c.trial.is_(None))
    row = (await session.execute(query.order_by(inbound.c.received_at.desc()).limit(1))).one_or_none()
    if row is None:
        cure = Message("Hãy ghi mã của một sự kiện số liệu đã được nhận của chính hệ thống này.")
        raise Refused(Fault("replaces", Message("Không có sự kiện “{id}” để đính chính.", id=cited), cure))
    if row.superseded_by:
        newer = await row_of(session, inbound, id=row.superseded_by)
        cure = Message("Hãy đính chính sự kiện mới nhất: {id}.", id=newer.event if newer else "")
        raise Refused(Fault("replaces", Message("Sự kiện “{id}” đã được thay bằng sự kiện khác.", id=cited), cure))
    found = await row_of(session, observations, observation=row.effect.rpartition(":")[2], current=True)
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


_OUTDATE = (
    update(observations)
    .where(observations.c.observation == bindparam("this"), observations.c.revision < bindparam("below"), text("current"))
    .values(current=False)
)


async def _accept(session: WriteSession, ground: Ground, sighting: Sighting, now: datetime) -> Effect:
    """Keep a figure, tell it, and compare it with the unit's own. A newer figure of the same day supersedes the earlier one."""
    row = _next(ground.current.get(sighting.key), sighting, now)
    ground.current[sighting.key] = row
    add_later(session, observations, row)
    if row["revision"] > 1:
        session.later(_OUTDATE, {"this": row["observation"], "below": row["revision"]})
    event = ObservationAccepted(**{name: row[name] for name in ObservationAccepted.model_fields})
    await outbox.record(session, event, now)
    own = ground.own.get((row["campaign"], sighting.unit, row["indicator"]))
    if own:
        await discrepancies.compare_observation(session, sighting.campaign, event, own, now)
    return Effect(OBSERVATION, row["observation"], row["revision"])


def _next(before: Mapping[str, Any] | None, sighting: Sighting, now: datetime) -> dict[str, Any]:
    figure = sighting.figure
    return {
        "campaign": sighting.campaign.code, "client": sighting.client, "unit": sighting.unit, "indicator": figure.indicator,
        "as_of": figure.as_of, "observation": before["observation"] if before else new_id(), "revision": before["revision"] + 1 if before else 1,
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
