"""The AsyncAPI 3.0 document of all contracts: who says what on which subject, in which headers, and who hears it."""

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from shared.events import REGISTRY, Audience, Event
from shared.events.planned import PLANNED
from shared.hears import heard_at
from shared.inbox import Hears

CLIENT = "{client}"
INBOUND = "inbound"
TEXT = {"type": "string"}
INSTANT = {"type": "string", "format": "date-time"}
DESCRIPTION = """\
The events by which the four services, and other systems with them, meet: CloudEvents 1.0 on NATS JetStream, binary mode
(attributes in `ce-*` headers, read case-insensitively; the data is the body). The subject is the event's type. Exact decimals
are strings; instants are UTC. A reader ignores fields that it does not know: v1 may grow optional ones and nothing else changes.
Partners publish to `inbound.<client>.…`, in binary or structured mode (`application/cloudevents+json`), with any id up to 128
characters that is unique among their own."""


def subject_of(contract: type[Event]) -> str:
    """The subject of an event; `{client}` stands where a partner's client name goes.

    >>> from shared.events.reporting import EventRejected, IndicatorObserved, RoundOpened
    >>> [subject_of(contract) for contract in (RoundOpened, EventRejected, IndicatorObserved)]
    ['reporting.round.opened.v1', 'reporting.event.rejected.v1.{client}', 'inbound.{client}.indicator.observed.v1']
    """
    if is_inbound(contract):
        return f"{INBOUND}.{CLIENT}.{contract.TYPE.removeprefix(INBOUND + '.')}"
    return f"{contract.TYPE}.{CLIENT}" if contract.ADDRESSED else contract.TYPE


def is_inbound(contract: type[Event]) -> bool:
    """True for what partners say and reporting alone hears."""
    return contract.TYPE.startswith(f"{INBOUND}.")


def build(hears: Sequence[Hears]) -> dict[str, Any]:
    """The document; `hears` are the services' own lists of what they hear."""
    contracts = [REGISTRY[kind] for kind in sorted(REGISTRY)]
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "thidua", "version": "1", "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {c.TYPE: _channel(c) for c in contracts},
        "operations": {name: operation for c in contracts for name, operation in _operations(c, hears)},
        "components": {
            "messages": {c.TYPE: _message(c) for c in contracts},
            "messageTraits": {"ours": {"headers": OURS}, "partners": {"headers": PARTNERS}},
        },
        "x-planned": dict(sorted(PLANNED.items())),
    }


def _channel(contract: type[Event]) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": subject_of(contract),
        "messages": {contract.TYPE: {"$ref": f"#/components/messages/{contract.TYPE}"}},
    }
    if CLIENT in channel["address"]:
        channel["parameters"] = {"client": {"description": "The partner's client name."}}
    return channel


def _message(contract: type[Event]) -> dict[str, Any]:
    words = inspect.cleandoc(contract.__doc__ or "")
    return {
        "name": contract.TYPE,
        "title": contract.__name__,
        "summary": words.partition("\n")[0],
        "contentType": "application/json",
        "headers": {"type": "object", "properties": {"ce-type": {"const": contract.TYPE}}},
        "payload": {"$ref": f"./{contract.TYPE}.json"},
        "traits": [{"$ref": f"#/components/messageTraits/{'partners' if is_inbound(contract) else 'ours'}"}],
        "x-audience": contract.AUDIENCE.value,
    }


def _operations(contract: type[Event], hears: Iterable[Hears]) -> list[tuple[str, dict[str, Any]]]:
    says = "partners" if is_inbound(contract) else contract.TYPE.partition(".")[0]
    operations = [] if is_inbound(contract) else [_operation(says, "says", contract)]
    operations += [_operation(h.service, "hears", contract) for h in hears if is_heard(contract, h)]
    return operations + [_operation(h.service, "watches", contract) for h in hears if contract in h.live]


def is_heard(contract: type[Event], hears: Hears) -> bool:
    """True when the service listens to the event's subject."""
    if is_inbound(contract):
        return hears.inbound_handler is not None
    return heard_at(contract) in hears.producers().get(contract.TYPE.partition(".")[0], ())


def _operation(service: str, verb: str, contract: type[Event]) -> tuple[str, dict[str, Any]]:
    """Hearing is durable and changes state; watching only wakes open pages."""
    channel = f"#/channels/{contract.TYPE}"
    return f"{service}.{verb}.{contract.TYPE}", {
        "action": "send" if verb == "says" else "receive",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{contract.TYPE}"}],
        "tags": [{"name": service}],
    }


def meant_for_outsiders(contract: type[Event]) -> bool:
    """True when other systems may listen, so that an event which no service of ours hears is not said in vain."""
    return contract.AUDIENCE is not Audience.INTERNAL


def subjects_for(client: str) -> list[str]:
    """What a partner may hear: public events, events for partners, and what is addressed to it."""
    outside = [contract for _, contract in sorted(REGISTRY.items()) if meant_for_outsiders(contract) and not is_inbound(contract)]
    return [subject_of(contract).replace(CLIENT, client) for contract in outside]


OURS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "Nats-Msg-Id": TEXT | {"description": "The event's id again: a second copy is not stored."},
        "ce-specversion": {"const": "1.0"},
        "ce-id": TEXT | {"description": "UUIDv7; of a tick, its mode and instant."},
        "ce-source": TEXT | {"description": "/thidua/<service>"},
        "ce-type": TEXT,
        "ce-time": INSTANT | {"description": "When it happened."},
        "ce-recordedtime": INSTANT | {"description": "When it was recorded; differs from ce-time in simulated time."},
        "content-type": {"const": "application/json"},
        "traceparent": TEXT | {"description": "W3C trace context of what caused the event."},
    },
}
OURS["required"] = [name for name in OURS["properties"] if name != "traceparent"]
PARTNERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "ce-specversion": {"const": "1.0"},
        "ce-id": TEXT | {"maxLength": 128, "description": "Unique among the client's events; the same id again is the same event."},
        "ce-source": TEXT,
        "ce-type": TEXT,
        "ce-time": INSTANT,
        "content-type": {"enum": ["application/json", "application/cloudevents+json"]},
        "traceparent": TEXT,
    },
    "required": ["ce-specversion", "ce-id", "ce-source", "ce-type"],
}
