"""What a service hears: handlers by event type, read from annotations; and what settles once per batch what they touched."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_type_hints

from shared.clock import OnTick
from shared.database import ReadSession, WriteSession
from shared.delivery import Meta
from shared.events import REGISTRY, Event
from shared.events.clock import MinuteTicked
from shared.shadows import is_shadow

Handler = Callable[[Any, WriteSession, Meta], Awaitable[Iterable[str] | None]]
"""`async def on_<event>(event, session, meta)`; may return the keys of what it touched, which are settled once per batch."""


@dataclass(frozen=True, slots=True)
class Touched:
    """A key that handlers returned and the event that returned it last; `span()` is where the work on it belongs in that event's trace."""

    key: str
    meta: Meta
    span: Callable[[], AbstractContextManager[Any]]


Settle = Callable[[WriteSession, Sequence[Touched]], Awaitable[None]]
"""`async def settle(session, touched)`; called once per batch, in key order, after its handlers, in the same transaction."""


Room = Callable[[ReadSession, str, datetime], Awaitable[int | None]]


class Hears:
    """What a service hears: handlers by event type. The type is read from the annotation of the handler's first parameter.

    >>> hears = Hears("evaluation")
    >>> @hears
    ... async def on_report_accepted(event: ReportAccepted, session: WriteSession, meta: Meta) -> None: ...
    """

    def __init__(self, service: str, settle: Settle | None = None, *, shadows: bool = False) -> None:
        self.service, self.settle = service, settle
        self.shadows = shadows
        """Whether events of shadow campaigns are heard too; where this is not said, none has any effect."""
        self.handlers: dict[str, Handler] = {}
        self.own_handlers: dict[str, Handler] = {}
        self.inbound_handler: Handler | None = None
        self.room: Room | None = None
        self.on_tick: OnTick | None = None
        self.live: tuple[type[Event], ...] = ()
        """What open pages are woken by: heard by an ephemeral consumer of each process, kept nowhere."""

    def __call__(self, handler: Handler) -> Handler:
        """Hear the events of the handler's first parameter's type."""
        return self._add(self.handlers, handler)

    def handler_of(self, kind: str, campaign: str) -> Handler | None:
        """The handler of an event, or None when nobody here hears it: what is of a shadow campaign only where that is asked for."""
        return self.handlers.get(kind) if self.shadows or not is_shadow(campaign) else None

    def own(self, handler: Handler) -> Handler:
        """Hear an event of this very service, in a rebuild only: a person's decision that no other stream holds."""
        return self._add(self.own_handlers, handler)

    def inbound(self, handler: Handler) -> Handler:
        """Hear everything that partners publish, unchecked (`Inbound`)."""
        self.inbound_handler = handler
        return handler

    def paced(self, room: Room) -> Room:
        """Take no more of a partner's messages than `room(session, client, now)` allows; None: any number. The others stay in its stream."""
        self.room = room
        return room

    def tick(self, work: OnTick) -> OnTick:
        """Do `work(session, now, since)` at each tick, once."""
        self.on_tick = work
        return work

    def _add(self, handlers: dict[str, Handler], handler: Handler) -> Handler:
        first = next(iter(inspect.signature(handler).parameters))
        contract = get_type_hints(handler)[first]
        if contract.TYPE in handlers:
            raise TypeError(f"{self.service} hears {contract.TYPE} twice")
        handlers[contract.TYPE] = handler
        return handler

    def producers(self) -> dict[str, list[str]]:
        """The subjects heard, sorted, by producing service."""
        found: dict[str, list[str]] = {}
        ticks = {MinuteTicked.TYPE} if self.on_tick else set()
        for kind in sorted(self.handlers.keys() | ticks):
            found.setdefault(kind.partition(".")[0], []).append(heard_at(REGISTRY[kind]))
        return found


def heard_at(contract: type[Event]) -> str:
    """The subject at which a service of ours hears an event; one that is meant for a partner, whichever it is."""
    return f"{contract.TYPE}.>" if contract.ADDRESSED else contract.TYPE
