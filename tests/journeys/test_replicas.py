"""Two of each service on one PostgreSQL, sharing the durables: the same state as one of each, nothing doubled, every bucket right."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import nats
import pytest
from sqlalchemy import Table, select

from services import local
from services.evaluation.models import findings, score_buckets, scores, standings, warnings
from services.notification.models import deliveries, letters, submissions
from services.reporting import api
from services.reporting.models import reports, versions
from services.reporting.submissions import Submission, intake_of
from shared import clock, outbox, security, streams
from shared import settings as configuration
from shared.bundled import BundledBroker
from shared.events import Event
from shared.identity import new_id
from shared.service import Service
from shared.testing.databases import fresh_url
from tests.bench.national import country as made
from tests.fabric.conftest import until

SERVICES = ("reporting", "evaluation", "notification")
ENTERPRISES = 60
COUNTRY = made.Country(ENTERPRISES, communes=5)
SENDER = security.System("bench", "Đo tải")
COLUMNS: dict[str, dict[Table, tuple[str, ...]]] = {
    "reporting": {reports: ("unit", "round", "revision", "on_time"), versions: ("revision",)},
    "evaluation": {
        scores: ("unit", "cluster", "score", "on_time", "due", "report_revision"),
        standings: ("unit", "cluster", "bucket", "key", "name", "on_hold"),
        warnings: ("unit", "indicator", "open", "percent"),
        findings: ("unit", "indicator", "open", "percent"),
    },
    "notification": {
        letters: ("rule", "audience", "unit"), deliveries: ("officer", "channel"), submissions: ("unit", "round", "accepted", "returned"),
    },
}  # fmt: skip
"""What must be the same; ids and instants are each run's own."""


class Fleet(NamedTuple):
    """Running services, by name, and a connection of the test's own."""

    replicas: dict[str, list[Service]]
    connection: Any

    def everybody(self) -> Iterator[Service]:
        for services in self.replicas.values():
            yield from services

    async def say(self, *events: Event) -> None:
        """Publish in registration's name."""
        jetstream = self.connection.jetstream()
        for start in range(0, len(events), 500):
            await asyncio.gather(*(self._publish(jetstream, event) for event in events[start : start + 500]))

    async def _publish(self, jetstream: Any, event: Event) -> None:
        headers = {
            "ce-specversion": "1.0", "ce-id": new_id(), "ce-source": "/thidua/registration", "ce-type": event.TYPE,
            "ce-time": made.BEGINS.isoformat(), "content-type": "application/json",
        }  # fmt: skip
        await jetstream.publish(event.TYPE, event.model_dump_json().encode(), headers=headers)

    async def rest(self) -> None:
        async def quiet() -> bool:
            waiting = [await outbox.waiting(services[0].database) for services in self.replicas.values()]
            lag = await streams.lag(self.connection.jetstream(), streams.durables(map(local.hears_of, SERVICES), []))
            return not any(waiting) and not any(lag.values())

        await until(quiet, 60)

    async def repeat(self, stream: str) -> None:
        """Everything in a stream once more, as a broker that forgot what it had acknowledged would send it."""
        jetstream = self.connection.jetstream()
        for sequence in range(1, (await jetstream.stream_info(stream)).state.last_seq + 1):
            message = await jetstream.get_msg(stream, seq=sequence)
            headers = {name: value for name, value in message.headers.items() if not name.startswith("Nats-")}
            await jetstream.publish(message.subject, message.data, headers=headers)

    async def state(self) -> dict[str, list[tuple[Any, ...]]]:
        found = {}
        for name, tables in COLUMNS.items():
            async with self.replicas[name][0].database.read() as session:
                for table, columns in tables.items():
                    rows = await session.execute(select(*(table.c[column] for column in columns)))
                    found[f"{name}.{table.name}"] = sorted((tuple(row) for row in rows), key=str)
        return found

    async def buckets(self) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
        """(as kept, as recounted from the standings)."""
        async with self.replicas["evaluation"][0].database.read() as session:
            kept = {(row.cluster, row.bucket, row.competing) for row in await session.execute(select(score_buckets)) if row.competing}
            counts: dict[tuple[str, int], int] = {}
            for row in await session.execute(select(standings).where(~standings.c.on_hold)):
                counts[row.cluster, row.bucket] = counts.get((row.cluster, row.bucket), 0) + 1
            return kept, {(*place, number) for place, number in counts.items()}


@contextlib.asynccontextmanager
async def fleet(folder: Any, number: int) -> AsyncIterator[Fleet]:
    """So many of each service, on servers of their own."""
    broker = BundledBroker(folder / "nats")
    await broker.start()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(broker.stop)
        url = await stack.enter_async_context(fresh_url("postgres"))
        settings = configuration.load({}, data=folder, nats_url=broker.url, database_url=url, clock="simulated")
        await local.migrate_all(settings)
        await local.provision(settings)
        connection = await nats.connect(broker.url)
        stack.push_async_callback(connection.close)
        replicas = {name: [local.app_of(name, settings).state.service for _ in range(number)] for name in SERVICES}
        for service in (one for services in replicas.values() for one in services):
            await service.start()
            stack.push_async_callback(service.stop)
        yield Fleet(replicas, connection)


async def play(running: Fleet) -> None:
    """A country is put in force, everybody reports through whichever replica, and the broker repeats what was said."""
    key = security.SigningKey(made.PEM)
    await running.say(*made.appointments(key), *COUNTRY.directory())
    for instant in (made.BEGINS, made.OPENS):
        await clock.publish(running.connection.jetstream(), instant + timedelta(hours=1), simulated=True)
    await running.rest()
    for service in running.everybody():
        await service.clock.recall(service.database)  # a tick is handled by one replica; in simulation the others know no other time
    await running.say(*COUNTRY.participants())
    await running.rest()
    await asyncio.gather(*(report(running, number) for number in range(ENTERPRISES)))
    await running.rest()
    await running.repeat("REPORTING")
    await running.rest()


async def report(running: Fleet, number: int) -> None:
    services = running.replicas["reporting"]
    service = services[number % len(services)]
    async with service.database.read() as session:
        form = await api._report_form(session, COUNTRY.report(number), service)
    await intake_of(service).ask(Submission(form, SENDER, service.now()))


@pytest.mark.slow
async def test_two_of_each_service_end_in_the_state_of_one_of_each_with_nothing_doubled_and_the_buckets_right(tmp_path):
    states = []
    for number in (1, 2):
        async with fleet(tmp_path / str(number), number) as running:
            await play(running)
            states.append(await running.state())
            kept, recounted = await running.buckets()
            assert kept == recounted
            for service in running.everybody():
                assert service.inbox.batches > 0, "every replica took its part"
    alone, together = states
    for table, rows in alone.items():
        assert together[table] == rows, table
    assert len(alone[f"reporting.{versions.name}"]) == len(alone[f"reporting.{reports.name}"]) == ENTERPRISES
    assert all(due == 1 and revision == 1 for _, _, _, _, due, revision in alone["evaluation.scores"])
