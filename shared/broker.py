"""FastStream on NATS: one batch subscriber per producing stream, with a standing pull request and every message screened first."""

import asyncio
import contextlib
import json
import logging
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, cast

import nats.errors
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.security import NatsNKey
from faststream.nats.subscriber.usecases import BatchPullStreamSubscriber
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig

from shared import deadletters
from shared.delivery import Delivery, UnknownType, Unreadable, read
from shared.inbox import MAX_DELIVER, Inbox, rest_seconds
from shared.messages import Refused
from shared.settings import Settings
from shared.streams import stream_of_client

log = logging.getLogger(__name__)
framework_log = logging.getLogger("thidua.faststream")
framework_log.setLevel(logging.WARNING)  # it tells each batch at INFO

BATCH = 200
INBOUND_BATCH = 20
"""Of one partner's events at a time: a flood of them holds the database no longer than a few others wait anyway."""
Room = Callable[[], Awaitable[int | None]]
Handle = Callable[[Sequence[Delivery]], Awaitable[None]]
EXPIRES_SECONDS = 20.0
HEARTBEAT_SECONDS = 5.0
SILENCE_SECONDS = HEARTBEAT_SECONDS * 2 + 1
LOOK_SECONDS = 0.5
RENEW_PAUSE_SECONDS = 0.5
GATHER_SECONDS = 0.2
KEEP_SECONDS = 2.0
NANOSECONDS = 1_000_000_000
HEARTBEAT_STATUS = "100"
EXPIRED_STATUS = {"404", "408"}


class Batch(list[Msg]):
    """Screened messages and, beside them, their deliveries."""

    def __init__(self, deliveries: list[Delivery]) -> None:
        super().__init__(delivery.message for delivery in deliveries)
        self.deliveries = deliveries


class StandingPullSubscriber(BatchPullStreamSubscriber):
    """FastStream's batch subscriber with its loop replaced.

    The stock loop fetches until the batch is full or a timeout ends, and a cancelled fetch strands messages until redelivery.
    Here one pull request stands at the server and messages land as they come, so nothing is ever cancelled; what has landed
    becomes a batch; the request is renewed when it is used up, ends with a status, or falls silent past its heartbeats.
    """

    screen: "Screen"
    most = BATCH
    room: Room | None = None
    """How many messages may be asked for now (None: any number). What is not asked for stays in the stream, in its order."""
    landed: deque[Msg]
    in_hand: Sequence[Msg] = ()
    arrived: asyncio.Event

    async def _create_subscription(self) -> None:
        """Bind only: streams and durables are provisioned by their own job."""
        if self.subscription is None:
            self.landed, self.arrived = deque(), asyncio.Event()
            self._reply = self.connection.new_inbox()
            self.subscription = cast(Any, await self.connection.subscribe(self._reply, cb=self._land))
            self.add_task(self._consume_pull)
            self.add_task(self._keep)
            self.add_task(self.screen.end)

    async def _land(self, message: Msg) -> None:
        self.landed.append(message)
        self.arrived.set()

    async def _consume_pull(self) -> None:
        """Apply what has landed, batch by batch, for ever."""
        asked = 0
        while self.running:
            if asked <= 0:
                asked = await self._ask()
            if not (asked or self.landed):
                await asyncio.sleep(LOOK_SECONDS)
                continue
            if not await self._something_lands():
                asked = 0
                continue
            messages, ended = await self._take()
            asked = 0 if ended else asked - len(messages)
            if messages:
                await self._apply(messages)

    async def _apply(self, messages: list[Msg]) -> None:
        self.in_hand = messages
        try:
            await self.consume(await self.screen(messages))
        finally:
            self.in_hand = ()

    async def _keep(self) -> None:
        """Keep ours what is worked on and what has landed behind it, however long that takes, so that the broker does not deliver it again meanwhile."""
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            for message in [*self.in_hand, *self.landed]:
                with contextlib.suppress(nats.errors.Error):  # answered already, or a word of the broker's own
                    await message.in_progress()

    async def _something_lands(self) -> bool:
        """Wait for it. False when the request is lost: the connection is a new one, or neither message nor heartbeat came."""
        for _ in range(int(SILENCE_SECONDS / LOOK_SECONDS)):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):  # Python 3.11's wait_for may swallow a cancellation
                    await self.arrived.wait()
                    return True
            if self.connection.stats["reconnects"] != self._reconnects:
                return False
        return False

    async def _ask(self) -> int:
        """Place a standing request at the durable; returns how many messages it allows. Without room for any, none is placed."""
        self._reconnects = self.connection.stats["reconnects"]
        try:
            room = await self.room() if self.room else None
        except Exception:
            log.exception("%s: how much room there is could not be found, nothing is asked for", self.stream.name)
            return 0
        most = self.most if room is None else min(room, self.most)
        if not most:
            return 0
        request = {
            "batch": most,
            "expires": int(EXPIRES_SECONDS * NANOSECONDS),
            "idle_heartbeat": int(HEARTBEAT_SECONDS * NANOSECONDS),
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self.stream.name}.{self.config.durable_name}"
        try:
            await self.connection.publish(subject, json.dumps(request).encode(), reply=self._reply)
        except nats.errors.Error as error:
            log.warning("pull request of %s not placed: %s", self.stream.name, error)
            await asyncio.sleep(RENEW_PAUSE_SECONDS)
        return most

    async def _take(self) -> tuple[list[Msg], bool]:
        """All that has landed, up to a batch, and whether a status ended the request."""
        messages: list[Msg] = []
        ended = False
        while self.landed and len(messages) < self.most:
            message = self.landed.popleft()
            status = (message.headers or {}).get("Status") if not message.reply else None  # what is in a stream has a place to answer to
            if status is None:
                messages.append(message)
            elif status != HEARTBEAT_STATUS:
                ended = True
                await self._heed(status, message)
        if not self.landed:
            self.arrived.clear()
        return messages, ended

    async def _heed(self, status: str, message: Msg) -> None:
        """An expired request is everyday; anything else (durable deleted, leader changed) is logged and not hurried."""
        if status not in EXPIRED_STATUS:
            log.warning("pull request of %s ended: %s %s", self.stream.name, status, (message.headers or {}).get("Description"))
            await asyncio.sleep(RENEW_PAUSE_SECONDS)


def servers_of(url: str) -> list[str]:
    """The addresses in a setting that names one broker or, separated by commas, the nodes of a cluster."""
    return [one for one in map(str.strip, url.split(",")) if one]


def connect(settings: Settings, *, service: str) -> NatsBroker:
    """A FastStream broker for one service: reconnects for ever, has its own inbox prefix, logs what the server complains of."""

    async def on_error(error: Exception) -> None:
        log.warning("broker: %s", error)

    return NatsBroker(
        servers_of(settings.nats_url),
        name=f"thidua-{service}",
        inbox_prefix=f"_INBOX_{service}",
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        error_cb=on_error,
        apply_types=False,
        logger=framework_log,
        graceful_timeout=10,
        security=NatsNKey.from_seed(settings.nats_seed.get_secret_value()) if settings.nats_seed else None,
    )


class Silent(nats.errors.NoServersError, TimeoutError):
    """Something takes the connection and says nothing: a broker that hangs, or a server of another kind."""

    def __str__(self) -> str:
        return "it takes the connection and says nothing"


async def open_once(settings: Settings, service: str = "") -> Client:
    """A plain connection for a command, or for a service that is not running yet: raises `NoServersError` at once when nothing
    answers, `Silent` when something does and says nothing, `Refused` when it lets nobody in.
    """
    away = nats.errors.NoServersError()
    for address in servers_of(settings.nats_url):  # one by one: nats-py goes no further than the first that is silent
        try:
            return await _open(address, settings, service)
        except nats.errors.NoServersError as error:
            away = error
    raise away


async def _open(address: str, settings: Settings, service: str) -> Client:
    async def on_error(error: Exception) -> None:
        log.debug("broker: %s", error)

    try:
        return await connected(
            address, error_cb=on_error, allow_reconnect=False, max_reconnect_attempts=1, reconnect_time_wait=0, connect_timeout=3,
            inbox_prefix=f"_INBOX_{service}" if service else "_INBOX",
            nkeys_seed_str=settings.nats_seed.get_secret_value() if settings.nats_seed else None,
        )  # fmt: skip
    except (nats.errors.Error, OSError) as error:
        raise _kept_out(error) from None


def _kept_out(error: nats.errors.Error | OSError) -> Exception:
    """Why there is no connection, for whoever asked for it."""
    match error:
        case nats.errors.NoServersError():
            return error
        case TimeoutError():
            return Silent()
        case nats.errors.Error() | ssl.SSLError():
            return Refused.because(
                "Máy chủ NATS không cho kết nối ({reason}): hãy kiểm tra mật khẩu trong THIDUA_NATS_URL, khóa THIDUA_NATS_SEED, và với TLS thì chứng thư gốc "
                "(SSL_CERT_FILE).",
                reason=str(error),
            )  # fmt: skip
        case _:  # it hung up
            return nats.errors.NoServersError()


async def connected(addresses: str | list[str], **options: Any) -> Client:
    """As `nats.connect`, which leaves the socket open when the server is there and lets nobody in."""
    client = Client()
    try:
        await client.connect(addresses, **options)
    finally:
        if client.is_connecting:
            cast(Any, client)._transport.close()  # noqa: SLF001 - its own `close` waits for ever where TLS has failed
    return client


async def servers(connection: Client) -> list[str]:
    """The ids of a broker's servers, asked over a connection of the system account; one that says nothing for a moment is left out."""
    inbox = connection.new_inbox()
    answers = await connection.subscribe(inbox)
    await connection.publish("$SYS.REQ.SERVER.PING", b"", reply=inbox)
    found: list[str] = []
    with contextlib.suppress(nats.errors.TimeoutError):
        while True:
            found.append(json.loads((await answers.next_msg(timeout=LOOK_SECONDS)).data)["server"]["id"])
    return found


async def disconnect(broker: NatsBroker) -> None:
    """Finish what is in hand and close. While the server is away nothing can be drained: the connection stops looking for it."""
    connection = broker._connection  # noqa: SLF001 - FastStream forgets it only after a drain that worked
    try:
        await broker.stop()
    except nats.errors.Error as error:
        log.warning("broker: closed without draining: %s", error)
        if connection is not None:
            with contextlib.suppress(OSError):  # what was still to be flushed has nowhere to go
                await connection.close()


def subscribe_partner(broker: NatsBroker, client: str, inbox: Inbox) -> StandingPullSubscriber:
    """Subscribe the service's inbox to its durable on a partner's stream, at the partner's pace and together with the other partners."""
    standing = subscribe(broker, stream_of_client(client), [f"inbound.{client}.>"], inbox, inbox.gathering.handle)
    standing.most, standing.room = INBOUND_BATCH, partial(inbox.room, client)
    return standing


def subscribe(broker: NatsBroker, stream: str, types: list[str], inbox: Inbox, handle: Handle | None = None) -> StandingPullSubscriber:
    """Subscribe the service's inbox to its durable on a stream. `handle`: applies a batch, in another way than by itself."""
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
    standing(handle or inbox.handle)
    return standing


async def _deliveries(message: Any) -> list[Delivery]:
    return cast(Batch, message.raw_message).deliveries


class Screen:
    """Checks each message against its contract; a bad one becomes a dead letter and is ended, so its neighbours are not held.

    Bad ones come in swarms, and a transaction of their own for each batch would cost the good ones as much as they do themselves:
    those of one moment are ended together. What is not ended yet when the process dies comes again.
    """

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self._bad: list[tuple[Msg, str]] = []
        self._found = asyncio.Event()

    async def __call__(self, messages: list[Msg]) -> Batch:
        """The good ones, in order."""
        good: list[Delivery] = []
        for message in messages:
            delivered = message.metadata.num_delivered
            try:
                good.append(read(message))
            except UnknownType as error:
                if delivered < MAX_DELIVER:  # while programs are replaced one by one, a newer one may take it
                    await message.nak(delay=rest_seconds(delivered))
                else:
                    self._put_aside(message, error)
            except Unreadable as error:
                self._put_aside(message, error)
        return Batch(good)

    def _put_aside(self, message: Msg, error: Unreadable) -> None:
        self._bad.append((message, str(error)))
        self._found.set()

    async def end(self) -> None:
        """End what was put aside, moment by moment, until cancelled."""
        while True:
            await self._found.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._found.clear()
            bad, self._bad = self._bad, []
            await self._end(bad)

    async def _end(self, bad: list[tuple[Msg, str]]) -> None:
        try:
            async with self.inbox.database.write() as session:
                for message, reason in bad:
                    await deadletters.keep(session, message, reason, message.metadata.num_delivered)
        except Exception as error:
            log.warning("%d dead letters could not be kept, the messages will come again: %s", len(bad), error)
            for message, _ in bad:
                await message.nak(delay=5)
            return
        self.inbox.telemetry.dead.labels("unreadable").inc(len(bad))
        for message, _ in bad:
            await message.term()
