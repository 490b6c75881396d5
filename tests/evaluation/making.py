"""A small movement and the events of its units, made for tests."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from services.evaluation.subscribers import hears
from shared.clock import Clock
from shared.database import Database
from shared.delivery import Delivery, Meta
from shared.events import Event
from shared.events.campaign import (
    Band,
    Campaign,
    Cluster,
    Criterion,
    Grade,
    Indicator,
    Level,
    Phase,
    Round,
    ScoreSheet,
    Text,
    UnitKind,
    UnitOfMeasure,
    WorkDuty,
)
from shared.events.registration import (
    CampaignAdvanced,
    CampaignPublished,
    CommitmentApproved,
    Identifier,
    ParticipationApproved,
    Person,
    UnitChanged,
    UnitVersion,
    WorkProgressed,
    WorkStatus,
)
from shared.events.reporting import (
    Channel,
    ReportAccepted,
    ReportedValue,
    ReportMissed,
    ReportReturned,
    RoundClosed,
    ValueKind,
)
from shared.identity import new_id
from shared.inbox import Hears, Inbox
from shared.telemetry import Telemetry

CODE = "thu-2023"
NOW = datetime(2023, 8, 1, 2, 0, tzinfo=UTC)
PROVINCE, DISTRICT, COMMUNES = "province", "district-1", ("commune-1", "commune-2", "commune-3", "commune-4")
CUTOFFS = {"r1": date(2023, 7, 14), "r2": date(2023, 8, 14), "r3": date(2023, 9, 14)}


def text(words: str) -> Text:
    return Text(vi=words, en=words)


def indicator(code: str, direction: str = "higher", nature: str = "rate", **more: Any) -> Indicator:
    return Indicator(
        code=code, title=text(code), area=1, unit_of_measure="%", direction=direction, nature=nature, owner="unit", period="month", **more
    )


def criterion(code: str, method: str, max_points: str, **more: Any) -> Criterion:
    return Criterion(code=code, title=text(code), method=method, max_points=Decimal(max_points), **more)


INDICATORS = (
    indicator("revenue", nature="flow", cumulative_from=date(2023, 1, 1)),
    indicator("poverty", "lower"),
    indicator("disbursed"),
    indicator("forest"),
    indicator("schools"),
)
CRITERIA = (
    criterion("revenue", "attainment", "30", indicator="revenue"),
    criterion("poverty", "attainment", "20", indicator="poverty"),
    criterion(
        "disbursed", "bands", "15", indicator="disbursed",
        bands=(Band(at_least=Decimal(100), share=Decimal(1)), Band(at_least=Decimal(75), share=Decimal("0.5"))),
    ),
    criterion("forest", "keep", "5", indicator="forest"),
    criterion("schools", "attainment", "10", indicator="schools"),
    criterion("works", "works", "10", of_descendants=True),
    criterion("punctual", "timeliness", "6"),
    criterion("lead", "rubric", "4", levels=(Level(code="good", title=text("good"), share=Decimal("0.75")),)),
    criterion("models", "bonus", "5"),
    criterion("breach", "penalty", "10"),
)
SHEET = ScoreSheet(
    code="sheet", title=text("sheet"), criteria=CRITERIA, bonus_cap=Decimal(5), penalty_cap=Decimal(8), total_cap=Decimal(105),
    grades=(Grade(code="best", title=text("best"), at_least=Decimal(95)), Grade(code="rest", title=text("rest"), at_least=Decimal(0))),
)


def campaign(**changes: Any) -> Campaign:
    rounds = tuple(
        Round(
            code=code, title=text(code), window_start=date(2023, 5, 30), cutoff=cutoff,
            opens_at=datetime(2023, cutoff.month, 15, tzinfo=UTC), deadline=datetime(2023, cutoff.month, 24, 10, tzinfo=UTC),
        )
        for code, cutoff in CUTOFFS.items()
    )
    fields: dict[str, Any] = {
        "code": CODE, "version": 1, "title": text("movement"), "theme": text("theme"), "starts": date(2023, 5, 30),
        "registration_until": date(2023, 6, 20), "ends_at": datetime(2023, 10, 30, 10, tzinfo=UTC), "legal_basis": (),
        "anniversaries": (), "areas": (), "units_of_measure": (UnitOfMeasure(code="%", title=text("%")),), "indicators": INDICATORS,
        "rounds": rounds, "score_sheets": (SHEET,), "sample_note": text("sample"),
        "clusters": (
            Cluster(code="communes", title=text("communes"), kind=UnitKind.COMMUNE, score_sheet="sheet"),
            Cluster(code="districts", title=text("districts"), kind=UnitKind.DISTRICT, score_sheet="sheet"),
        ),
        "work_duties": (WorkDuty(kind=UnitKind.COMMUNE, confirmed_by_parent=True), WorkDuty(kind=UnitKind.DISTRICT)),
    }
    return Campaign(**(fields | changes))


def published(definition: Campaign | None = None) -> CampaignPublished:
    found = definition or campaign()
    return CampaignPublished(campaign=found.code, revision=found.version, definition=found)


def advanced(phase: Phase, revision: int = 1) -> CampaignAdvanced:
    return CampaignAdvanced(campaign=CODE, revision=revision, phase=phase, at=NOW)


def unit(name: str, kind: UnitKind, parent: str | None, revision: int = 1) -> UnitChanged:
    version = UnitVersion(valid_from=date(2020, 1, 1), name=f"Unit {name}", kind=kind, parent=parent)
    return UnitChanged(unit=name, revision=revision, versions=(version,), identifiers=(Identifier(scheme="dvhc", value=f"code-{name}"),))


def units_changed() -> list[Event]:
    return [
        unit(PROVINCE, UnitKind.PROVINCE, None), unit(DISTRICT, UnitKind.DISTRICT, PROVINCE),
        *(unit(name, UnitKind.COMMUNE, DISTRICT) for name in COMMUNES),
    ]


def participates(name: str, cluster: str = "communes", revision: int = 1) -> ParticipationApproved:
    person = Person(name="Sample", post="Head")
    return ParticipationApproved(
        campaign=CODE, unit=name, revision=revision, cluster=cluster, head=person, focal_officer=person, commitments=(), at=NOW
    )


def commits(name: str, code: str, baseline: str | None, target: str, revision: int = 1, since: date = date(2023, 6, 1)) -> CommitmentApproved:
    return CommitmentApproved(
        campaign=CODE, unit=name, indicator=code, revision=revision, baseline=None if baseline is None else Decimal(baseline),
        target=Decimal(target), unit_of_measure="%", effective_from=since,
    )


def reports(name: str, round: str, revision: int = 1, *, on_time: bool = True, **values: str | None) -> ReportAccepted:
    return ReportAccepted(
        campaign=CODE, unit=name, round=round, report=f"{name}-{round}", revision=revision, channel=Channel.API, submitted_at=NOW,
        first_submitted_at=NOW, on_time=on_time, correction=revision > 1,
        values=tuple(
            ReportedValue(
                indicator=code, value=None if value is None else Decimal(value), unit_of_measure="%", kind=ValueKind.ESTIMATE, as_of=CUTOFFS[round]
            )
            for code, value in values.items()
        ),
    )


def returned(name: str, round: str, revision: int, *, on_time: bool = True) -> ReportReturned:
    return ReportReturned(
        campaign=CODE, unit=name, round=round, report=f"{name}-{round}", revision=revision, reason="check", returned_by="head",
        first_submitted_at=NOW, on_time=on_time,
    )


def missed(name: str, round: str) -> ReportMissed:
    return ReportMissed(campaign=CODE, unit=name, round=round, revision=1, deadline=NOW)


def closed(round: str, missing: int = 0) -> RoundClosed:
    return RoundClosed(campaign=CODE, round=round, revision=2, deadline=NOW, expected=4, on_time=4 - missing, missing=missing)


def worked(name: str, work: str, revision: int = 1, status: WorkStatus = WorkStatus.COMPLETED, *, confirmed: bool = True) -> WorkProgressed:
    return WorkProgressed(
        campaign=CODE, work=work, unit=name, revision=revision, title=work, purpose="social", state_share=Decimal(1),
        people_share=Decimal(1), status=status, confirmed=confirmed, at=NOW,
    )


def delivery(event: Event, identity: str = "") -> Delivery:
    meta = Meta(id=identity or new_id(), source=f"/thidua/{event.producer}", type=event.TYPE, time=NOW)
    return Delivery(None, meta, event)  # type: ignore[arg-type]


def inbox_of(database: Database) -> Inbox:
    everything = Hears("evaluation", settle=hears.settle, shadows=hears.shadows)
    everything.handlers, everything.on_tick = hears.handlers | hears.own_handlers, hears.on_tick
    return Inbox(database, everything, Telemetry("test"), Clock(simulated=True))


async def hear(database: Database, *events: Event) -> None:
    """Apply events as one batch through the real inbox."""
    await inbox_of(database).apply([delivery(event) for event in events])


async def hear_all(database: Database, batches: Iterable[Iterable[Delivery]]) -> None:
    inbox = inbox_of(database)
    for batch in batches:
        await inbox.apply(list(batch))
