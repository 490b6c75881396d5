"""Partners' events on their way to a verdict, parted into stages: what is of one stage is read and written together."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from opentelemetry import context
from opentelemetry.context import Context

from services.reporting.envelopes import Envelope
from shared.delivery import Inbound, Meta
from shared.events.reporting import IndicatorObserved
from shared.identity import new_id


@dataclass(frozen=True, slots=True)
class Case:
    """An event to decide: the id of its row, what it says, the instant by which it is judged, and the trace to which it belongs."""

    row: str
    envelope: Envelope
    now: datetime
    trace: Context = field(default_factory=context.get_current)


class Arrival(NamedTuple):
    """A message that has just come, and the case that it makes."""

    message: Inbound
    meta: Meta
    case: Case


def arrival(message: Inbound, meta: Meta, envelope: Envelope) -> Arrival:
    """A message that comes now, in the present trace."""
    return Arrival(message, meta, Case(new_id(), envelope, meta.time))


def is_figure(envelope: Envelope) -> bool:
    """True for what comes in crowds and is decided together. Everything else, and what is only tried out, is decided by itself."""
    return envelope.type == IndicatorObserved.TYPE and not envelope.sandbox


@dataclass(slots=True)
class _Course:
    """How far the events of one client have got: the stage, and which ids it holds of them."""

    stage: int = 0
    held: set[tuple[bool, str]] = field(default_factory=set)
    closed: bool = False


def stages(cases: Iterable[Case]) -> list[list[Case]]:
    """The events of each client in their order, parted so that what one leaves behind is there for the next to be judged by.

    A stage holds of each client either figures under different ids, or one event of another kind. One client's events do not wait
    for another's.
    """
    courses: defaultdict[str, _Course] = defaultdict(_Course)
    found: list[list[Case]] = []
    for case in cases:
        course, identity, alone = courses[case.envelope.client], (case.envelope.sandbox, case.envelope.id), not is_figure(case.envelope)
        if course.held and (alone or course.closed or identity in course.held):
            course.stage, course.held = course.stage + 1, set()
        course.held.add(identity)
        course.closed = alone
        if course.stage == len(found):
            found.append([])
        found[course.stage].append(case)
    return found
