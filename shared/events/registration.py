"""What registration says: campaigns, units, officers, who takes part with which targets, works."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from shared.events.campaign import Campaign, Phase, UnitKind
from shared.events.contract import Audience, CampaignEvent, Contract, Event


class CampaignPublished(CampaignEvent, type="registration.campaign.published.v1", audience=Audience.PUBLIC):
    """A campaign is in force in this version, whole: areas, indicators, rounds, clusters and score sheets."""

    revision: int
    definition: Campaign


class CampaignAdvanced(CampaignEvent, type="registration.campaign.advanced.v1", audience=Audience.PUBLIC):
    """The campaign stands in another phase since `at`."""

    revision: int
    phase: Phase
    at: datetime


class Identifier(Contract):
    """What the outside calls a unit, valid from `valid_from` to `valid_to` (inclusive; open when null).

    Schemes: dinh-danh (H35.x), dinh-danh-2016 (000.00.y.H35), dvhc (statistics office), mst (tax number).
    """

    scheme: str
    value: str
    valid_from: date | None = None
    valid_to: date | None = None


class UnitVersion(Contract):
    """A unit's attributes between two dates (inclusive; open when null)."""

    valid_from: date
    valid_to: date | None = None
    name: str
    kind: UnitKind
    parent: str | None = Field(default=None, description="The id of the unit above, if there is one then.")


class UnitChanged(Event, type="registration.unit.changed.v1", audience=Audience.PUBLIC):
    """The whole of what is known of a unit: its dated attributes, identifiers and sort order in official lists."""

    unit: str
    revision: int
    position: int = 0
    versions: tuple[UnitVersion, ...]
    identifiers: tuple[Identifier, ...] = ()
    sample: bool = False


class UnitsSucceeded(Event, type="registration.units.succeeded.v1", audience=Audience.PUBLIC):
    """On `date` the units `predecessors` became `successor` by a legal act; history stays with the predecessors."""

    succession: str
    revision: int
    predecessors: tuple[str, ...]
    successor: str
    date: date
    legal_act: str


class Role(StrEnum):
    """What an officer may do in the unit where the role is held."""

    CLERK = "clerk"
    HEAD = "head"
    CLUSTER_HEAD = "cluster-head"
    SECRETARY = "secretary"
    MEMBER = "member"
    CHAIR = "chair"
    AUDITOR = "auditor"
    OPERATOR = "operator"


class OfficerAppointed(Event, type="registration.officer.appointed.v1"):
    """An officer holds these roles in a unit; a later revision replaces an earlier one whole. Internal: a work e-mail."""

    officer: str
    revision: int
    name: str
    post: str
    unit: str
    roles: tuple[Role, ...]
    email: str | None = None


class OfficerDisabled(Event, type="registration.officer.disabled.v1"):
    """The officer may no longer use any service; every open session of theirs is refused from now on."""

    officer: str
    revision: int


class SessionEnded(Event, type="registration.session.ended.v1"):
    """A signed-in session was ended; its token is refused from now on though it has not expired."""

    session: str
    officer: str


class KeyPublished(Event, type="registration.key.published.v1"):
    """A public key (Ed25519, PEM) with which the services verify session tokens until `expires_at`."""

    key: str
    public_pem: str
    expires_at: datetime


class Person(Contract):
    """A person as an official document names them: name and post, no more."""

    name: str
    post: str


class Commitment(Contract):
    """A quantified target that a unit commits to."""

    indicator: str
    baseline: Decimal | None = None
    target: Decimal
    unit_of_measure: str


class ParticipationStatus(StrEnum):
    """Where a unit's registration stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    RETURNED = "returned"


class ParticipationEvent(CampaignEvent):
    """The state of a unit's registration for a campaign."""

    unit: str
    revision: int
    cluster: str
    head: Person
    focal_officer: Person
    commitments: tuple[Commitment, ...]
    at: datetime


class ParticipationSubmitted(ParticipationEvent, type="registration.participation.submitted.v1"):
    """A unit's head asks to take part with these commitments."""


class ParticipationApproved(ParticipationEvent, type="registration.participation.approved.v1", audience=Audience.PARTNERS):
    """The unit takes part in this cluster from `at` on."""


class ParticipationReturned(ParticipationEvent, type="registration.participation.returned.v1"):
    """The registration went back to the unit with a reason."""

    reason: str


class CommitmentApproved(CampaignEvent, type="registration.commitment.approved.v1", audience=Audience.PARTNERS):
    """A target is in force from `effective_from` on; `revision` is its version, earlier versions stay readable."""

    unit: str
    indicator: str
    revision: int
    baseline: Decimal | None
    target: Decimal
    unit_of_measure: str
    effective_from: date
    reason: str = ""
    legal_basis: str = ""


class WorkStatus(StrEnum):
    """How far a commemorative work is."""

    DECLARED = "declared"
    CONFIRMED = "confirmed"
    STARTED = "started"
    COMPLETED = "completed"
    UNVEILED = "unveiled"


class WorkProgressed(CampaignEvent, type="registration.work.progressed.v1", audience=Audience.PARTNERS):
    """The state of a work (công trình) after a step; `unveiled` means it bears its plaque (gắn biển)."""

    work: str
    unit: str
    revision: int
    title: str
    purpose: str = Field(description="economic, social or living")
    state_share: Decimal = Field(description="million đồng from the State")
    people_share: Decimal = Field(description="million đồng, work days included, from the people")
    status: WorkStatus
    confirmed: bool = Field(description="True when no confirmation is needed or the unit above has confirmed.")
    at: datetime


class Decision(StrEnum):
    """What a person decided on a proposal."""

    CONFIRMED = "confirmed"
    DECLINED = "declined"


class ProposalDecided(CampaignEvent, type="registration.proposal.decided.v1", audience=Audience.PARTNERS, addressed=True):
    """To one partner: a person decided on what it said of a work or of units. Confirmed: it is so from now on; declined: nothing changed."""

    proposal: str
    client: str
    event: str = Field(description="The partner's own id of the event that proposed it.")
    decision: Decision
    reason: str = Field(default="", description="Why it was declined, in the words of whoever decided.")
    at: datetime


class PartnerRegistered(CampaignEvent, type="registration.partner.registered.v1"):
    """A partner system may publish these types of event under this client name, about these indicators and units."""

    client: str
    revision: int
    title: str
    unit: str
    indicators: tuple[str, ...]
    kinds: tuple[UnitKind, ...]
    active: bool = True
    types: tuple[str, ...] = Field(default=("inbound.indicator.observed.v1",), description="What it may say.")
    units: tuple[str, ...] = Field(default=(), description="Only these units and those below them; empty means all of the kinds.")


class PartnerKey(Contract):
    """A key of a partner system: its NATS user and, as SHA-256, its HTTP secret. It holds until `expires_at` (open when null)."""

    key: str
    nkey: str = Field(description="Public key of its NATS user.")
    secret_sha256: str = Field(description="Hexadecimal digest of the whole API key, which is random and long.")
    expires_at: datetime | None = None


class PartnerAdmitted(Event, type="registration.partner.admitted.v1"):
    """A partner system may come in by these keys at this pace; a later revision replaces an earlier one whole."""

    client: str
    revision: int
    keys: tuple[PartnerKey, ...]
    quota: int = Field(description="Events that are taken in a minute; what goes beyond is parked.")
    signing_keys: tuple[str, ...] = Field(
        default=(), description="Ed25519 public keys, base64. Where there is one, an event must be signed by one of them."
    )
    at: datetime


class PartnerRevoked(Event, type="registration.partner.revoked.v1"):
    """A partner system may no longer come in by any door from now on; `revision` counts with those of its admissions."""

    client: str
    revision: int
    at: datetime
