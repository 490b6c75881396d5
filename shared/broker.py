"""FastStream on NATS: one batch subscriber per producing stream, with a standing pull request and every message screened first."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from typing import Any, cast

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.subscriber.usecases import BatchPullStreamSubscriber
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import ConsumerConfig

from shared import deadletters
from shared.delivery import Delivery, Unreadable, read
from shared.inbox import Inbox

log = logging.getLogger(__name__)

BATCH = 200
EXPIRES_SECONDS = 20.0
HEARTBEAT_SECONDS = 5.0
RENEW_PAUSE_SECONDS = 0.5


class Batch(list[Msg]):
    """Screened messages and, beside them, their deliveries."""

    def __init__(self, deliveries: list[Delivery]) -> None:
        super().__init__(delivery.message for delivery in deliveries)
        self.deliveries = deliveries


class StandingPullSubscriber(BatchPullStreamSubscriber):
    """FastStream's batch subscriber with its loop replaced.

    The stock loop fetches until the batch is full or a timeout ends, and a cancelled fetch strands messages until redelivery.
    Here one pull request stands at the server; messages are taken as they come, never cancelled; what is there is drained
    into a batch; the request is renewed when it is used up, ends with a status, or falls silent past its heartbeats.
    """

    screen: Callable[[list[Msg]], Any]

    async def _create_subscription(self) -> None:
        """Bind only: streams and durables are provisioned by their own job."""
        if self.subscription is None:
            self.subscription = cast(Any, await self.connection.subscribe(self.connection.new_inbox(), pending_msgs_limit=-1))
            self.add_task(self._consume_pull)

    async def _consume_pull(self) -> None:
        """Take messages for ever; each round applies one batch."""
        waiting: asyncio.Task[Msg] | None = None
        asked = 0
        while self.running:
            if asked <= 0:
                asked = await self._ask()
            if waiting is None:
                waiting = asyncio.create_task(self._inbox.next_msg(timeout=None))
            done, _ = await asyncio.wait({waiting}, timeout=HEARTBEAT_SECONDS * 2 + 1)
            if not done:  # neither message nor heartbeat: the request is lost (a broker restart); ask anew, cancel nothing
                asked = 0
                continue
            first, waiting = waiting, None
            if (error := first.exception()) is not None:
                log.warning("subscription interrupted: %s", error)
                await asyncio.sleep(RENEW_PAUSE_SECONDS)
                asked = 0
                continue
            messages, ended = await self._drain(first.result())
            asked = 0 if ended else asked - len(messages)
            if messages:
                await self.consume(await self.screen(messages))

    @property
    def _inbox(self) -> Subscription:
        return cast(Subscription, self.subscription)

    async def _ask(self) -> int:
        """Place a standing request at the durable; returns how many messages it allows."""
        durable = f"{self.stream.name}.{self.config.durable_name}"
        nanoseconds = 1_000_000_000
        request = {
            "batch": BATCH,
            "expires": int(EXPIRES_SECONDS * nanoseconds),
            "idle_heartbeat": int(HEARTBEAT_SECONDS * nanoseconds),
        }
        with contextlib.suppress(Exception):
            await self.connection.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{durable}", json.dumps(request).encode(), reply=self._inbox.subject
            )
        return BATCH

    async def _drain(self, first: Msg) -> tuple[list[Msg], bool]:
        """The first message and all that already wait behind it, up to a batch; and whether a status ended the request."""
        messages: list[Msg] = []
        ended = False
        current: Msg | None = first
        while current is not None:
            status = (current.headers or {}).get("Status") if not current.data else None
            if status is None:
                messages.append(current)
            elif status != "100":
                ended = True
                if status not in {"404", "408"}:
                    log.warning("pull request of %s ended: %s", self.stream.name, (current.headers or {}).get("Description"))
                    await asyncio.sleep(RENEW_PAUSE_SECONDS)
            current = await self._inbox.next_msg() if self._inbox.pending_msgs and len(messages) < BATCH else None
        return messages, ended


def connect(url: str, *, service: str, **options: Any) -> NatsBroker:
    """A FastStream broker for one service: reconnects for ever, has its own inbox prefix, logs what the server complains of."""

    async def on_error(error: Exception) -> None:
        log.warning("broker: %s", error)

    return NatsBroker(
        url,
        name=f"thidua-{service}",
        inbox_prefix=f"_INBOX_{service}",
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        error_cb=on_error,
        apply_types=False,
        logger=None,
        graceful_timeout=10,
        **options,
    )


def subscribe(broker: NatsBroker, stream: str, types: list[str], inbox: Inbox) -> StandingPullSubscriber:
    """Subscribe the service's inbox to its durable on a stream."""
    service = inbox.hears.service
    subscriber = broker.subscriber(
        stream=JStream(stream, declare=False),
        durable=service,
        config=ConsumerConfig(durable_name=service, filter_subjects=types),
        pull_sub=PullSub(batch_size=BATCH, batch=True),
        ack_policy=AckPolicy.MANUAL,
        decoder=_deliveries,
        title=f"{service} hears {stream}",
    )
    subscriber.__class__ = StandingPullSubscriber
    standing = cast(StandingPullSubscriber, subscriber)
    standing.screen = Screen(inbox)
    standing(inbox.handle)
    return standing


async def _deliveries(message: Any, *_: Any) -> list[Delivery]:
    return cast(Batch, message.raw_message).deliveries


class Screen:
    """Checks each message against its contract; a bad one becomes a dead letter and is ended, so its neighbours are not held."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox

    async def __call__(self, messages: list[Msg]) -> Batch:
        """The good ones, in order."""
        good: list[Delivery] = []
        for message in messages:
            try:
                good.append(read(message))
            except Unreadable as error:
                await self._end(message, str(error))
        return Batch(good)

    async def _end(self, message: Msg, reason: str) -> None:
        try:
            async with self.inbox.database.write() as session:
                await deadletters.keep(session, message, reason, message.metadata.num_delivered)
        except Exception as error:
            log.warning("a dead letter could not be kept, the message will come again: %s", error)
            await message.nak(delay=5)
            return
        self.inbox.telemetry.dead.labels("unreadable").inc()
        await message.term()
