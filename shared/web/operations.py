"""The operator's page: each service tells of itself in a fragment, and the browser puts the fragments together."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import func, select

from shared import deadletters
from shared.events.registration import Role
from shared.outbox import outbox
from shared.security import Officer, SignedIn
from shared.service import Here, Service, Strangers
from shared.settings import SERVICES
from shared.web.pages import render

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class State:
    """What an operator wants to know of one service. `oldest` is the age of the oldest unsent event; `lag` None: broker silent."""

    faults: list[str]
    recorded: int
    unsent: int
    oldest: timedelta | None
    lag: dict[str, int] | None
    dead: int
    skew: timedelta
    tick: datetime | None
    strangers: Strangers


async def state_of(service: Service) -> State:
    """Ask database and broker how the service is."""
    async with service.database.read() as session:
        recorded = int(await session.scalar(select(func.max(outbox.c.position))) or 0)  # rows stay: it is their number, give or take what a crash left out
        unsent, first = (
            await session.execute(select(func.count(), func.min(outbox.c.recorded)).where(outbox.c.sent.is_(None)))
        ).one()
        dead = await deadletters.count(session)
    oldest = datetime.now(UTC) - first if first else None
    clock = service.clock
    return State(await service.ready(), recorded, unsent, oldest, await _lag(service), dead, clock.skew, clock.tick, service.strangers)


async def _lag(service: Service) -> dict[str, int] | None:
    try:
        return await service.lag()
    except Exception:  # the broker is down or its durables are missing: readiness says which, the page must still show
        return None


def must_operate(officer: Officer) -> None:
    """Operations belong to the operator."""
    officer.must_hold(Role.OPERATOR)


@router.get("/operations")
async def operations(request: Request, officer: SignedIn) -> HTMLResponse:
    """All services at a glance, and in simulation the clock."""
    must_operate(officer)
    return render(request, "common/operations.html", services=SERVICES)


@router.get("/operations/fragment")
async def fragment(request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """How the service is, asked every two seconds."""
    must_operate(officer)
    return render(request, "common/operations_fragment.html", state=await state_of(service))
