"""One event as it came from the broker: CloudEvents attributes read from headers or from a structured body, and the typed event."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nats.aio.msg import Msg
from pydantic import ValidationError

from shared.events import REGISTRY, Event

STRUCTURED = "application/cloudevents+json"
BODY_LIMIT = 1_000_000
INBOUND = "inbound."
PLACE = ("Nats-Stream", "Nats-Sequence", "Nats-Time-Stamp")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, as far as it is the same in all versions."""


@dataclass(frozen=True, slots=True)
class Meta:
    """What is known of an event besides its data. `delivered` counts from 1; `client` is set for a partner's event.

    `stored`: when the broker got it; `heard`: when the service took a partner's event in hand, by its own clock.
    """

    id: str
    source: str
    type: str
    time: datetime
    recorded: datetime | None = None
    traceparent: str | None = None
    stream: str = ""
    sequence: int = 0
    delivered: int = 1
    subject: str = ""
    stored: datetime | None = None
    heard: datetime | None = None

    @property
    def client(self) -> str:
        """The partner's client name, taken from the subject, which the broker's permissions make trustworthy."""
        return self.subject.split(".")[1] if self.subject.startswith(INBOUND) else ""


@dataclass(frozen=True, slots=True)
class Inbound:
    """A partner's message as it came, unchecked: reporting decides what becomes of it and answers."""

    subject: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message together with its event (or, for a partner's, the unchecked message)."""

    message: Msg
    meta: Meta
    event: Event | Inbound

    @property
    def campaign(self) -> str:
        """The campaign that the event says it is of; empty where it says none."""
        return getattr(self.event, "campaign", "")


class Unreadable(Exception):
    """The message is no event of ours: the text says why."""


class UnknownType(Unreadable):
    """An event of a type that this program does not know: a newer one, running beside it, may."""


def attributes_of(headers: dict[str, str]) -> dict[str, str]:
    """The `ce-*` headers without their prefix, names in lower case."""
    return {name.lower()[3:]: value for name, value in headers.items() if name.lower().startswith("ce-")}


def read(message: Msg) -> Delivery:
    """The delivery of a message. Raises `Unreadable` for one that breaks its contract; a partner's is never refused here."""
    if message.subject.startswith(INBOUND):
        return _inbound(message)
    attributes = attributes_of(message.headers or {})
    try:
        meta = _meta(message, attributes)
    except (KeyError, ValueError) as error:
        raise Unreadable(f"no such attribute: {error}") from None
    contract = REGISTRY.get(meta.type)
    if contract is None:
        raise UnknownType(f"no such event type: {meta.type}")
    try:
        return Delivery(message, meta, contract.model_validate_json(message.data))
    except ValidationError as error:
        raise Unreadable(f"{meta.type}: {_first(error)}") from None


def whence(message: Msg) -> dict[str, str]:
    """Where in its stream a message lay, as headers: the same that a broker adds to a message which is asked for by its place."""
    if not message.reply:
        return {}
    place = message.metadata
    return dict(zip(PLACE, (place.stream, str(place.sequence.stream), place.timestamp.isoformat()), strict=True))


def restore(headers: dict[str, str], body: bytes, subject: str) -> Delivery:
    """A delivery from stored headers, with those of `whence`, and body, as a dead letter keeps them. Raises `Unreadable` like `read`."""
    return read(Msg(_client=None, subject=subject, data=body, headers=headers))  # type: ignore[arg-type]


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"


def _place(message: Msg) -> dict[str, Any]:
    if not message.reply:
        return _kept_place(message.headers or {})
    place = message.metadata
    return {"stream": place.stream, "sequence": place.sequence.stream, "delivered": place.num_delivered, "stored": place.timestamp}


def _kept_place(headers: dict[str, str]) -> dict[str, Any]:
    if not headers.keys() >= set(PLACE):
        return {}
    stream, sequence, stored = (headers[name] for name in PLACE)
    return {"stream": stream, "sequence": int(sequence), "stored": datetime.fromisoformat(stored)}


def _meta(message: Msg, attributes: dict[str, str]) -> Meta:
    recorded = attributes.get("recordedtime")
    return Meta(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        time=datetime.fromisoformat(attributes["time"]),
        recorded=datetime.fromisoformat(recorded) if recorded else None,
        traceparent=(message.headers or {}).get("traceparent"),
        subject=message.subject,
        **_place(message),
    )


def _inbound(message: Msg) -> Delivery:
    """A partner's message is known to the inbox by its place in the stream: ids are reporting's to judge."""
    place = _place(message)
    headers = {name: value for name, value in (message.headers or {}).items() if message.reply or name not in PLACE}
    arrived = place["stored"] if place else datetime.fromtimestamp(0).astimezone()
    meta = Meta(
        id=f"{place['sequence']}@{arrived.timestamp()}" if place else headers.get("ce-id", ""),
        source=place.get("stream", ""),
        type="inbound",
        time=arrived,
        recorded=arrived if place else None,
        traceparent=_inbound_trace(headers, message.data),
        subject=message.subject,
        **place,
    )
    return Delivery(message, meta, Inbound(message.subject, headers, message.data))


def _inbound_trace(headers: dict[str, str], body: bytes) -> str | None:
    """The trace a partner's event belongs to: a header, or the structured event's own extension attribute. What is none is left out."""
    lower = {name.lower(): value for name, value in headers.items()}
    if "traceparent" in lower or not lower.get("content-type", "").startswith(STRUCTURED) or len(body) > BODY_LIMIT:
        return _trace(lower.get("traceparent") or lower.get("ce-traceparent"))
    try:
        return _trace(json.loads(body).get("traceparent"))
    except (ValueError, AttributeError, RecursionError):
        return None


def _trace(given: Any) -> str | None:
    return given if isinstance(given, str) and _TRACEPARENT.fullmatch(given) else None
