"""A stream or a durable deleted by mistake is noticed at once, made again, refilled from the outbox, and nothing is applied twice."""

import pytest
from sqlalchemy import func, select

from shared.inbox import inbox
from tests.faults.stand import until

pytestmark = pytest.mark.faults

NOTICED_SECONDS = 2
HEALED_SECONDS = 15


@pytest.fixture
async def loaded(stand):
    """The road with some thousand events behind it."""
    await stand.start()
    await stand.producer.run(400, 5)
    await stand.settle()
    return stand


def red(stand, service: str, stream: str):
    async def is_red() -> bool:
        return any(fault.startswith(stream) for fault in await stand.of(service).faults())

    return is_red


async def all_ready(stand) -> float:
    return sum([await runner.ready(HEALED_SECONDS) for runner in stand.runners])


async def applied(database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(inbox))


@pytest.mark.parametrize("database_kind", ["postgres"])
async def test_a_deleted_stream_is_made_again_and_refilled(loaded, figure, database_kind):
    before = len(loaded.ledger)
    async with loaded.jetstream() as jetstream:
        await jetstream.delete_stream("REPORTING")
        noticed = max([await until(red(loaded, service, "REPORTING"), NOTICED_SECONDS) for service in ("reporting", "evaluation")])
        await loaded.producer.run(400, 3)
        healed = await all_ready(loaded)
        await loaded.settle()
        kept = (await jetstream.stream_info("REPORTING")).state.messages
    assert kept == len(loaded.ledger)
    assert await loaded.ask("evaluation", applied) == len(loaded.ledger)
    figure(
        f"9 stream deleted, {database_kind}: red after {noticed:.1f} s, ready again {healed:.1f} s later by itself; "
        f"{before} old and {kept - before} new events in it, each applied once"
    )


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_deleted_durable_is_made_again(loaded, figure):
    async with loaded.jetstream() as jetstream:
        await jetstream.delete_consumer("REPORTING", "evaluation")
        noticed = await until(red(loaded, "evaluation", "REPORTING"), NOTICED_SECONDS)
        healed = await all_ready(loaded)
        await loaded.producer.run(400, 3)
        await loaded.settle()
    figure(f"9 durable deleted: red after {noticed:.1f} s, ready again {healed:.1f} s later by itself; 0 lost, 0 doubled")
