"""The HTTP door: a partner's events in CloudEvents' HTTP binding, passed on as they came to the stream that its NATS events end in."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import nats.errors
from nats.js.errors import APIError, NoStreamResponseError
from opentelemetry.trace import SpanKind

from services.reporting.envelopes import SANDBOX, UNREADABLE
from services.reporting.intake import receipt_at
from services.reporting.mending import MENDS
from shared import streams
from shared.delivery import STRUCTURED, Inbound
from shared.messages import Fault, Message, Overloaded, Refused
from shared.service import Service
from shared.telemetry import SPAN_PASSED, traceparent

BATCH = "application/cloudevents-batch+json"
BATCH_LIMIT = 1000
ACK_SECONDS = 5.0
PASSED = ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature")
_TAIL = re.compile(r"[a-z0-9-]{1,40}(\.[a-z0-9-]{1,40}){0,4}")
_BETWEEN = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")


class Compressed(Refused):
    """A compressed body is not opened: what is small outside may be endless inside."""

    status = 415


class TooFast(Overloaded):
    """The partner is past its quota for this minute, or its stream is full; others are not touched by it."""

    status = 429

    def __init__(self, fault: Fault, seconds: int) -> None:
        super().__init__(fault)
        self.retry_after = seconds


@dataclass
class Turnstile:
    """Counts the events of each client in the present minute, as far as they came through this process."""

    minute: datetime | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def take(self, client: str, number: int, quota: int, wall: datetime) -> None:
        """Let so many events of a client through. Raises `TooFast`, or `Refused` for more than any minute has room for; none is let through then."""
        if number > quota:
            problem = Message("Lô có {number} sự kiện, nhiều hơn hạn mức {quota} sự kiện mỗi phút.", number=number, quota=quota)
            raise Refused(Fault("", problem, Message("Hãy chia lô thành các lô không quá {quota} sự kiện.", quota=quota)))
        minute = wall.replace(second=0, microsecond=0)
        if minute != self.minute:
            self.minute, self.counts = minute, {}
        taken = self.counts.get(client, 0)
        if taken + number > quota:
            problem = Message("Vượt hạn mức {quota} sự kiện mỗi phút.", quota=quota)
            raise TooFast(Fault("", problem, Message("Hãy gửi chậm lại rồi gửi lại sự kiện này.")), 60 - wall.second)
        self.counts[client] = taken + number


def unpack(client: str, headers: Mapping[str, str], body: bytes, *, sandbox: bool = False) -> list[Inbound]:
    """The messages in a request: one in binary or structured mode, or each event of a batch. Only what has no single events is refused here.

    `headers` have names in lower case. What an event says is not judged: both doors end in the same stream, where it is.
    """
    if headers.get("content-encoding", "identity") != "identity":
        raise Compressed(Fault("content-encoding", Message("Không nhận nội dung nén."), Message("Hãy gửi nội dung không nén.")))
    content_type = headers.get("content-type", "").lower()
    passed = kept(headers)
    if content_type.startswith(BATCH):
        return [_structured(client, {"content-type": STRUCTURED}, one, sandbox) for one in _slices(body)]
    if content_type.startswith(STRUCTURED):
        return [_structured(client, passed, body, sandbox)]
    return [Inbound(_subject(client, headers.get("ce-type", ""), sandbox), passed, body)]


def mending(message: Inbound, row: str) -> Inbound:
    """The message as one that takes the place of a refused event, named by our id of it."""
    return replace(message, headers=message.headers | {MENDS: row})


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that belong to an event and travel with it."""
    return {name: value for name, value in headers.items() if name in PASSED or name.startswith("ce-")}


def _structured(client: str, headers: dict[str, str], body: bytes, sandbox: bool) -> Inbound:
    try:
        kind = json.loads(body)["type"]
    except (ValueError, TypeError, KeyError, RecursionError):
        kind = ""
    return Inbound(_subject(client, kind, sandbox), headers, body)


def _subject(client: str, kind: Any, sandbox: bool) -> str:
    tail = kind.removeprefix("inbound.") if isinstance(kind, str) else ""
    parts = ["inbound", client, *([SANDBOX] if sandbox else []), tail if _TAIL.fullmatch(tail) else UNREADABLE]
    return ".".join(parts)


def _slices(body: bytes) -> list[bytes]:
    """The elements of a JSON array, each byte for byte as it was written. Raises `Refused`."""
    try:
        text, decoder = body.decode("utf-8").strip(), json.JSONDecoder()
        if not isinstance(json.loads(text), list):
            raise _no_batch()
        place, found = _BETWEEN.match(text, 1).end(), []  # type: ignore[union-attr]
        while text[place] != "]":
            _, end = decoder.raw_decode(text, place)
            found.append(text[place:end].encode())
            place = _BETWEEN.match(text, end).end()  # type: ignore[union-attr]
    except (ValueError, IndexError, RecursionError):
        raise _no_batch() from None
    if not 1 <= len(found) <= BATCH_LIMIT:
        raise Refused(Fault("", Message("Mỗi lô có từ 1 đến {limit} sự kiện.", limit=BATCH_LIMIT), Message("Hãy chia nhỏ rồi gửi lại.")))
    return found


def _no_batch() -> Refused:
    return Refused(Fault("", Message("Lô phải là một danh sách JSON các sự kiện."), Message("Hãy viết dạng {example}.", example="[{…}, {…}]")))


async def pass_on(service: Service, client: str, messages: Sequence[Inbound]) -> list[str]:
    """Publish to the client's stream; returns the receipts once the broker has all of them on disk.

    Raises `TooFast` when the stream is full, `Overloaded` when the broker does not answer: the same request may then be sent again.
    """
    stream = streams.stream_of_client(client)
    try:
        return await asyncio.gather(*(_publish(service, stream, message, apart=len(messages) > 1) for message in messages))
    except nats.errors.MaxPayloadError:
        raise Refused(Fault("", Message("Nội dung gửi lên lớn hơn mức máy chủ NATS nhận."), Message("Hãy chia nhỏ rồi gửi lại."))) from None
    except NoStreamResponseError:
        raise Overloaded(Fault("", Message("Luồng nhận của hệ thống này chưa sẵn sàng."), Message("Hãy gửi lại sau vài giây."))) from None
    except APIError as error:
        problem = Message("Luồng nhận của hệ thống này không nhận thêm: {reason}.", reason=error.description)
        raise TooFast(Fault("", problem, Message("Hãy gửi lại sau vài giây.")), 10) from None
    except nats.errors.Error:
        raise Overloaded(Fault("", Message("Máy chủ NATS chưa trả lời."), Message("Hãy gửi lại sau vài giây."))) from None


async def _publish(service: Service, stream: str, message: Inbound, *, apart: bool) -> str:
    """`apart`: one of several, in a trace of its own, so that the path of one shows no step of another's."""
    telemetry = service.telemetry
    with telemetry.own_trace(SPAN_PASSED, SpanKind.PRODUCER) if apart else telemetry.span(SPAN_PASSED, kind=SpanKind.PRODUCER):
        trace = {"traceparent": current} if (current := traceparent()) else {}
        headers = message.headers | trace
        stored = await service.jetstream.publish(message.subject, message.body, timeout=ACK_SECONDS, stream=stream, headers=headers)
    return receipt_at(stream, stored.seq)
