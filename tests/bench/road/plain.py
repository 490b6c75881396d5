"""The road without us: the limit (drivers alone) and the peers run on the same tables, streams and reports."""

import contextlib
from collections.abc import AsyncIterator

import nats
from nats.js.api import AckPolicy, ConsumerConfig, StorageType, StreamConfig

from tests.bench.road.contest import Road, Stage, python, running, until_ready
from tests.bench.road.limit import store
from tests.bench.road.limit.wire import BATCH, PATIENCE_SECONDS

PLACES = {"accepted": "scorer", "scored": "writer"}
ROLES = ("producer", "scorer", "writer")
MAX_ACK_PENDING = 10 * BATCH


async def make_streams(url: str, replicas: int) -> None:
    """A stream for reports and one for scores, each with the durable that hears it."""
    connection = await nats.connect(url)
    jetstream = connection.jetstream(timeout=PATIENCE_SECONDS)
    for what, durable in PLACES.items():
        subject = f"reports.{what}"
        await jetstream.add_stream(
            StreamConfig(name=what.upper(), subjects=[subject], storage=StorageType.FILE, num_replicas=replicas, duplicate_window=120)
        )
        config = ConsumerConfig(durable_name=durable, filter_subject=subject, ack_policy=AckPolicy.EXPLICIT, max_ack_pending=MAX_ACK_PENDING)
        await jetstream.add_consumer(what.upper(), config)
    await connection.close()


@contextlib.asynccontextmanager
async def limit(stage: Stage) -> AsyncIterator[Road]:
    """The same work by nats-py and the driver alone, in batches: what is left when there is no framework."""
    await store.create(stage.database, stage.folder)
    await make_streams(stage.broker, stage.setting.replicas)
    given = (stage.database, stage.broker, stage.reports, stage.folder)
    commands = {role: python(f"tests.bench.road.limit.{role}", *given) for role in ROLES}
    async with running(stage.folder, commands) as processes:
        await until_ready(stage.folder, processes)
        yield road(stage, processes)


def road(stage: Stage, processes) -> Road:
    """A road on the plain tables, which ends with the writer."""

    async def faults(count: int, thousandths: int) -> list[str]:
        return await store.differences(stage.database, stage.folder, count, thousandths)

    return Road(stage, ("writer",), processes, "producer", faults)
