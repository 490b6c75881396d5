"""A small movement to test with: a province, a district, two communes, a department; three indicators; two rounds; a treasury."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from services.reporting.reports import ReportForm
from services.reporting.rules.figures import Figure
from services.reporting.subscribers import hears
from shared.clock import LOCAL
from shared.database import Database
from shared.delivery import Inbound, Meta
from shared.events import REGISTRY, Event
from shared.events.campaign import (
    Campaign,
    Cluster,
    Indicator,
    Phase,
    Round,
    Text,
    UnitKind,
    UnitOfMeasure,
)
from shared.events.registration import (
    CampaignAdvanced,
    CampaignPublished,
    CommitmentApproved,
    Identifier,
    ParticipationApproved,
    PartnerRegistered,
    Person,
    Role,
    UnitChanged,
    UnitVersion,
)
from shared.events.reporting import Channel, ObservationAccepted, ValueKind
from shared.identity import new_id
from shared.inbox import Touched
from shared.outbox import outbox
from shared.security import Officer, signed_in

CODE = "thu-nghiem"
PROVINCE, DISTRICT, COMMUNE, OTHER, DEPARTMENT = (f"00000000-0000-7000-8000-00000000000{n}" for n in range(1, 6))
PARENTS = {PROVINCE: None, DISTRICT: PROVINCE, COMMUNE: DISTRICT, OTHER: DISTRICT, DEPARTMENT: PROVINCE}
KINDS = {
    PROVINCE: UnitKind.PROVINCE, DISTRICT: UnitKind.DISTRICT, COMMUNE: UnitKind.COMMUNE, OTHER: UnitKind.COMMUNE,
    DEPARTMENT: UnitKind.DEPARTMENT,
}  # fmt: skip
CODES = {PROVINCE: "H35", DISTRICT: "H35.1", COMMUNE: "H35.1.1", OTHER: "H35.1.2", DEPARTMENT: "H35.9"}
START = date(2023, 1, 1)
REVENUE, DISBURSED, JOBS = "thu", "giai-ngan", "viec-lam"


def local(day: int, month: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(2023, month, day, hour, minute, tzinfo=LOCAL)


OPENED, DEADLINE = local(15, 7, 0), local(24, 7, 17)
SECOND_OPENED, SECOND_DEADLINE = local(15, 8, 0), local(24, 8, 17)
APPROVED = local(10, 6)


def words(text: str) -> Text:
    return Text(vi=text, en=f"{text} (en)")


def indicator(code: str, measure: str, nature: str, **more: Any) -> Indicator:
    return Indicator(
        code=code, title=words(code), area=1, unit_of_measure=measure, direction="higher", nature=nature, owner="unit", period="month",
        **more,
    )  # fmt: skip


def round_of(code: str, start: date, cutoff: date, opens: datetime, deadline: datetime) -> Round:
    return Round(code=code, title=words(code), window_start=start, cutoff=cutoff, opens_at=opens, deadline=deadline)


def movement(version: int = 1, **changes: Any) -> Campaign:
    return Campaign(
        code=CODE, version=version, title=words("Thử"), theme=words("Thử"), starts=date(2023, 5, 30),
        registration_until=date(2023, 6, 20), ends_at=local(30, 10, 17), legal_basis=(), anniversaries=(), areas=(),
        units_of_measure=(
            UnitOfMeasure(code="ty-dong", title=words("tỷ đồng"), decimals=3),
            UnitOfMeasure(code="phan-tram", title=words("%"), decimals=2),
            UnitOfMeasure(code="nguoi", title=words("người"), decimals=0),
        ),
        indicators=(
            indicator(REVENUE, "ty-dong", "flow", lower=Decimal(0), upper=Decimal(5000), cumulative_from=START),
            indicator(DISBURSED, "phan-tram", "rate", lower=Decimal(0), upper=Decimal(100)),
            indicator(JOBS, "nguoi", "flow", lower=Decimal(0), cumulative_from=START),
        ),
        rounds=(
            round_of("ky-1", date(2023, 5, 30), date(2023, 7, 14), OPENED, DEADLINE),
            round_of("ky-2", date(2023, 7, 15), date(2023, 8, 14), SECOND_OPENED, SECOND_DEADLINE),
        ),
        score_sheets=(), work_duties=(),
        clusters=(Cluster(code="cum-1", title=words("Cụm 1"), kind=UnitKind.COMMUNE, score_sheet="x"),),
        sample_note=words("Số liệu mẫu"),
    ).model_copy(update=changes)  # fmt: skip


def unit_changed(unit: str, **changes: Any) -> UnitChanged:
    version = UnitVersion(valid_from=START, name=f"Đơn vị {CODES[unit]}", kind=KINDS[unit], parent=PARENTS[unit])
    names = (Identifier(scheme="dinh-danh", value=CODES[unit], valid_from=START),)
    return UnitChanged(**({"unit": unit, "revision": 1, "versions": (version,), "identifiers": names} | changes))


def approved(unit: str, at: datetime = APPROVED, revision: int = 1) -> ParticipationApproved:
    person = Person(name="Lò Văn A", post="Chủ tịch")
    return ParticipationApproved(
        campaign=CODE, unit=unit, revision=revision, cluster="cum-1", head=person, focal_officer=person, commitments=(), at=at
    )


def committed(unit: str, code: str, target: str, measure: str, revision: int = 1, **more: Any) -> CommitmentApproved:
    facts = {"baseline": None, "effective_from": date(2023, 6, 10)} | more
    return CommitmentApproved(
        campaign=CODE, unit=unit, indicator=code, revision=revision, target=Decimal(target), unit_of_measure=measure, **facts
    )


def taking_part(unit: str) -> list[Event]:
    return [
        approved(unit),
        committed(unit, REVENUE, "100", "ty-dong"),
        committed(unit, DISBURSED, "95", "phan-tram", baseline=Decimal(40)),
    ]


def treasury(**changes: Any) -> PartnerRegistered:
    facts: dict[str, Any] = {
        "campaign": CODE, "client": "kho-bac", "revision": 1, "title": "Kho bạc", "unit": DEPARTMENT, "indicators": (DISBURSED,),
        "kinds": (UnitKind.DISTRICT, UnitKind.COMMUNE),
    }  # fmt: skip
    return PartnerRegistered(**(facts | changes))


def phase(name: Phase, revision: int) -> CampaignAdvanced:
    return CampaignAdvanced(campaign=CODE, revision=revision, phase=name, at=local(1, 6))


def everything() -> list[Event]:
    """All that registration tells before the first round."""
    directory = [unit_changed(unit) for unit in PARENTS]
    return [
        *directory, CampaignPublished(campaign=CODE, revision=1, definition=movement()), treasury(), phase(Phase.RUNNING, 1),
        *taking_part(COMMUNE), *taking_part(OTHER), *taking_part(DISTRICT),
    ]  # fmt: skip


def officer(unit: str, *roles: Role, name: str = "Giàng A Páo") -> Officer:
    return signed_in(new_id(), 1, name=name, post="Chuyên viên", unit=unit, roles=roles)


def clerk(unit: str = COMMUNE) -> Officer:
    return officer(unit, Role.CLERK)


def head(unit: str = DISTRICT) -> Officer:
    return officer(unit, Role.HEAD)


def secretary() -> Officer:
    return officer(DEPARTMENT, Role.SECRETARY)


async def hear(database: Database, *events: Event, now: datetime = APPROVED) -> None:
    """Apply events as the inbox does: handlers, then settling, in one transaction."""
    async with database.write() as session:
        touched: set[str] = set()
        for event in events:
            meta = Meta(id=new_id(), source="/thidua/x", type=event.TYPE, time=now)
            touched |= set(await hears.handlers[event.TYPE](event, session, meta) or ())
        meta = Meta(id=new_id(), source="x", type="waiting", time=now)
        if touched:
            assert hears.settle
            await hears.settle(session, [Touched(key, meta, nullcontext) for key in sorted(touched)])


async def tick(database: Database, now: datetime) -> None:
    assert hears.on_tick
    async with database.write() as session:
        await hears.on_tick(session, now, None)


async def arrive(database: Database, message: Inbound, now: datetime) -> None:
    """A partner's message as the inbox hands it over."""
    await arrive_together(database, [message], now)


async def arrive_together(database: Database, messages: Sequence[Inbound], now: datetime) -> None:
    """Partners' messages in one batch."""
    assert hears.inbound_handler
    assert hears.settle
    async with database.write() as session:
        touched: set[str] = set()
        for message in messages:
            meta = Meta(id=new_id(), source="INBOUND_x", type="inbound", time=now, subject=message.subject)
            touched |= set(await hears.inbound_handler(message, session, meta) or ())
        await hears.settle(session, [Touched(key, meta, nullcontext) for key in sorted(touched)])


async def said(database: Database, kind: type[Event]) -> list[Any]:
    """The events of a kind in the outbox, in order."""
    async with database.read() as session:
        rows = await session.execute(select(outbox).where(outbox.c.type == kind.TYPE).order_by(outbox.c.position))
        return [REGISTRY[row.type].model_validate_json(row.body) for row in rows]


def figures(revenue: Any = "20", disbursed: Any = "30", as_of: date = date(2023, 7, 14), **more: Any) -> tuple[Figure, ...]:
    def figure(code: str, value: Any, measure: str) -> Figure:
        facts = {"kind": ValueKind.PRELIMINARY, "as_of": as_of} | more
        return Figure(code, None if value is None else Decimal(value), measure, **facts)

    return figure(REVENUE, revenue, "ty-dong"), figure(DISBURSED, disbursed, "phan-tram")


def form(unit: str = COMMUNE, round: str = "ky-1", given: tuple[Figure, ...] | None = None, **more: Any) -> ReportForm:
    return ReportForm(CODE, unit, round, Channel.API, figures() if given is None else given, **more)


def observed(value: Any = "30", about: str = COMMUNE, as_of: str = "2023-07-14", **changes: Any) -> dict[str, Any]:
    return {
        "campaign": CODE, "unit": {"scheme": "dinh-danh", "value": CODES[about]}, "indicator": DISBURSED, "value": value,
        "unit_of_measure": "phan-tram", "as_of": as_of,
    } | changes  # fmt: skip


def binary(data: Any, event: str = "kb-1", client: str = "kho-bac", **headers: str) -> Inbound:
    """A partner's message in binary mode, with headers in the odd cases that clients write."""
    attributes = {"specversion": "1.0", "id": event, "source": "//kho-bac.example", "type": "inbound.indicator.observed.v1"}
    named = {f"Ce-{name.title()}": value for name, value in (attributes | headers).items() if value != ""}
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Inbound(f"inbound.{client}.indicator.observed.v1", named | {"Content-Type": "application/json"}, body)


def structured(data: Any, event: str = "kb-1", client: str = "kho-bac", **changes: Any) -> Inbound:
    attributes = {"specversion": "1.0", "id": event, "source": "//kho-bac.example", "type": "inbound.indicator.observed.v1"}
    body = json.dumps(attributes | {"data": data} | changes).encode()
    return Inbound(f"inbound.{client}.indicator.observed.v1", {"content-type": "application/cloudevents+json; charset=utf-8"}, body)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


__all__ = ["ObservationAccepted"]
