"""What partners send, and what must become of each event: mostly good figures, some bad, some twice, some under a used id."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.bench.intake.stand import code, units
from tests.reporting import world

COMMUNES = 200


class Load(NamedTuple):
    """How much comes: events a second from all partners together, and which share of them is bad."""

    rate: float
    partners: int
    seconds: float
    bad: float


class Sent(NamedTuple):
    """One publication and what must become of it."""

    client: str
    id: str
    fate: str


def names(count: int) -> list[str]:
    return [f"p-{number}" for number in range(count)]


def figure(number: int, **changes: Any) -> dict[str, Any]:
    unit = {"scheme": "dinh-danh", "value": code(units(COMMUNES)[number % COMMUNES])}
    return world.observed(f"{number % 100}.{number % 97:02}", unit=unit) | changes


def events(client: str, bad: float) -> Iterator[tuple[Sent, dict[str, Any]]]:
    """A partner's events, for ever: one in a hundred comes twice, one in two hundred again with another body."""
    every = round(1 / bad) if bad else 0
    faults = ({"value": "x"}, {"unit_of_measure": "ty-dong"}, {"indicator": "grdp"}, {"as_of": "2023-02-30"})
    number = 0
    while True:
        number += 1
        id = f"{client}-{number}"
        if every and number % every == 0:
            yield Sent(client, id, "rejected"), figure(number, **faults[number // every % len(faults)])
            continue
        yield Sent(client, id, "accepted"), figure(number)
        if number % 100 == 1:
            yield Sent(client, id, "duplicate"), figure(number)
        if number % 200 == 2:
            yield Sent(client, id, "conflict"), figure(number, note="khác")


def encoded(data: dict[str, Any]) -> bytes:
    return json.dumps(data).encode()
