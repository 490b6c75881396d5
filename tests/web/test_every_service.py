"""Rules that hold for every route of every service: deny by default, read strictly."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from services.reporting.partner_api import partner_of
from shared import settings as configuration
from shared.security import SignedIn, current_officer
from shared.settings import SERVICES
from shared.web.navigation import WAYS
from shared.web.strict_json import StrictRoute

OPEN = {
    "/", "/registration/sign-in", "/registration/api/sessions",
    "/{service}/live", "/{service}/started", "/{service}/ready", "/{service}/metrics", "/{service}/language", "/{service}/clock",
    "/{service}/api/docs", "/{service}/api/openapi-3.0.json",
}  # fmt: skip
"""What answers without a session: the way in, probes, and what says nothing about anybody."""


def routes_of(app: FastAPI) -> Iterator[Any]:
    """Every route with its whole path; FastAPI keeps included routers as they are, so the walk goes into them."""
    waiting = list(app.router.routes)
    while waiting:
        route = waiting.pop()
        if hasattr(route, "effective_candidates"):
            waiting.extend(route.effective_candidates())
        elif hasattr(route, "dependant"):
            yield route


def asks_for(dependant: Any, *guards: Any) -> bool:
    return any(inner.call in guards or asks_for(inner, *guards) for inner in dependant.dependencies)


def unguarded(app: FastAPI, service: str) -> list[str]:
    allowed = {path.format(service=service) if "{service}" in path else path for path in OPEN}
    return [route.path for route in routes_of(app) if route.path not in allowed and not asks_for(route.dependant, current_officer, partner_of)]


def lenient(app: FastAPI) -> list[str]:
    """Routes that read a body without the strict door. Partners' events pass as they came: the intake reads them strictly."""
    return [
        route.path
        for route in routes_of(app)
        if (route.methods or set()) - {"GET", "HEAD"} and not asks_for(route.dependant, partner_of) and not isinstance(getattr(route, "original_route", route), StrictRoute)
    ]


@pytest.fixture
def app(service: str, tmp_path) -> FastAPI:
    settings = configuration.load({}, data=tmp_path, nats_url="nats://127.0.0.1:1")
    return importlib.import_module(f"services.{service}.app").create_app(settings)


@pytest.mark.parametrize("service", SERVICES)
async def test_nothing_answers_without_a_session_but_the_way_in_and_the_probes(app, service):
    assert len(list(routes_of(app))) > 10, "the walk finds the routes"
    assert unguarded(app, service) == []


@pytest.mark.parametrize("service", SERVICES)
async def test_every_way_of_the_navigation_leads_to_a_page(app, service):
    pages = {route.path for route in routes_of(app) if "GET" in (route.methods or set())}
    assert [way.path for way in WAYS if way.path.startswith(f"/{service}/") and way.path not in pages] == []


@pytest.mark.parametrize("service", SERVICES)
async def test_every_body_is_read_strictly(app, service):
    assert lenient(app) == []


async def test_a_planted_open_and_lenient_route_is_found():
    app, inner, outer = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), APIRouter(prefix="/api"), APIRouter()

    @inner.post("/open")
    async def planted() -> None: ...

    @inner.post("/closed")
    async def closed(officer: SignedIn) -> None: ...

    @inner.post("/guarded", dependencies=[Depends(current_officer)])
    async def guarded() -> None: ...

    outer.include_router(inner)
    app.include_router(outer, prefix="/reporting")
    assert unguarded(app, "reporting") == ["/reporting/api/open"]
    assert len(lenient(app)) == 3
    assert all(isinstance(route, APIRoute) for route in inner.routes)
