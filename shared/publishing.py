"""Many messages to one stream at once: as one atomic batch with one acknowledgement, or each by itself."""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nats.js import JetStreamContext

from shared.identity import new_id

log = logging.getLogger(__name__)

FEW = 8
"""Up to so many messages go by themselves: a batch is three more headers a message and worth it where it saves waits for the disk."""


LARGEST = 1_000_000
"""Bytes of a message's body: unless it is told otherwise, a broker takes one MiB together with the headers."""


class Outgoing(NamedTuple):
    """A message to be published; its headers name its id (`Nats-Msg-Id`)."""

    subject: str
    body: bytes
    headers: Mapping[str, str]


async def publish(jetstream: JetStreamContext, stream: str, messages: Sequence[Outgoing], timeout: float) -> None:
    """Publish messages in their order and wait until the broker has them all on disk.

    A broker that waits for its disk does so once per atomic batch (ADR-50 of NATS; at most 1,000 messages), not once per message. It
    refuses a batch whole when it holds one of the messages already; then, and when it knows no batches, each goes by itself and a
    message that is there is acknowledged again. Raises what nats-py raises when the broker does not answer.
    """
    if len(messages) <= FEW or not await _together(jetstream, stream, messages, timeout):
        await asyncio.gather(*(_alone(jetstream, stream, message, timeout) for message in messages))


async def _alone(jetstream: JetStreamContext, stream: str, message: Outgoing, timeout: float) -> None:
    await jetstream.publish(message.subject, message.body, timeout=timeout, stream=stream, headers=dict(message.headers))


async def _together(jetstream: JetStreamContext, stream: str, messages: Sequence[Outgoing], timeout: float) -> bool:
    connection, batch = jetstream._nc, new_id()  # noqa: SLF001 - a JetStream context does not name its connection
    for number, message in enumerate(messages[:-1], 1):
        await connection.publish(message.subject, message.body, headers=_in_batch(message, batch, number))
    last = messages[-1]
    commit = _in_batch(last, batch, len(messages)) | {"Nats-Batch-Commit": "1", "Nats-Expected-Stream": stream}
    answer = json.loads((await connection.request(last.subject, last.body, timeout=timeout, headers=commit)).data)
    if "error" in answer:
        log.info("%s took no batch of %d: %s", stream, len(messages), answer["error"].get("description"))
    return bool(answer.get("count") == len(messages))


def _in_batch(message: Outgoing, batch: str, number: int) -> dict[str, str]:
    return {**message.headers, "Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
