"""Builds a service's web application: routes, templates, static files, language, headers, errors, probes and metrics."""

import logging
from collections.abc import Sequence
from pathlib import Path

import django_htmx
import swagger_ui_bundle
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from prometheus_client.exposition import choose_encoder
from starlette.exceptions import HTTPException

from shared import gauges
from shared.messages import Refused
from shared.service import Service, running
from shared.web import api_docs, audit_trail, dead_letters, errors, events, language, operations, paths
from shared.web.edge import Edge
from shared.web.pages import Pages

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
HTMX = Path(django_htmx.__file__).parent / "static" / "django_htmx"
COMMON = (language.router, operations.router, dead_letters.router, audit_trail.router, events.router, paths.router, api_docs.router)
"""Pages that every service has; its own come first."""
SWAGGER = Path(swagger_ui_bundle.swagger_ui_path)


def create(service: Service, routers: Sequence[APIRouter], templates: Path) -> FastAPI:
    """The application of one service; every route lies below `/<service>`, so a proxy or a parent only has to look at the prefix."""
    prefix = f"/{service.name}"
    app = FastAPI(
        title=f"thidua {service.name}", lifespan=running, docs_url=None, redoc_url=None, openapi_url=f"{prefix}/api/openapi.json"
    )
    app.state.service = service
    app.state.pages = Pages(service, templates)
    for path, folder in (("static", STATIC), ("vendor", HTMX), ("swagger", SWAGGER)):
        app.mount(f"{prefix}/{path}", StaticFiles(directory=folder), name=path)
    for router in (*routers, *COMMON):
        app.include_router(router, prefix=prefix)
    app.include_router(_probes(), prefix=prefix)
    app.add_exception_handler(Refused, errors.on_refused)
    app.add_exception_handler(RequestValidationError, errors.on_invalid)
    app.add_exception_handler(HTTPException, errors.on_http)
    app.add_middleware(Edge, telemetry=service.telemetry)
    return app


def _probes() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/live")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @router.get("/ready")
    async def ready(request: Request, response: Response, broker: bool = True) -> dict[str, object]:
        """Database, broker and durables answer, and the clock is right; with `broker=false`, whatever the broker does."""
        faults = await request.app.state.service.ready(broker=broker)
        response.status_code = 503 if faults else 200
        return {"ready": not faults, "faults": faults}

    @router.get("/started")
    async def started(request: Request, response: Response) -> dict[str, object]:
        """Start-up is over: from now on `ready` tells how it is."""
        begun: bool = request.app.state.service.started
        response.status_code = 200 if begun else 503
        return {"started": begun}

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        """Prometheus metrics of this service; in OpenMetrics, where asked for, with a trace as each bucket's example."""
        service: Service = request.app.state.service
        await gauges.take(service)
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(service.telemetry.registry), headers={"content-type": kind})

    return router
