"""A running reporting service with real sessions to speak to it, at an instant of the test's choosing."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI

from shared.database import Database
from shared.events.clock import MinuteTicked
from shared.events.registration import KeyPublished
from shared.security import Officer, SigningKey, wall_now
from shared.service import Service
from shared.testing.fixtures import launched
from tests.reporting.world import everything, hear

KEY = SigningKey(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


class Desk:
    """Speaks to the service as an officer."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        self.service: Service = app.state.service
        self.client = client

    @property
    def database(self) -> Database:
        return self.service.database

    def at(self, now: datetime) -> None:
        """Let it be `now`."""
        self.service.clock.tick = None
        self.service.clock.hear(MinuteTicked(instant=now, mode="simulated"))

    async def ask(self, officer: Officer | None, method: str, path: str, **more) -> httpx.Response:
        """A program's request with a bearer token."""
        headers = more.pop("headers", {})
        if officer is not None:
            headers["authorization"] = f"Bearer {KEY.issue(officer, wall_now())}"
        return await self.client.request(method, f"/reporting{path}", headers=headers, **more)

    async def see(self, officer: Officer, path: str, lang: str = "vi") -> httpx.Response:
        """A page, as a browser with a cookie asks for it."""
        return await self.client.get(f"/reporting{path}", headers=self.cookie(officer, lang))

    async def send(self, officer: Officer, path: str, form: dict[str, str], **more: str) -> httpx.Response:
        """A form, with the session's CSRF word unless the test says otherwise."""
        return await self.client.post(f"/reporting{path}", data={"csrf": officer.csrf} | form | more, headers=self.cookie(officer))

    def cookie(self, officer: Officer, lang: str = "vi") -> dict[str, str]:
        """A browser's headers."""
        return {"cookie": f"thidua={KEY.issue(officer, wall_now())}; thidua-language={lang}", "accept": "text/html"}


@contextlib.asynccontextmanager
async def desk_of(app: FastAPI, now: datetime, clients: tuple[str, ...] = ()) -> AsyncIterator[Desk]:
    """The service running, with the small movement heard."""
    async with launched(app, clients) as client:
        desk = Desk(app, client)
        key = KeyPublished(key=KEY.id, public_pem=KEY.public_pem, expires_at=wall_now() + timedelta(days=1))
        await hear(desk.database, key, *everything())
        desk.at(now)
        yield desk
