"""A small province for notification: a commune below a district below the province, and events told through the real inbox."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from nats.aio.msg import Msg
from sqlalchemy import select

from services.notification.models import deliveries, letters
from services.notification.subscribers import hears
from shared.clock import Clock
from shared.database import Database
from shared.delivery import Delivery, Meta
from shared.events import Event
from shared.events.campaign import UnitKind
from shared.events.clock import MinuteTicked
from shared.events.evaluation import HoldLifted, HoldPlaced, WarningCleared, WarningRaised
from shared.events.registration import (
    OfficerAppointed,
    ParticipationApproved,
    ParticipationReturned,
    ParticipationSubmitted,
    Person,
    Role,
    UnitChanged,
    UnitVersion,
)
from shared.events.reporting import Channel, ReportAccepted, ReportMissed, ReportReturned, RoundClosed, RoundOpened
from shared.identity import new_id
from shared.inbox import Inbox
from shared.telemetry import Telemetry

CAMPAIGN = "lai-chau-2023"
START = datetime(2023, 6, 1, 1, 0, tzinfo=UTC)
OPENING = datetime(2023, 7, 14, 17, 0, tzinfo=UTC)
DEADLINE = datetime(2023, 7, 24, 10, 0, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
PEOPLE = {"head": Person(name="A", post="Chủ tịch"), "focal_officer": Person(name="B", post="Chuyên viên")}


class Ear:
    """Applies events to notification as the broker's batches would be: through the inbox, in one transaction."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock = database, Clock(simulated=True)
        self.inbox = Inbox(database, hears, Telemetry("notification"), self.clock)

    async def hear(self, *events: Event, at: datetime = START, ids: Sequence[str] = ()) -> None:
        await self.apply([delivery(event, at, id_) for event, id_ in zip(events, ids or [new_id() for _ in events], strict=True)])

    async def apply(self, batch: Sequence[Delivery]) -> None:
        await self.inbox.apply(batch)

    async def tick(self, instant: datetime) -> None:
        await self.hear(MinuteTicked(instant=instant, mode="simulated"), at=instant, ids=[f"tick-{instant.isoformat()}"])

    async def rows(self, rule: str | None = None, **wanted: Any) -> list[Any]:
        """Deliveries with their letters, in the order of their making."""
        query = select(deliveries, *(c for c in letters.c if c.name != "letter")).join(letters, letters.c.letter == deliveries.c.letter)
        query = query if rule is None else query.where(letters.c.rule == rule)
        for name, value in wanted.items():
            query = query.where((deliveries.c if name in deliveries.c else letters.c)[name] == value)
        async with self.database.read() as session:
            return list((await session.execute(query.order_by(deliveries.c.delivery))).all())

    async def who(self, rule: str | None = None, **wanted: Any) -> set[tuple[str, str]]:
        """(officer, channel) of the deliveries."""
        return {(row.officer, row.channel) for row in await self.rows(rule, **wanted)}


def delivery(event: Event, at: datetime, id: str) -> Delivery:
    message = Msg(_client=None, subject=event.TYPE, data=b"", headers={})
    return Delivery(message, Meta(id=id, source=f"/thidua/{event.producer}", type=event.TYPE, time=at), event)


def unit(name: str, parent: str | None, kind: UnitKind = UnitKind.COMMUNE) -> UnitChanged:
    version = UnitVersion(valid_from=date(2020, 1, 1), name=f"Đơn vị {name}", kind=kind, parent=parent)
    return UnitChanged(unit=name, revision=1, versions=(version,))


def officer(login: str, of: str, *roles: Role, revision: int = 1, email: str | None = "") -> OfficerAppointed:
    address = f"{login}@laichau.example" if email == "" else email
    return OfficerAppointed(
        officer=login, revision=revision, name=f"Cán bộ {login}", post="Chuyên viên", unit=of, roles=roles, email=address
    )


def province() -> list[Event]:
    """The units and their officers."""
    return [
        unit("tinh", None, UnitKind.PROVINCE), unit("huyen", "tinh", UnitKind.DISTRICT), unit("xa", "huyen"),
        officer("xa.clerk", "xa", Role.CLERK), officer("xa.head", "xa", Role.HEAD),
        officer("huyen.clerk", "huyen", Role.CLERK), officer("huyen.head", "huyen", Role.HEAD),
        officer("thu-ky", "tinh", Role.SECRETARY), officer("chu-tich", "tinh", Role.CHAIR), officer("uy-vien", "tinh", Role.MEMBER),
    ]  # fmt: skip


def approved(of: str = "xa", revision: int = 2) -> ParticipationApproved:
    return ParticipationApproved(campaign=CAMPAIGN, unit=of, revision=revision, cluster="c", commitments=(), at=START, **PEOPLE)


def submitted(of: str = "xa", revision: int = 1) -> ParticipationSubmitted:
    return ParticipationSubmitted(campaign=CAMPAIGN, unit=of, revision=revision, cluster="c", commitments=(), at=START, **PEOPLE)


def sent_back(of: str = "xa", revision: int = 2) -> ParticipationReturned:
    return ParticipationReturned(
        campaign=CAMPAIGN, unit=of, revision=revision, cluster="c", commitments=(), at=START, reason="Thiếu mức gốc", **PEOPLE
    )


def opened(revision: int = 1, deadline: datetime = DEADLINE) -> RoundOpened:
    return RoundOpened(campaign=CAMPAIGN, round="ky-1", revision=revision, cutoff=date(2023, 7, 14), deadline=deadline)


def closed(revision: int = 2) -> RoundClosed:
    return RoundClosed(campaign=CAMPAIGN, round="ky-1", revision=revision, deadline=DEADLINE, expected=1, on_time=0, missing=1)


def reported(of: str = "xa", revision: int = 1, at: datetime = OPENING) -> ReportAccepted:
    return ReportAccepted(
        campaign=CAMPAIGN, unit=of, round="ky-1", report=f"report-{of}", revision=revision, channel=Channel.PAGE, submitted_at=at,
        first_submitted_at=at, on_time=True, correction=revision > 1, values=(),
    )  # fmt: skip


def report_returned(of: str = "xa", revision: int = 2) -> ReportReturned:
    return ReportReturned(
        campaign=CAMPAIGN, unit=of, round="ky-1", report=f"report-{of}", revision=revision, reason="Số liệu lệch", notes=("Chỉ tiêu 3",),
        returned_by="huyen.head", first_submitted_at=OPENING, on_time=True,
    )  # fmt: skip


def missed(of: str = "xa") -> ReportMissed:
    return ReportMissed(campaign=CAMPAIGN, unit=of, round="ky-1", revision=1, deadline=DEADLINE)


def warned(of: str = "xa", revision: int = 1, warning: str = "w1") -> WarningRaised:
    return WarningRaised(
        campaign=CAMPAIGN, warning=warning, unit=of, indicator="i1", revision=revision, projected=Decimal("60.25"), target=Decimal(100),
        percent=Decimal("60.25"), round="ky-1", at=OPENING,
    )  # fmt: skip


def cleared(of: str = "xa", revision: int = 2, warning: str = "w1") -> WarningCleared:
    return WarningCleared(
        campaign=CAMPAIGN, warning=warning, unit=of, indicator="i1", revision=revision, percent=Decimal(95), at=OPENING
    )


def held(of: str = "xa") -> HoldPlaced:
    return HoldPlaced(campaign=CAMPAIGN, hold="h1", unit=of, revision=1, since=OPENING, reason="Thanh tra", decided_by="thu-ky")


def lifted(of: str = "xa") -> HoldLifted:
    return HoldLifted(campaign=CAMPAIGN, hold="h1", unit=of, revision=2, at=OPENING, conclusion="Không sai phạm", decided_by="thu-ky")
