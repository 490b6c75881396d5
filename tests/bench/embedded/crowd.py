"""Who sends the load: every unit's own officers, over HTTP. The clock is moved over the broker, as the demo does."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import NamedTuple

import httpx
import nats
from nats.js import JetStreamContext
from sqlalchemy import select

from services import local
from services.notification import deliveries
from services.registration import keys, loading, sessions
from services.simulation import ranges, story
from services.simulation.deeds import Hands
from services.simulation.demo import CAMPAIGN
from services.simulation.doors import Desk, Directory, _plain
from services.simulation.story import Act
from shared import clock, outbox, streams
from shared import settings as configuration
from shared.database import Database
from shared.events.reporting import ReportAccepted
from shared.settings import SERVICES
from tests.bench.embedded.town import Town

CALM = 3
SIDE_BY_SIDE = 8
PATIENCE = 180
CONNECTIONS = 100
KEPT_SECONDS = 2
"""Less than the server keeps an idle connection, so that none is used just as it closes."""


class Sent(NamedTuple):
    """A report: when it was sent and answered (nanoseconds of the wall's clock), and which revision it became, if accepted."""

    at: int
    answered: int
    status: int
    became: tuple[str, int] | None


class OverHttp(Desk):
    """Officers who come over the network instead of into the application."""

    def __init__(self, address: str, key, open_session) -> None:
        super().__init__(local.Town({}), key, open_session)
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=KEPT_SECONDS)
        self._client = httpx.AsyncClient(base_url=address, timeout=60, limits=limits)

    async def post(self, login: str, path: str, body: bytes) -> httpx.Response:
        """The bare answer, whatever it is."""
        headers = {"authorization": f"Bearer {await self._token(login)}", "content-type": "application/json"}
        return await self._client.post(path, content=body, headers=headers)


class Crowd:
    """The campaign's units with their officers and the reports they have to send."""

    def __init__(self, town: Town, jetstream: JetStreamContext) -> None:
        settings = configuration.load({}, data=town.data, nats_url=town.broker)
        self.jetstream = jetstream
        self.databases = {name: Database(settings.database_of(name), name) for name in SERVICES}
        self.loaded = loading.read(CAMPAIGN)
        self.acts = story.tell(self.loaded, ranges.read(CAMPAIGN / "story.yaml"), 1)
        self.desk = OverHttp(town.address, keys.signing_key(settings), self._open_session)
        identifiers = {row.key: (row.identifiers[0].scheme, row.identifiers[0].value) for row in self.loaded.units}
        self.hands = Hands(self.desk, Directory(identifiers), {}, self.loaded.campaign.code)
        self.now = story.local(self.loaded.campaign.starts, 9)

    async def _open_session(self, login: str):
        async with self.databases["registration"].read() as session:
            return await sessions.open_session(session, login)

    async def take_part(self) -> None:
        """Every unit registers and is approved; then time moves into the last round, where each unit owes five reports."""
        await self._at(self.now)
        for kind in ("register", "approve"):
            await self._together(self._first_of_each_unit(kind))
            await self._rest()
        for round_ in self.loaded.campaign.rounds:
            await self._at(round_.opens_at + timedelta(hours=1))
            await self._at(round_.opens_at + timedelta(hours=2))

    def _first_of_each_unit(self, kind: str) -> list[Act]:
        return list({act.unit: act for act in reversed(self.acts) if act.kind == kind}.values())

    async def _together(self, acts: list[Act]) -> None:
        gate = asyncio.Semaphore(SIDE_BY_SIDE)

        async def one(act: Act) -> None:
            async with gate:
                await self.hands.do(act)

        await asyncio.gather(*map(one, acts))

    async def _at(self, instant: datetime) -> None:
        self.now = instant
        await clock.publish(self.jetstream, instant, simulated=True)
        await self._rest()

    async def _rest(self) -> None:
        """Wait until no outbox, no durable and no letter holds anything any more."""
        calm = 0
        async with asyncio.timeout(PATIENCE):
            while calm < CALM:
                await asyncio.sleep(0.05)
                calm = 0 if await self.on_the_way() else calm + 1

    async def on_the_way(self) -> int:
        """How much is still to be published, applied or delivered."""
        places = streams.durables([local.hears_of(name) for name in SERVICES], [p.client for p in self.loaded.campaign.partners])
        waiting = sum((await streams.lag(self.jetstream, places)).values())
        for database in self.databases.values():
            waiting += await outbox.waiting(database)
        async with self.databases["notification"].read() as session:
            return waiting + int((await deliveries.books(session, self.now))["pending_due"])

    def reports(self, count: int) -> list[tuple[str, bytes]]:
        """Login and body of `count` reports: every unit's of every round, in the order of rounds, and then corrections of them."""
        newest = {(act.data["round"], act.unit): act for act in self.acts if act.kind == "report"}
        once = [self._report(newest[key]) for key in sorted(newest)]
        return [once[number % len(once)] for number in range(count)]

    def _report(self, act: Act) -> tuple[str, bytes]:
        noted = [value | {"note": value.get("note") or "Số liệu mẫu để đo"} for value in act.data["values"]]
        body = self.hands.subject(act) | {"round": act.data["round"], "values": noted}
        return f"{act.unit}.clerk", json.dumps(body, default=_plain).encode()

    async def send(self, reports: list[tuple[str, bytes]], per_second: int) -> list[Sent]:
        """Open loop: each report leaves at its own time, whatever became of those before."""
        for login in {login for login, _ in reports}:
            await self.desk._token(login)
        start, loop = asyncio.get_running_loop().time() + 0.5, asyncio.get_running_loop()

        async def one(number: int, login: str, body: bytes) -> Sent:
            await asyncio.sleep(start + number / per_second - loop.time())
            at = time.time_ns()
            response = await self.desk.post(login, "/reporting/api/reports", body)
            receipt = response.json() if response.status_code == 201 else None
            return Sent(at, time.time_ns(), response.status_code, (receipt["report"], receipt["revision"]) if receipt else None)

        sent = await asyncio.gather(*(one(number, *report) for number, report in enumerate(reports)))
        await self._rest()
        return sent

    async def events(self) -> dict[tuple[str, int], str]:
        """Which event each revision of a report became."""
        query = select(outbox.outbox.c.id, outbox.outbox.c.body).where(outbox.outbox.c.type == ReportAccepted.TYPE)
        async with self.databases["reporting"].read() as session:
            told = [(row.id, ReportAccepted.model_validate_json(row.body)) for row in await session.execute(query)]
        return {(event.report, event.revision): identity for identity, event in told}

    async def close(self) -> None:
        await self.desk.close()
        for database in self.databases.values():
            await database.close()


@contextlib.asynccontextmanager
async def crowd(town: Town) -> AsyncIterator[Crowd]:
    connection = await nats.connect(town.broker)
    found = Crowd(town, connection.jetstream())
    try:
        yield found
    finally:
        await found.close()
        await connection.close()
