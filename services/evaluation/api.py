"""Evaluation as JSON: scores, league tables, the council's decisions, the ranking."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select

from services.evaluation import council, dossiers, freezes, holds, league, rankings, references, scores, standings
from services.evaluation.models import score_history, warnings
from services.evaluation.models import scores as scores_table
from services.evaluation.records import closing_day
from services.evaluation.scoring.ranking import scheme_and_value
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.evaluation import ClusterRanking
from shared.events.registration import Role
from shared.events.reporting import UnitRef
from shared.messages import Fault, Message, NotFound
from shared.security import EVERYWHERE, SignedIn, must_see
from shared.service import Here, Service
from shared.shadows import in_earnest
from shared.web.strict_json import StrictRoute

router = APIRouter(prefix="/api", route_class=StrictRoute)


class Body(BaseModel):
    """A request's body; a field that does not exist is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")
    campaign: str | None = Field(default=None, description="The campaign's code; the newest one if left out.")


class AboutUnit(Body):
    """A body about one unit: our id, or an official identifier."""

    unit: str | UnitRef


class NewHold(AboutUnit):
    """A hold, until `expires_on` (the last day) or until it is lifted."""

    reason: str
    expires_on: date | None = None


class Lift(BaseModel):
    """The recorded conclusion that ends a hold."""

    model_config = ConfigDict(extra="forbid")
    conclusion: str


class Level(AboutUnit):
    """A rubric's level."""

    criterion: str
    level: str
    reason: str = ""


class Points(AboutUnit):
    """The points of a bonus or penalty."""

    criterion: str
    points: Decimal
    reason: str


@router.get("/scores/{unit}")
async def score(unit: str, officer: SignedIn, service: Here, campaign: str | None = None) -> dict[str, Any]:
    """A unit's score with the lines that sum to it, and its place in its cluster; numbers are exact, as text."""
    async with service.database.read() as session:
        found = await references.campaign_named(session, campaign)
        await must_see(session, officer, unit, closing_day(found))
        row = await scores.of_unit(session, found.code, unit)
        place, members = await dossiers.place_of(session, found, unit)
    if row is None:
        raise NotFound(Fault("unit", Message("Đơn vị này chưa được chấm điểm.")))
    names = ("campaign", "unit", "cluster", "revision", "score", "grade", "on_hold", "capped", "lines", "on_time", "due", "at")
    told = {name: str(getattr(row, name)) if name in {"score", "capped"} else getattr(row, name) for name in names}
    return told | {"rank": place and place.rank, "tied": place is not None and place.tied, "members": members}


@router.get("/league")
async def tables(
    officer: SignedIn, service: Here, view: Annotated[league.View, Depends(league.view_of)], campaign: str | None = None
) -> dict[str, Any]:
    """League tables of what the officer may see. A cluster of more than 200 comes by pages: its first few beside others, and
    `cluster`, then `after=` the last answer's `next`, for the rest.
    """
    async with service.database.read() as session:
        found = await references.campaign_named(session, campaign)
        shown = await league.tables(session, found, officer, service.now(), view)
    return {"campaign": found.code, "clusters": [_table(table) for table in shown]}


def _table(table: league.Table) -> dict[str, Any]:
    return {
        "cluster": table.cluster.code,
        "members": table.members,
        "ranked": table.ranked,
        "units": [_row(row) for row in table.rows],
        "around": [_row(row) for row in table.around],
        "next": table.after,
    }


def _row(row: league.Row) -> dict[str, Any]:
    told = {"name": row.name, "change": None if row.change is None else str(row.change)}
    return row.place.model_dump(mode="json") | told | {"on_hold": row.on_hold, "on_time": row.on_time, "due": row.due}


@router.post("/holds", status_code=201)
async def place_hold(body: NewHold, officer: SignedIn, service: Here) -> dict[str, str]:
    """Put a unit on hold (secretary, chair)."""
    async with service.database.write() as session:
        campaign, unit = await _named(session, body, service)
        form = holds.HoldForm(campaign, unit, body.reason, body.expires_on)
        return {"id": await holds.place(session, officer, form, service.now())}


@router.get("/holds")
async def active_holds(officer: SignedIn, service: Here, campaign: str | None = None) -> list[dict[str, Any]]:
    """The holds in force, each with an official identifier of its unit; for those who see every unit."""
    officer.must_hold(*EVERYWHERE)
    async with service.database.read() as session:
        found = await references.campaign_named(session, campaign)
        held = await holds.active(session, found.code)
        names = await standings.names(session, {row.unit for row in held}, closing_day(found))
    return [_hold(row, *(scheme_and_value(names[row.unit]) if row.unit in names else (None, None))) for row in held]


def _hold(row: Any, scheme: str | None, value: str | None) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in ("unit", "since", "expires_on", "reason", "decided_by")}
    return {"id": row.hold, "scheme": scheme, "value": value} | told


@router.post("/holds/{hold}/lift")
async def lift_hold(hold: str, body: Lift, officer: SignedIn, service: Here) -> dict[str, str]:
    """End a hold by its conclusion (secretary, chair)."""
    async with service.database.write() as session:
        await holds.lift(session, officer, hold, body.conclusion, service.now())
    return {"id": hold}


@router.put("/rubrics")
async def enter_level(body: Level, officer: SignedIn, service: Here) -> dict[str, int]:
    """Choose a rubric's level (council members, secretary)."""
    async with service.database.write() as session:
        entry = council.Entry(*await _named(session, body, service), body.criterion, body.reason)
        return {"revision": await council.enter_level(session, officer, entry, body.level, service.now())}


@router.put("/adjustments")
async def enter_points(body: Points, officer: SignedIn, service: Here) -> dict[str, int]:
    """Set a bonus's or penalty's points (council members, secretary)."""
    async with service.database.write() as session:
        entry = council.Entry(*await _named(session, body, service), body.criterion, body.reason)
        return {"revision": await council.enter_points(session, officer, entry, body.points, service.now())}


async def _named(session: ReadSession, body: AboutUnit, service: Service) -> tuple[str, str]:
    campaign = await references.campaign_named(session, body.campaign)
    return campaign.code, await references.unit_named(session, campaign, body.unit, local_date(service.now()))


@router.post("/rankings", status_code=201)
async def freeze(body: Body, officer: SignedIn, service: Here) -> dict[str, Any]:
    """Freeze the ranking (secretary, chair), once the movement is closed and everything heard is applied."""
    async with service.database.read() as session:
        campaign = await references.campaign_named(session, body.campaign)
    event = await freezes.freeze(service.database, officer, campaign.code, service.now(), lag=service.lag)
    return {"ranking_hash": event.ranking_hash, "revision": event.revision}


@router.get("/rankings/current")
async def ranking(officer: SignedIn, service: Here, campaign: str | None = None) -> dict[str, Any]:
    """The frozen ranking or, before the freeze, the one that the scores give now; for those who see every unit."""
    officer.must_hold(*EVERYWHERE)
    async with service.database.read() as session:
        found = await references.campaign_named(session, campaign)
        frozen = await rankings.frozen(session, found.code)
        digest, clusters = await rankings.in_force(session, found)
    return {"campaign": found.code, "frozen": frozen is not None, "ranking_hash": digest, "clusters": _dumped(clusters)}


def _dumped(clusters: tuple[ClusterRanking, ...]) -> list[dict[str, Any]]:
    return [cluster.model_dump(mode="json") for cluster in clusters]


@router.get("/books")
async def books(officer: SignedIn, service: Here) -> dict[str, int]:
    """What evaluation counted: warnings raised, score revisions, units scored (operator, auditor)."""
    officer.must_hold(Role.OPERATOR, Role.AUDITOR)
    async with service.database.read() as session:
        raised = select(func.sum((warnings.c.revision + 1) // 2)).where(in_earnest(warnings.c.campaign))
        numbers = [select(func.count()).select_from(table).where(in_earnest(table.c.campaign)) for table in (score_history, scores_table)]
        counted = [int(await session.scalar(query) or 0) for query in (raised, *numbers)]
    return dict(zip(("warnings", "scores", "units"), counted, strict=True))
