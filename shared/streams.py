"""Streams and durables as data, and the one job that makes them; a service binds, and makes again what was deleted under it."""

import contextlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DeliverPolicy,
    DiscardPolicy,
    PersistMode,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
    StreamsListIterator,
)
from nats.js.errors import BadRequestError, NotFoundError, ServerError

from shared.events.asyncapi import subjects_for
from shared.inbox import Hears
from shared.messages import Refused
from shared.settings import SERVICES

ACK_WAIT_SECONDS = 5.0
MAX_ACK_PENDING = 2000
FOR_EVER = -1
"""The broker gives up on no event. It counts what went to processes that died as well, and says nothing when it stops: the inbox buries what fails."""
INBOUND_MAX_MESSAGES = 1_000_000
INBOUND_MAX_BYTES = 1 << 30
INBOUND_MAX_AGE_SECONDS = 30 * 24 * 3600
"""What partners sent is kept by reporting once it is decided; without an end a stream would be full one day, and refuse its sender for ever."""
INBOUND_DUPLICATE_SECONDS = 0.1
"""The shortest that the server takes: what comes again within it under one `Nats-Msg-Id` is lost with no word to its sender, mended or not.
Reporting tells duplicates by id and body."""
DUPLICATE_SECONDS = 120.0
CLOCK_MAX_MESSAGES = 50_000
DECLARATION = 3
"""Goes up by one with each change of what is declared here, so that a program knows what a newer one declared, and lets it be."""
DECLARED_BY = "thidua-declaration"
STREAM_FIELDS = (
    "subjects", "storage", "retention", "discard", "max_msgs", "max_bytes", "max_age", "max_msgs_per_subject", "duplicate_window", "no_ack",
    "allow_atomic",
)  # fmt: skip
DURABLE_FIELDS = ("ack_policy", "ack_wait", "max_deliver", "max_ack_pending")
BOUNDS = {"max_msgs", "max_bytes", "max_age", "max_msgs_per_subject", "duplicate_window", "max_deliver", "max_ack_pending"}
"""Settings of which more than was declared harms nobody; none at all is most."""
OF_THE_NEWER = BOUNDS | {"ack_wait"}
"""Settings that a newer program may have declared lower too: an older one beside it works with either."""


@dataclass(frozen=True)
class Durable:
    """A service's place in a stream."""

    stream: str
    service: str
    subjects: tuple[str, ...]


def stream_of_client(client: str) -> str:
    """The stream that holds what a partner publishes."""
    return f"INBOUND_{client}"


def durable_of_client(client: str) -> str:
    """The name of a partner's durables."""
    return f"partner-{client}"


def stream_configs(clients: Iterable[str], replicas: int) -> list[StreamConfig]:
    """One stream per service (kept whole), the clock's (bounded), one per partner (bounded: a flood is refused to its sender, what is old goes)."""
    own = [StreamConfig(name=s.upper(), subjects=[f"{s}.>"], max_msgs=-1, max_bytes=-1, allow_atomic=True) for s in SERVICES]
    clock = StreamConfig(name="CLOCK", subjects=["clock.>"], max_msgs=CLOCK_MAX_MESSAGES)
    inbound = [
        StreamConfig(
            name=stream_of_client(client), subjects=[f"inbound.{client}.>"],
            max_msgs=INBOUND_MAX_MESSAGES, max_bytes=INBOUND_MAX_BYTES, max_age=INBOUND_MAX_AGE_SECONDS, discard=DiscardPolicy.NEW,
            duplicate_window=INBOUND_DUPLICATE_SECONDS,
        )
        for client in sorted(clients)
    ]
    for config in (*own, clock, *inbound):
        config.storage, config.retention, config.num_replicas = StorageType.FILE, RetentionPolicy.LIMITS, replicas
        config.duplicate_window = config.duplicate_window or DUPLICATE_SECONDS
        config.metadata = {DECLARED_BY: str(DECLARATION)}
        config.allow_direct = True
        config.max_age = config.max_age or 0
    return [*own, clock, *inbound]


def durables(hears: Iterable[Hears], clients: Iterable[str]) -> list[Durable]:
    """One durable per service and stream it hears."""
    found = [
        Durable(producer.upper(), h.service, tuple(types)) for h in hears for producer, types in h.producers().items()
    ]
    inbound = [
        Durable(stream_of_client(client), h.service, (f"inbound.{client}.>",))
        for h in hears if h.inbound_handler for client in sorted(clients)
    ]
    return found + inbound


def partner_durables(clients: Iterable[str]) -> list[Durable]:
    """The places of partners: one per client and stream that holds something for them."""
    found = []
    for client in sorted(clients):
        by_stream: dict[str, list[str]] = {}
        for subject in subjects_for(client):
            by_stream.setdefault(subject.partition(".")[0].upper(), []).append(subject)
        found += [Durable(stream, durable_of_client(client), tuple(subjects)) for stream, subjects in sorted(by_stream.items())]
    return found


async def present(jetstream: JetStreamContext) -> list[StreamInfo]:
    """All streams that are there. The broker tells of 256 at a time."""
    found: list[StreamInfo] = []
    total = 1
    while len(found) < total:
        page = cast(StreamsListIterator, await jetstream.streams_info_iterator(offset=len(found)))
        found += page
        total = page.total
    return found


async def clients_of(jetstream: JetStreamContext) -> list[str]:
    """The partners whose streams are there, sorted."""
    prefix = stream_of_client("")
    names = [str(info.config.name) for info in await present(jetstream)]
    return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))


async def provision(jetstream: JetStreamContext, configs: Iterable[StreamConfig], places: Iterable[Durable]) -> list[str]:
    """Make what is missing and update what differs; idempotent. Returns one line per thing made or changed."""
    done = [line for config in configs if (line := await _provision_stream(jetstream, config))]
    return done + [line for place in places if (line := await _provision_durable(jetstream, place))]


async def restore(jetstream: JetStreamContext, configs: Iterable[StreamConfig], places: Iterable[Durable]) -> list[str]:
    """Make what is missing and leave the rest alone: what differs may be newer than this program. A place whose stream is away waits."""
    done = [line for config in configs if (line := await _provision_stream(jetstream, config, update=False))]
    for place in places:
        with contextlib.suppress(NotFoundError):
            if line := await _provision_durable(jetstream, place, update=False):
                done.append(line)
    return done


async def remove(jetstream: JetStreamContext, places: Iterable[Durable]) -> list[str]:
    """Take places away; one that is not there is no fault. Returns one line per place removed."""
    done = []
    for place in places:
        with contextlib.suppress(NotFoundError):
            await jetstream.delete_consumer(place.stream, place.service)
            done.append(f"durable {place.stream}/{place.service}: removed")
    return done


async def _provision_stream(jetstream: JetStreamContext, wanted: StreamConfig, *, update: bool = True) -> str:
    try:
        present = (await jetstream.stream_info(str(wanted.name))).config
    except NotFoundError:
        await jetstream.add_stream(wanted)
        return f"stream {wanted.name}: made"
    same = present.num_replicas == wanted.num_replicas
    if not update or (same and _is_declared_by_us(present) and not stream_differences(present, wanted)):
        return ""
    if same and is_newer(present) and not stream_dangers(present, wanted):
        return f"stream {wanted.name}: declared by a newer program, left as it is"
    try:
        await jetstream.update_stream(wanted)
    except (BadRequestError, ServerError) as error:  # where a stream is stored, for one, cannot be changed once it is there
        raise Refused.because("Máy chủ NATS không nhận thay đổi của luồng {stream}: {reason}.", stream=wanted.name, reason=error.description) from None
    return f"stream {wanted.name}: updated"


async def _provision_durable(jetstream: JetStreamContext, place: Durable, *, update: bool = True) -> str:
    wanted = durable_config(place)
    try:
        info = await jetstream.consumer_info(place.stream, place.service)
    except NotFoundError:
        await jetstream.add_consumer(place.stream, wanted)
        return f"durable {place.stream}/{place.service}: made"
    if not update or (_is_declared_by_us(info.config) and not durable_differences(info.config, wanted)):
        return ""
    if is_newer(info.config) and not durable_dangers(info.config, wanted):
        return f"durable {place.stream}/{place.service}: declared by a newer program, left as it is"
    if missed := await _first_missed(jetstream, place, info):
        return await _start_again(jetstream, place, wanted, missed)
    wanted.deliver_policy, wanted.opt_start_seq = info.config.deliver_policy, info.config.opt_start_seq  # for good, once it is made
    await jetstream.add_consumer(place.stream, wanted)
    return f"durable {place.stream}/{place.service}: updated"


async def _first_missed(jetstream: JetStreamContext, place: Durable, info: ConsumerInfo) -> int | None:
    """Where the first event lies of a type that is new to the durable and that it has passed: a wider filter alone never goes back for it."""
    missed = []
    for subject in sorted(set(place.subjects) - set(_subjects_of(info.config))):
        with contextlib.suppress(NotFoundError):
            missed.append((await jetstream.get_msg(place.stream, seq=1, subject=subject, next=True)).seq or 1)
    passed = info.delivered.stream_seq if info.delivered else 0
    return min((seq for seq in missed if seq <= passed), default=None)


async def _start_again(jetstream: JetStreamContext, place: Durable, wanted: ConsumerConfig, missed: int) -> str:
    """A durable's place cannot be moved back, so it is made anew from there; what comes again is known to the inbox and has no effect."""
    floor = await jetstream.consumer_info(place.stream, place.service)
    start = min(missed, (floor.ack_floor.stream_seq if floor.ack_floor else 0) + 1)
    await jetstream.delete_consumer(place.stream, place.service)
    wanted.deliver_policy, wanted.opt_start_seq = DeliverPolicy.BY_START_SEQUENCE, start
    await jetstream.add_consumer(place.stream, wanted)
    return f"durable {place.stream}/{place.service}: made anew from event {start}, for what it had not heard"


def durable_config(place: Durable) -> ConsumerConfig:
    """The declaration of a durable."""
    return ConsumerConfig(
        durable_name=place.service,
        filter_subjects=list(place.subjects),
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT_SECONDS,
        max_deliver=FOR_EVER,
        max_ack_pending=MAX_ACK_PENDING,
        metadata={DECLARED_BY: str(DECLARATION)},
    )


def stream_differences(present: StreamConfig, wanted: StreamConfig) -> list[str]:
    """The names of the settings in which a stream is not as declared. How many copies it has is a matter of its own."""
    differing = [f for f in STREAM_FIELDS if getattr(wanted, f) is not None and getattr(present, f) != getattr(wanted, f)]
    return differing if present.persist_mode != PersistMode.ASYNC else ["persist_mode", *differing]  # else it is acknowledged unwritten


def durable_differences(present: ConsumerConfig, wanted: ConsumerConfig) -> list[str]:
    """The names of the settings in which a durable is not as declared."""
    differing = [f for f in DURABLE_FIELDS if getattr(present, f) != getattr(wanted, f)]
    return differing if sorted(_subjects_of(present)) == sorted(_subjects_of(wanted)) else ["filter_subjects", *differing]


def _subjects_of(config: ConsumerConfig) -> list[str]:
    return config.filter_subjects or [config.filter_subject or ""]


def stream_dangers(present: StreamConfig, wanted: StreamConfig) -> list[str]:
    """The differences by which events may be refused or lost. What is more than declared is none, nor what a newer program bounds more tightly."""
    return [name for name in stream_differences(present, wanted) if not _is_more(name, present, wanted)]


def durable_dangers(present: ConsumerConfig, wanted: ConsumerConfig) -> list[str]:
    """The differences by which events may not be heard, or not be tried again as they should."""
    return [name for name in durable_differences(present, wanted) if not _is_more(name, present, wanted)]


def _declaration_of(present: StreamConfig | ConsumerConfig) -> int:
    """The number of the declaration by which it was made or last updated; 0 for what nobody numbered."""
    told = (present.metadata or {}).get(DECLARED_BY, "")
    return int(told) if told.isdecimal() else 0


def is_newer(present: StreamConfig | ConsumerConfig) -> bool:
    """True for what a newer program declared."""
    return _declaration_of(present) > DECLARATION


def _is_declared_by_us(present: StreamConfig | ConsumerConfig) -> bool:
    return _declaration_of(present) == DECLARATION


def _is_more(name: str, present: StreamConfig | ConsumerConfig, wanted: StreamConfig | ConsumerConfig) -> bool:
    there, declared = getattr(present, name), getattr(wanted, name)
    if name in {"subjects", "filter_subjects"}:
        return set(there or ()) > set(declared)
    return (name in OF_THE_NEWER and is_newer(present)) or (name in BOUNDS and _bound(there) > _bound(declared))


def _bound(value: float | None) -> float:
    return value if value and value > 0 else math.inf


async def lag(jetstream: JetStreamContext, places: Iterable[Durable]) -> dict[str, int]:
    """Events not yet acknowledged, by "STREAM/service": waiting and in hand."""
    found = {}
    for place in places:
        info = await jetstream.consumer_info(place.stream, place.service)
        found[f"{place.stream}/{place.service}"] = (info.num_pending or 0) + (info.num_ack_pending or 0)
    return found
