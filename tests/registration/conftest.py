"""A movement small enough to be loaded for each test: the real files, cut down to a few units."""

import asyncio
import contextlib
import dataclasses
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import make_url, select

from services.registration import campaigns, loading, participations, sessions
from services.registration.loading import Loaded
from services.registration.participations import Form
from shared.database import Database
from shared.events import REGISTRY, Event
from shared.events.clock import MinuteTicked
from shared.events.registration import Commitment, Person
from shared.identity import new_id
from shared.migrations import migrate
from shared.outbox import outbox
from shared.security import Officer, wall_now
from shared.testing.databases import own_folder, postgres_url
from shared.testing.fixtures import launched

FOLDER = Path(__file__).parents[2] / "deploy" / "campaigns" / "lai-chau-2023"
PASSWORD = "mot hai ba bon"
BEFORE = datetime(2023, 5, 29, 1, tzinfo=UTC)
REGISTERING = datetime(2023, 6, 1, 2, tzinfo=UTC)
KEPT = frozenset({
    "tinh-lai-chau", "so-noi-vu", "so-thong-tin", "kho-bac-nha-nuoc", "huyen-muong-te", "huyen-tam-duong", "dn-mau-01",
    "xa-ta-tong", "xa-bum-nua", "tt-tam-duong", "xa-binh-lu", "xa-son-binh", "xa-binh-lu-2025",
})  # fmt: skip


@cache
def whole() -> Loaded:
    """The real files, read once."""
    return loading.read(FOLDER)


@cache
def small() -> Loaded:
    """The real movement with a few of its units and their officers."""
    full = whole()
    partner = {p.unit for p in full.campaign.partners}
    units = tuple(u for u in full.units if u.key in KEPT or partner & {f"{i.scheme}:{i.value}" for i in u.identifiers})
    keys = {u.key for u in units}
    return dataclasses.replace(
        full,
        units=units,
        successions=tuple(s for s in full.successions if {*s.predecessors, s.successor} <= keys),
        officers=tuple(o for o in full.officers if o.unit in keys),
    )


_templates: dict[str, str] = {}
"""By kind, the address of a database with the small movement loaded: copying it takes a tenth of making it."""


@pytest.fixture(scope="session", autouse=True)
def _templates_end_with_the_session() -> Iterator[None]:
    yield
    if "postgres" in _templates:
        asyncio.run(_on_server(f'DROP DATABASE "{_name(_templates.pop("postgres"))}" WITH (FORCE)'))


async def _template(kind: str) -> str:
    if kind not in _templates:
        folder, name = own_folder("loaded"), f"loaded{new_id().replace('-', '')}"
        if kind == "postgres":
            await _on_server(f'CREATE DATABASE "{name}"')
        url = f"sqlite+aiosqlite:///{folder / name}" if kind == "sqlite" else _address(name)
        await _fill(Database(url, "registration"))
        _templates[kind] = url
    return _templates[kind]


async def _fill(made: Database) -> None:
    await migrate(made)
    async with made.write() as session:
        await campaigns.save(session, small(), REGISTERING, PASSWORD)
    await made.close()


async def _on_server(statement: str) -> None:
    connection = await asyncpg.connect(postgres_url())
    await connection.execute(statement)
    await connection.close()


def _address(name: str) -> str:
    url = make_url(postgres_url()).set(drivername="postgresql+asyncpg", database=name)
    return url.render_as_string(hide_password=False)


def _name(url: str) -> str:
    return make_url(url).database or ""


@pytest_asyncio.fixture
async def database(database_kind: str, tmp_path: Path) -> AsyncIterator[Database]:
    """Registration's database, the small movement loaded on its first day of registration; SQLite and PostgreSQL."""
    template, name = await _template(database_kind), f"t{new_id().replace('-', '')}"
    if database_kind == "sqlite":
        shutil.copy(_name(template), tmp_path / name)
        url = f"sqlite+aiosqlite:///{tmp_path / name}"
    else:
        await _on_server(f'CREATE DATABASE "{name}" TEMPLATE "{_name(template)}"')
        url = _address(name)
    made = Database(url, "registration")
    yield made
    await made.close()
    if database_kind == "postgres":
        await _on_server(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def officer(database: Database) -> Callable[[str], object]:
    """`await officer("xa-ta-tong.clerk")` is that officer, signed in."""

    async def signed_in(login: str) -> Officer:
        async with database.read() as session:
            return await sessions.open_session(session, login)

    return signed_in


async def said(database: Database, *types: type[Event]) -> list[Event]:
    """The events recorded so far, of these types only if given, in their order."""
    async with database.read() as session:
        rows = await session.execute(select(outbox.c.type, outbox.c.body).order_by(outbox.c.position))
    events = [REGISTRY[row.type].model_validate_json(row.body) for row in rows]
    return [event for event in events if not types or isinstance(event, types)]


TARGETS = (
    Commitment(indicator="tieu-chi-nong-thon-moi", baseline=Decimal(12), target=Decimal("15.5"), unit_of_measure="tieu-chi"),
    Commitment(indicator="ho-ngheo", baseline=Decimal("30.25"), target=Decimal(25), unit_of_measure="phan-tram"),
)


def form(unit: str, *targets: Commitment, revision: int | None = None) -> Form:
    head, focal = Person(name="Giàng A Mẫu", post="Chủ tịch"), Person(name="Lò Thị Mẫu", post="Công chức")
    return Form(unit, head, focal, targets or TARGETS, revision)


async def approved(database: Database, clerk: Officer, secretary: Officer) -> None:
    """The clerk's unit takes part, with `TARGETS` in force."""
    async with database.write() as session:
        row = await participations.save(session, clerk, await campaigns.chosen(session, None), form(clerk.unit), REGISTERING)
        await participations.submit(session, clerk, row.id, REGISTERING)
        await participations.approve(session, secretary, row.id, REGISTERING)


class Town:
    """Registration running on a real broker, with the small movement loaded; people and programs come to it over HTTP."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        self.app, self.client, self.service = app, client, app.state.service

    def at(self, instant: datetime) -> None:
        """It is `instant` now."""
        self.service.clock.hear(MinuteTicked(instant=instant, mode="simulated"))

    async def bearer(self, login: str) -> dict[str, str]:
        """Headers of a program that acts for an officer."""
        async with self.service.database.read() as session:
            found = await sessions.open_session(session, login)
        return {"authorization": f"Bearer {self.service.extras['signing_key'].issue(found, wall_now())}"}

    async def browse(self, login: str) -> None:
        """A person signs in with the client's cookies."""
        self.client.cookies.clear()
        answer = await self.client.post("/registration/sign-in", data={"login": login, "password": PASSWORD})
        assert answer.status_code == 303, answer.text

    async def post(self, path: str, **fields: str) -> httpx.Response:
        """A form sent from a page of ours."""
        return await self.client.post(path, data={"csrf": await self.csrf()} | fields)

    async def csrf(self) -> str:
        """The word that the pages' forms carry."""
        page = await self.client.get("/registration/campaign")
        return page.text.partition('name="csrf" value="')[2].partition('"')[0]


@pytest_asyncio.fixture
async def town(app_of: Callable[[str], FastAPI]) -> AsyncIterator[Town]:
    """Registration, running."""
    app = app_of("registration")
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(launched(app))
        found = Town(app, client)
        found.at(REGISTERING)
        async with found.service.database.write() as session:
            await campaigns.save(session, small(), REGISTERING, PASSWORD)
        yield found
