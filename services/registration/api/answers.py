"""What programs get back; decimals travel as text, so that nothing rounds them."""

from datetime import date, datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from shared.events.registration import Commitment


class Answer(BaseModel):
    """Made from a row's attributes."""

    model_config = ConfigDict(from_attributes=True)


class OfficerAnswer(Answer):
    """Who signed in."""

    id: str
    name: str
    post: str
    unit: str
    roles: list[str]


class SessionAnswer(Answer):
    """A session: send `token` as `Authorization: Bearer`, until `expires_at`."""

    token: str
    expires_at: datetime
    officer: OfficerAnswer


class ParticipationState(Answer):
    """Where a registration stands after a change."""

    id: str
    status: str
    revision: int


class ParticipationAnswer(ParticipationState):
    """A registration whole."""

    campaign: str
    unit: str
    cluster: str
    head_name: str
    head_post: str
    focal_name: str
    focal_post: str
    commitments: list[Commitment]
    reason: str
    submitted_at: datetime | None
    decided_at: datetime | None


class CommitmentAnswer(Answer):
    """A version of a target."""

    campaign: str
    unit: str
    indicator: str
    revision: int
    baseline: Decimal | None
    target: Decimal
    unit_of_measure: str
    effective_from: date
    reason: str
    legal_basis: str
    approved_at: datetime


class AmendmentAnswer(Answer):
    """A proposal to change a target; `answer` is the secretary's reason when it was returned."""

    id: str
    status: str
    campaign: str
    unit: str
    indicator: str
    baseline: Decimal | None
    target: Decimal
    effective_from: date
    reason: str
    legal_basis: str
    proposed_at: datetime
    decided_at: datetime | None
    answer: str


class WorkAnswer(Answer):
    """A work; shares in million đồng."""

    id: str
    status: str
    revision: int
    confirmed: bool
    campaign: str
    unit: str
    title: str
    purpose: str
    state_share: Decimal
    people_share: Decimal


class UnitAnswer(Answer):
    """A unit as it was on the day asked for."""

    id: str
    name: str
    kind: str
    parent: str | None
    cluster: str | None = None
    identifiers: list[str] = Field(default=[], description="scheme:value")
    sample: bool


class CampaignState(Answer):
    """A campaign's version and phase."""

    campaign: str
    version: int
    phase: str


class PartnerAnswer(Answer):
    """A partner system: what it may observe of which kinds of unit."""

    campaign: str
    client: str
    title: str
    unit: str
    indicators: list[str]
    kinds: list[str]
    active: bool


class EventBooks(Answer):
    """Events of this service: recorded in its outbox, published of those, applied from others, dead letters."""

    recorded: int
    published: int
    applied: int
    dead: int


class Books(Answer):
    """What registration counts."""

    campaign: str
    phase: str
    units: int
    participations: dict[str, int]
    commitments: int
    amendments: dict[str, int]
    works: dict[str, int]
    officers: int
    events: EventBooks
