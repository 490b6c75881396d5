"""What partner systems see of units: a figure that stands beside the unit's own and never replaces it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select, update

from services.reporting import discrepancies
from services.reporting.forms import Reading
from services.reporting.models import observations, partners
from services.reporting.reports import key_of
from services.reporting.rules.figures import Figure, Known, measure_faults
from shared import campaigns, outbox, units
from shared.clock import local_date
from shared.database import ReadSession, WriteSession, upsert
from shared.events.campaign import Campaign
from shared.events.registration import PartnerRegistered
from shared.events.reporting import ObservationAccepted, ValueKind
from shared.identity import new_id
from shared.inbox import lock
from shared.messages import Fault, Message, Refused

PATIENCE = timedelta(days=1)
"""An observation waits this long for its campaign or the partner's registration to be heard; then it is refused."""


class NotHeardYet(Exception):
    """The campaign or the partner's registration is not known here yet: the observation waits."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A partner's figure that fits its contract; `unit` is still as the partner names it."""

    campaign: str
    scheme: str
    value_of_scheme: str
    figure: Figure


@dataclass(frozen=True, slots=True)
class Sighting:
    """A partner's figure about a unit of ours."""

    campaign: Campaign
    client: str
    unit: str
    figure: Figure


async def register_partner(event: PartnerRegistered, session: WriteSession) -> None:
    """Keep what a partner may observe."""
    row = event.model_dump(mode="json", include={column.name for column in partners.c})
    await upsert(session, partners, [row], newer="revision")


def parse(data: Any) -> Seen:
    """The figure that an event's data tells. Raises `Refused` with every fault."""
    reading = Reading(data)
    unit = reading.inner("unit")
    seen = Seen(
        reading.text("campaign", limit=64),
        unit.text("scheme", limit=32),
        unit.text("value", limit=64),
        Figure(
            reading.text("indicator", limit=64),
            reading.decimal("value"),
            reading.text("unit_of_measure", limit=32),
            ValueKind(reading.choice("kind", ValueKind, ValueKind.OFFICIAL) or ValueKind.OFFICIAL),
            reading.day("as_of") or date.min,
            reading.text("note", required=False),
        ),
    )
    reading.done()
    return seen


async def judge(session: ReadSession, client: str, seen: Seen, now: datetime) -> Sighting:
    """Hold a figure against what the partner may say. Raises `Refused` with every fault, or `NotHeardYet`."""
    query = select(partners).where(partners.c.client == client, partners.c.campaign == seen.campaign)
    partner = (await session.execute(query)).one_or_none()
    campaign = await campaigns.known(session, seen.campaign)
    if partner is None or campaign is None:
        raise NotHeardYet
    faults = _scope_faults(partner, campaign, seen, now)
    unit = await units.resolve(session, seen.scheme, seen.value_of_scheme, seen.figure.as_of)
    known = await units.known(session, unit, seen.figure.as_of) if unit else None
    if known is None:
        faults.append(
            Fault(
                "unit",
                Message("Ngày {day} không có đơn vị {scheme}:{value}.", day=f"{seen.figure.as_of:%d/%m/%Y}", scheme=seen.scheme, value=seen.value_of_scheme),
                Message("Hãy kiểm tra mã đơn vị có hiệu lực vào ngày đó."),
            )
        )
    elif known.kind not in partner.kinds:
        faults.append(Fault("unit", Message("Hệ thống này không được báo về đơn vị {name}.", name=known.name)))
    if faults or known is None:
        raise Refused(*faults)
    return Sighting(campaign, client, known.id, seen.figure)


def _scope_faults(partner: Any, campaign: Campaign, seen: Seen, now: datetime) -> list[Fault]:
    faults = []
    if not partner.active:
        faults.append(Fault("", Message("Quyền gửi số liệu của hệ thống này đã ngừng."), Message("Hãy liên hệ Thường trực Hội đồng.")))
    if seen.figure.as_of > local_date(now):
        faults.append(Fault("as_of", Message("Ngày số liệu ở tương lai."), Message("Hãy ghi ngày mà số liệu phản ánh.")))
    indicator = campaign.indicator(seen.figure.indicator)
    if indicator is None:
        cure = Message("Các chỉ tiêu được gửi: {listed}.", listed=", ".join(partner.indicators))
        return [*faults, Fault("indicator", Message("Không có chỉ tiêu “{code}”.", code=seen.figure.indicator), cure)]
    if indicator.code not in partner.indicators:
        cure = Message("Các chỉ tiêu được gửi: {listed}.", listed=", ".join(partner.indicators))
        faults.append(Fault("indicator", Message("Hệ thống này không được gửi chỉ tiêu “{code}”.", code=indicator.code), cure))
    measure = campaign.unit_of_measure(indicator.unit_of_measure)
    known = Known(indicator, measure.decimals if measure else 2)
    return faults + [Fault(f.field.lstrip("."), f.problem, f.cure) for f in measure_faults("", seen.figure, known)]


async def accept(session: WriteSession, sighting: Sighting, now: datetime) -> str:
    """Keep a figure, tell it, and compare it with the unit's own. A newer figure of the same day supersedes the earlier one."""
    await lock(session, [key_of(sighting.campaign.code, sighting.unit)])
    row = await _next(session, sighting, now)
    this = observations.c.observation == row["observation"]
    await session.execute(update(observations).where(this).values(current=False))
    await session.execute(insert(observations).values(row))
    event = ObservationAccepted(**{name: row[name] for name in ObservationAccepted.model_fields})
    await outbox.record(session, event, now)
    await discrepancies.compare_observation(session, sighting.campaign, event, now)
    return str(row["observation"])


async def _next(session: ReadSession, sighting: Sighting, now: datetime) -> dict[str, Any]:
    figure = sighting.figure
    about = {
        "campaign": sighting.campaign.code, "client": sighting.client, "unit": sighting.unit,
        "indicator": figure.indicator, "as_of": figure.as_of,
    }  # fmt: skip
    query = select(observations.c.observation, observations.c.revision).filter_by(**about).where(observations.c.current)
    before = (await session.execute(query)).one_or_none()
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
