"""Many messages at once: one atomic batch and one acknowledgement, and the same stream in every other case."""

import nats
import pytest
from nats.js.api import StreamConfig

from shared.publishing import FEW, Outgoing, publish

MANY = FEW + 12


def outgoing(*ids: str) -> list[Outgoing]:
    return [Outgoing("reporting.thing.happened.v1", id.encode(), {"Nats-Msg-Id": id}) for id in ids]


@pytest.fixture
async def stream(nats_url):
    connection = await nats.connect(nats_url)
    jetstream = connection.jetstream()
    await jetstream.add_stream(StreamConfig(name="REPORTING", subjects=["reporting.>"], allow_atomic=True))
    yield jetstream
    await connection.close()


async def stored(jetstream) -> list[str]:
    state = (await jetstream.stream_info("REPORTING")).state
    return [(await jetstream.get_msg("REPORTING", seq=number)).data.decode() for number in range(1, state.messages + 1)]


async def batches(jetstream) -> set[str | None]:
    state = (await jetstream.stream_info("REPORTING")).state
    found = [await jetstream.get_msg("REPORTING", seq=number) for number in range(1, state.messages + 1)]
    return {message.headers.get("Nats-Batch-Id") for message in found}


async def test_many_messages_are_one_batch_in_their_order(stream):
    ids = [f"m{number}" for number in range(MANY)]
    await publish(stream, "REPORTING", outgoing(*ids), 5)
    assert await stored(stream) == ids
    assert len(await batches(stream)) == 1


async def test_few_messages_go_by_themselves(stream):
    await publish(stream, "REPORTING", outgoing("a", "b"), 5)
    assert sorted(await stored(stream)) == ["a", "b"]
    assert await batches(stream) == {None}


async def test_a_batch_with_a_message_that_is_there_already_keeps_one_copy_of_each(stream):
    first = [f"m{number}" for number in range(MANY)]
    await publish(stream, "REPORTING", outgoing(*first), 5)
    await publish(stream, "REPORTING", outgoing(*first[-3:], *(f"n{number}" for number in range(MANY))), 5)
    assert sorted(await stored(stream)) == sorted([*first, *(f"n{number}" for number in range(MANY))])


async def test_a_stream_that_takes_no_batches_gets_every_message_all_the_same(stream):
    await stream.update_stream(StreamConfig(name="REPORTING", subjects=["reporting.>"]))
    ids = [f"m{number}" for number in range(MANY)]
    await publish(stream, "REPORTING", outgoing(*ids), 5)
    assert sorted(await stored(stream)) == sorted(ids)


async def test_nothing_to_publish_is_nothing_done(stream):
    await publish(stream, "REPORTING", [], 5)
    assert await stored(stream) == []


async def test_a_message_for_another_stream_is_refused(stream):
    with pytest.raises(nats.errors.Error):
        await publish(stream, "REPORTING", [Outgoing("evaluation.x", b"", {"Nats-Msg-Id": str(n)}) for n in range(MANY)], 1)
