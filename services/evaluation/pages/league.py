"""The league tables, live: one server-sent stream per open page redraws the clusters that changed."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from services.evaluation import exports, league, rankings, references
from services.evaluation.league import View
from services.evaluation.live import Feed, feed_of
from services.evaluation.scoring import RULES_VERSION
from shared import security
from shared.security import Officer, SignedIn
from shared.service import Here, Service
from shared.web.pages import Pages, language_of, render

router = APIRouter()

Asked = Annotated[View, Depends(league.view_of)]


@router.get("/league")
async def show(request: Request, officer: SignedIn, service: Here, view: Asked, campaign: str | None = None) -> HTMLResponse:
    """One table per cluster; `order=worst` for those who must act; a big cluster by pages."""
    async with service.database.read() as session:
        found = await references.campaign_named(session, campaign)
        tables = await league.tables(session, found, officer, service.now(), view)
        frozen = await rankings.frozen(session, found.code)
    sees_all = officer.holds(*security.EVERYWHERE)
    return render(
        request, "league.html", campaign=found, tables=tables, view=view, frozen=frozen, sees_all=sees_all, rules=RULES_VERSION
    )


@router.get("/league.csv")
async def export(request: Request, officer: SignedIn, service: Here, view: Asked, campaign: str | None = None) -> StreamingResponse:
    """The same tables, whole, for a spreadsheet."""
    async with service.database.read() as session:
        found = await references.campaign_named(session, campaign)
    asked, now = exports.Asked(found, officer, view, language_of(request)), service.now()
    headers = {"content-disposition": f'attachment; filename="{exports.name_of(found, now)}"'}
    return StreamingResponse(exports.lines(service.database, asked, now), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/league/events")
async def events(request: Request, officer: SignedIn, service: Here, view: Asked, campaign: str | None = None) -> StreamingResponse:
    """Server-sent events, one per changed cluster, named by its code, with its table as HTML."""
    drawing = Drawing(request, officer, service, (view, campaign))
    return StreamingResponse(drawing.stream(feed_of(service)), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


class Drawing:
    """One open page and how to redraw its tables."""

    def __init__(self, request: Request, officer: Officer, service: Service, choice: tuple[View, str | None]) -> None:
        self.request, self.officer, self.service = request, officer, service
        self.view, self.campaign = choice
        self.drawn: dict[str, str] = {}

    async def stream(self, feed: Feed) -> AsyncIterator[str]:
        """Redraw until the reader leaves, their session ends, or the service stops."""
        with feed.listener() as listener:
            yield "retry: 2000\n\n"
            while not feed.closed:
                changed = await listener.changes()
                if await self.request.is_disconnected() or not await self._still_signed_in():
                    return
                yield ": \n\n"
                for event in await self._redraw(changed):
                    yield event

    async def _still_signed_in(self) -> bool:
        try:
            async with self.service.database.read() as session:
                await security.verify(session, security.token_of(self.request) or "")
        except security.SignInNeeded:
            return False
        return True

    async def _redraw(self, changed: set[str]) -> list[str]:
        """Events for the changed clusters whose table looks different now; the empty name stands for all."""
        if not changed:
            return []
        async with self.service.database.read() as session:
            campaign = await references.campaign_named(session, self.campaign)
            tables = await league.tables(session, campaign, self.officer, self.service.now(), self.view)
        found = []
        for table in tables:
            html = self._html(campaign, table) if {"", table.cluster.code} & changed else None
            if html is not None and self.drawn.get(table.cluster.code) != html:
                self.drawn[table.cluster.code] = html
                found.append(_event(table.cluster.code, html))
        return found

    def _html(self, campaign: Any, table: league.Table) -> str:
        pages: Pages = self.request.app.state.pages
        return pages.text(self.request, "league_table.html", campaign=campaign, table=table, view=self.view)


def _event(name: str, html: str) -> str:
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    return f"event: {name}\n{lines}\n"
