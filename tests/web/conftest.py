"""One real service with a page and an API of the test's own, a real broker, and officers with real session tokens."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import httpx
import nats
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict

from shared import security, streams
from shared.database import fabric
from shared.events.registration import KeyPublished, Role, SessionEnded
from shared.inbox import Hears
from shared.messages import Conflict, Fault, Message
from shared.migrations import make_schema
from shared.security import PLAIN_COOKIE, SignedIn, SigningKey
from shared.service import Service
from shared.web import site
from shared.web.pages import render
from shared.web.strict_json import StrictRoute

NOW = datetime(2023, 10, 30, 9, 0, tzinfo=UTC)
KEY = SigningKey(
    Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)
PAGE = '{% extends "page.html" %}{% block content %}<h1>{{ _("Việc cần làm") }}</h1>{{ note }}{% endblock %}'


class Figure(BaseModel):
    model_config = ConfigDict(extra="forbid")

    indicator: str
    value: Decimal
    note: str = ""


class Figures(BaseModel):
    values: list[Figure]


def _router() -> APIRouter:
    router = APIRouter(route_class=StrictRoute)

    @router.get("/due")
    async def due(request: Request, officer: SignedIn) -> Any:
        wrong = (Fault("note", Message("Thiếu trường này.")),) if "fault" in request.query_params else ()
        return render(request, "due.html", note=f"<b>{officer.name}</b>", wrong=wrong)

    @router.post("/api/figures")
    async def figures(body: Figures) -> dict[str, Any]:
        return {"values": [str(f.value) for f in body.values], "notes": [f.note for f in body.values]}

    @router.post("/notes")
    async def notes(officer: SignedIn, note: Annotated[str, Form()]) -> dict[str, str]:
        return {"note": note}

    @router.post("/kept")
    async def kept(officer: SignedIn) -> RedirectResponse:
        return RedirectResponse("/reporting/due", 303)

    @router.get("/moved")
    async def moved() -> None:
        raise Conflict(Fault("value", Message("Số liệu đã thay đổi."), Message("Tải lại rồi xem.")))

    @router.get("/watched")
    async def watched() -> StreamingResponse:
        return StreamingResponse(iter(["event: score\ndata: 1\n\n"]), media_type="text/event-stream")

    @router.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("a secret of the inside")

    return router


class Site:
    """The running service and clients for it."""

    def __init__(self, service: Service, app: Any, hears: Hears) -> None:
        self.service, self.app, self.hears = service, app, hears
        self.clients: list[httpx.AsyncClient] = []

    def client(self, *roles: Role, unit: str = "u1", bearer: bool = False) -> httpx.AsyncClient:
        """A browser (or, with `bearer`, a program) of an officer with these roles; of nobody without roles."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        if roles:
            officer = security.signed_in(f"{unit}-officer", 1, name="Lò Thị Ánh", post="Công chức", unit=unit, roles=roles)
            token = KEY.issue(officer, security.wall_now())
            if bearer:
                client.headers["authorization"] = f"Bearer {token}"
            else:
                client.cookies[PLAIN_COOKIE] = token
            client.officer = officer  # type: ignore[attr-defined]
        self.clients.append(client)
        return client


@contextlib.asynccontextmanager
async def running_site(settings: Any, templates: Path) -> AsyncIterator[Site]:
    hears = Hears("reporting")

    @hears
    async def on_session_ended(event: SessionEnded, session: Any, meta: Any) -> None:
        await security.on_session_ended(event, session)

    service = Service("reporting", settings, hears)
    app = site.create(service, [_router()], templates)
    await make_schema(service.database)
    async with service.database.writer.begin() as connection:
        await connection.run_sync(fabric.create_all)
    async with service.database.write() as session:
        expires = security.wall_now() + timedelta(days=1)
        await security.on_key_published(KeyPublished(key=KEY.id, public_pem=KEY.public_pem, expires_at=expires), session)
    connection = await nats.connect(settings.nats_url)
    await streams.provision(connection.jetstream(), streams.stream_configs([], 1), streams.durables([hears], []))
    await connection.close()
    await service.start()
    service.clock.tick = NOW
    here = Site(service, app, hears)
    try:
        yield here
    finally:
        for client in here.clients:
            await client.aclose()
        await service.stop()


@pytest_asyncio.fixture
async def web(settings: Any, tmp_path: Path) -> AsyncIterator[Site]:
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "due.html").write_text(PAGE, encoding="utf-8")
    async with running_site(settings, templates) as found:
        yield found
