"""What every typed event is: a frozen model with a type, an audience and a place in the registry."""

from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field


class Audience(StrEnum):
    """Who may hear an event; the broker's permissions and the catalogues are generated from it."""

    INTERNAL = "internal"
    PARTNERS = "partners"
    PUBLIC = "public"


class Contract(BaseModel):
    """A frozen value inside an event. Unknown fields are ignored, so that v1 may grow optional fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")


REGISTRY: dict[str, type["Event"]] = {}
"""Every contract by its type, filled as the modules of `shared.events` are imported."""


class Event(Contract):
    """Something that happened, told to whoever listens. The subclass's docstring is its documentation.

    `TYPE` is `<service>.<noun>.<past-tense verb>.v<N>` and is the subject as well; `AUDIENCE` says who may hear it.
    `ADDRESSED` events go to one partner: their subject is the type and the partner's client name.
    """

    TYPE: ClassVar[str] = ""
    AUDIENCE: ClassVar[Audience] = Audience.INTERNAL
    ADDRESSED: ClassVar[bool] = False

    def __init_subclass__(
        cls, *, type: str = "", audience: Audience = Audience.INTERNAL, addressed: bool = False, **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        if not type:
            return
        if type in REGISTRY and REGISTRY[type].__qualname__ != cls.__qualname__:
            raise TypeError(f"two contracts claim the type {type}")
        cls.TYPE, cls.AUDIENCE, cls.ADDRESSED = type, audience, addressed
        REGISTRY[type] = cls

    @property
    def producer(self) -> str:
        """The service that says this event: the first token of its type."""
        return self.TYPE.partition(".")[0]

    def aggregate(self) -> str:
        """The key of the thing this event is about; rows are locked in this order."""
        return str(getattr(self, "unit", "") or getattr(self, "campaign", ""))


def inbound_types() -> tuple[str, ...]:
    """The types of what partners say, sorted."""
    return tuple(kind for kind in sorted(REGISTRY) if kind.startswith("inbound."))


class CampaignEvent(Event):
    """An event of one campaign: two movements and a sandbox live side by side."""

    campaign: str = Field(description="The campaign's code, for example lai-chau-2023.")
