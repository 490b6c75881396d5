"""The council's desk: what must be entered before the freeze, holds, and the freeze itself."""

from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from services.evaluation import council, freezes, holds, league, rankings, references
from services.evaluation.league import View
from services.evaluation.records import closing_day
from shared import units
from shared.database import ReadSession, WriteSession
from shared.events.registration import Role
from shared.messages import Fault, Message, Refused
from shared.numbers import parse
from shared.security import SignedIn
from shared.service import Here
from shared.web.pages import render
from shared.web.strict_json import StrictRoute

router = APIRouter(prefix="/council", route_class=StrictRoute)

COUNCIL = (Role.SECRETARY, Role.MEMBER, Role.CHAIR)
DONE = {"hold", "lift", "level", "points"}
"""What may have been done just now, to say so on the page."""
CORRECTABLE = {409, 422}
"""Refusals that are told on the desk itself, with what was typed."""


class Desk:
    """The page of one council member."""

    def __init__(self, request: Request, officer: SignedIn, service: Here) -> None:
        officer.must_hold(*COUNCIL)
        self.request, self.officer, self.service = request, officer, service

    async def show(self, view: View, **told: Any) -> Response:
        """One cluster at a time, a big one by pages; `told`: what was done, or faults and what was typed."""
        waiting = sum((await self.service.lag()).values())
        async with self.service.database.read() as session:
            context = await self._context(session, view, waiting)
        return render(self.request, "council.html", **(context | {"typed": {}, "faults": (), "done": ""} | told))

    async def _context(self, session: ReadSession, view: View, waiting: int) -> dict[str, Any]:
        campaign = await references.campaign_named(session, None)
        chosen = campaign.cluster(view.cluster) or campaign.clusters[0]
        view = view._replace(cluster=chosen.code)
        tables = {
            table.cluster.code: table
            for looked_at in (View(), view)
            for table in await league.tables(session, campaign, self.officer, self.service.now(), looked_at)
        }
        held = await holds.active(session, campaign.code)
        return {
            "campaign": campaign,
            "chosen": chosen,
            "view": view,
            "tables": tables,
            "rubrics": council.criteria_of(campaign, chosen.code, "rubric"),
            "adjustable": council.criteria_of(campaign, chosen.code, *council.ADJUSTMENTS),
            "levels": await council.levels(session, campaign.code),
            "entered": await council.adjustments(session, campaign.code),
            "holds": held,
            "names": await units.on_day(session, closing_day(campaign), {row.unit for row in held}),
            "preconditions": await freezes.preconditions(session, campaign, waiting),
            "frozen": await rankings.frozen(session, campaign.code),
        }

    async def decide(self, done: str, decision: Callable[[WriteSession, str], Awaitable[Any]]) -> Response:
        """Take a decision in one transaction and show the desk again; a refusal keeps what was typed."""

        async def work() -> None:
            async with self.service.database.write() as session:
                await decision(session, (await references.campaign_named(session, None)).code)

        cluster = (await self._typed()).get("cluster", "")
        return await self.answer(f"/evaluation/council?cluster={cluster}&done={done}", work)

    async def answer(self, target: str, work: Callable[[], Awaitable[Any]]) -> Response:
        """Do the work and go to `target`; what is refused is told on the desk."""
        try:
            await work()
        except Refused as refused:
            if refused.status not in CORRECTABLE:
                raise
            typed = await self._typed()
            response = await self.show(View(cluster=typed.get("cluster", "")), faults=refused.faults, typed=typed)
            response.status_code = refused.status
            return response
        return RedirectResponse(target, 303)

    async def _typed(self) -> dict[str, str]:
        return {name: str(value) for name, value in (await self.request.form()).items()}


AtDesk = Annotated[Desk, Depends()]
Text = Annotated[str, Form()]


@router.get("")
async def show(desk: AtDesk, view: Annotated[View, Depends(league.view_of)], done: str = "") -> Response:
    """Levels, bonus and penalty of one cluster; holds and the freeze of the whole campaign."""
    return await desk.show(view, done=done if done in DONE else "")


@router.post("/holds")
async def place_hold(desk: AtDesk, unit: Text, reason: Text = "", expires_on: Text = "") -> Response:
    """Put a unit on hold."""

    async def decision(session: WriteSession, campaign: str) -> None:
        await holds.place(session, desk.officer, holds.HoldForm(campaign, unit, reason, _day(expires_on)), desk.service.now())

    return await desk.decide("hold", decision)


@router.post("/holds/{hold}/lift")
async def lift_hold(desk: AtDesk, hold: str, conclusion: Text = "") -> Response:
    """End a hold by its conclusion."""
    return await desk.decide("lift", lambda session, _: holds.lift(session, desk.officer, hold, conclusion, desk.service.now()))


@router.post("/rubrics")
async def enter_level(desk: AtDesk, unit: Text, criterion: Text, level: Text = "", reason: Text = "") -> Response:
    """Choose a rubric's level."""

    async def decision(session: WriteSession, campaign: str) -> None:
        await council.enter_level(session, desk.officer, council.Entry(campaign, unit, criterion, reason), level, desk.service.now())

    return await desk.decide("level", decision)


@router.post("/adjustments")
async def enter_points(desk: AtDesk, unit: Text, criterion: Text, points: Text = "", reason: Text = "") -> Response:
    """Set a bonus's or penalty's points."""

    async def decision(session: WriteSession, campaign: str) -> None:
        entry = council.Entry(campaign, unit, criterion, reason)
        await council.enter_points(session, desk.officer, entry, _points(points), desk.service.now())

    return await desk.decide("points", decision)


@router.post("/freeze")
async def freeze(desk: AtDesk, confirmed: Text = "") -> Response:
    """Freeze the ranking; it cannot be undone, so it asks for a tick."""

    async def work() -> None:
        if confirmed != "yes":
            raise Refused(Fault("confirmed", Message("Chưa xác nhận việc chốt kết quả."), Message("Đánh dấu vào ô xác nhận.")))
        async with desk.service.database.read() as session:
            campaign = await references.campaign_named(session, None)
        await freezes.freeze(desk.service.database, desk.officer, campaign.code, desk.service.now(), lag=desk.service.lag)

    return await desk.answer("/evaluation/rankings", work)


def _day(text: str) -> date | None:
    """A day as people here write it, dd/mm/yyyy, or as programs do; nothing for an empty field."""
    if not text.strip():
        return None
    try:
        if "/" in text:
            day, month, year = (int(part) for part in text.strip().split("/"))
            return date(year, month, day)
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Refused(Fault("expires_on", Message("Ngày này không đọc được."), Message("Ghi ngày/tháng/năm, ví dụ 30/10/2023."))) from None


def _points(text: str) -> Decimal:
    if not text.strip():
        raise Refused(Fault("points", Message("Chưa ghi điểm."), Message("Ghi số, ví dụ 2,5.")))
    return parse(text, "points")
