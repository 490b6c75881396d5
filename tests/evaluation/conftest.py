"""Officers with tokens, and a running evaluation that has heard the beginning of a movement."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared import security
from shared.database import Database
from shared.events.registration import KeyPublished, OfficerAppointed, Role
from shared.security import Officer, SigningKey, signed_in
from shared.testing.databases import fresh_database
from shared.testing.fixtures import launched
from tests.evaluation.making import (
    COMMUNES,
    DISTRICT,
    closed,
    commits,
    hear,
    participates,
    published,
    reports,
    units_changed,
)

COUNCIL = "council-unit"
FAR = datetime(2099, 1, 1, tzinfo=UTC)
PEM = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
BEGINNING = (
    published(), *units_changed(), *(participates(name) for name in COMMUNES), participates(DISTRICT, "districts"),
    *(commits(name, "disbursed", None, "100") for name in COMMUNES),
    *(reports(name, "r1", disbursed=value) for name, value in zip(COMMUNES, ("100", "80", "80", "10"), strict=True)),
)
ROUNDS_CLOSED = tuple(closed(code) for code in ("r1", "r2", "r3"))


def officer(*roles: Role, unit: str = COUNCIL) -> Officer:
    return signed_in(f"officer-{'-'.join(roles)}-{unit}", 1, name="Cán bộ mẫu", post="Thư ký", unit=unit, roles=roles)


async def appoint(database: Database, one: Officer) -> dict[str, str]:
    """Let the service know an officer and the key; the headers with which that officer asks."""
    key = SigningKey(PEM)
    async with database.write() as session:
        await security.on_key_published(KeyPublished(key=key.id, public_pem=key.public_pem, expires_at=FAR), session)
        appointed = OfficerAppointed(officer=one.id, revision=1, name=one.name, post=one.post, unit=one.unit, roles=tuple(one.roles))
        await security.on_officer_appointed(appointed, session)
    return {"authorization": f"Bearer {key.issue(one, security.wall_now())}"}


@pytest.fixture
async def database(database_kind: str) -> AsyncIterator[Database]:
    """Evaluation's database, on SQLite and on PostgreSQL, after the beginning of a movement."""
    async with fresh_database("evaluation", database_kind) as found:
        await hear(found, *BEGINNING)
        yield found


@pytest.fixture
async def lite() -> AsyncIterator[Database]:
    """The same on SQLite only, for refusals, where the database plays no part."""
    async with fresh_database("evaluation") as found:
        await hear(found, *BEGINNING)
        yield found


class Running:
    """A running evaluation and a client."""

    def __init__(self, app: Any, client: httpx.AsyncClient) -> None:
        self.service, self.client = app.state.service, client

    async def ask(self, method: str, path: str, one: Officer, **more: Any) -> httpx.Response:
        """A request by an officer."""
        headers = await appoint(self.service.database, one) | more.pop("headers", {})
        return await self.client.request(method, f"/evaluation{path}", headers=headers, **more)


@pytest.fixture
async def running(app_of: Any) -> AsyncIterator[Running]:
    """Evaluation on a real broker, after the beginning of a movement."""
    app = app_of("evaluation")
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(launched(app))
        await hear(app.state.service.database, *BEGINNING)
        yield Running(app, client)
