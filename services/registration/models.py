"""Registration's own tables. What the other services know of them as well lies in the shared copies, written in the same transaction."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from sqlalchemy import JSON, Date, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.database import Exact, Instant

Id = Annotated[str, mapped_column(String(36))]
Key = Annotated[str, mapped_column(String(36), primary_key=True)]
Code = Annotated[str, mapped_column(String(64))]
Name = Annotated[str, mapped_column(String(255))]
Prose = Annotated[str, mapped_column(Text)]


class Record(DeclarativeBase):
    """A row of registration's database."""

    type_annotation_map = {datetime: Instant, Decimal: Exact, date: Date, list[Any]: JSON, dict[str, Any]: JSON}  # noqa: RUF012 - SQLAlchemy's way


metadata = Record.metadata


class CampaignVersion(Record):
    """A version of a campaign as it was loaded; `fingerprint` tells whether the files have changed since."""

    __tablename__ = "campaign_versions"

    campaign: Mapped[Code] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fingerprint: Mapped[Code]
    definition: Mapped[Prose]
    loaded_at: Mapped[datetime]


class CampaignPhase(Record):
    """A phase that a campaign entered."""

    __tablename__ = "campaign_phases"

    campaign: Mapped[Code] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    phase: Mapped[Code]
    at: Mapped[datetime]


class Unit(Record):
    """Which unit a key of the unit tables means; its dated attributes lie in the shared directory."""

    __tablename__ = "units"

    unit: Mapped[Key]
    key: Mapped[Name] = mapped_column(unique=True)
    revision: Mapped[int]
    content: Mapped[Code]


class Membership(Record):
    """A unit's cluster in a campaign between two days (inclusive; open when null)."""

    __tablename__ = "memberships"

    campaign: Mapped[Code] = mapped_column(primary_key=True)
    unit: Mapped[Key]
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    valid_to: Mapped[date | None]
    cluster: Mapped[Code]


class Succession(Record):
    """Units that became another one on a day, by a legal act."""

    __tablename__ = "successions"
    __table_args__ = (UniqueConstraint("successor", "day", "legal_act"),)

    succession: Mapped[Key]
    revision: Mapped[int]
    successor: Mapped[Id]
    day: Mapped[date]
    legal_act: Mapped[Name]
    predecessors: Mapped[list[Any]]


class Account(Record):
    """An officer's account. Without `password_hash` nobody can sign in with it; the roles lie in the shared copy."""

    __tablename__ = "accounts"

    officer: Mapped[Key]
    login: Mapped[Name] = mapped_column(unique=True)
    revision: Mapped[int]
    active: Mapped[bool]
    shown: Mapped[bool]
    password_hash: Mapped[Name | None]


class FailedSignIn(Record):
    """Failed sign-ins to an account from an address since `since`."""

    __tablename__ = "failed_sign_ins"

    login: Mapped[Name] = mapped_column(primary_key=True)
    address: Mapped[Code] = mapped_column(primary_key=True)
    failures: Mapped[int]
    since: Mapped[datetime] = mapped_column(index=True)


class Participation(Record):
    """A unit's registration for a campaign: who leads, who is the focal officer, which commitments are proposed."""

    __tablename__ = "participations"
    __table_args__ = (UniqueConstraint("campaign", "unit"), Index("participations_status", "campaign", "status"))

    id: Mapped[Key]
    campaign: Mapped[Code]
    unit: Mapped[Id]
    cluster: Mapped[Code]
    status: Mapped[Code]
    revision: Mapped[int]
    head_name: Mapped[Name]
    head_post: Mapped[Name]
    focal_name: Mapped[Name]
    focal_post: Mapped[Name]
    commitments: Mapped[list[Any]]
    reason: Mapped[Prose] = mapped_column(default="")
    submitted_by: Mapped[Id | None]
    submitted_at: Mapped[datetime | None]
    decided_by: Mapped[Id | None]
    decided_at: Mapped[datetime | None]


class CommitmentVersion(Record):
    """A target in force from a day on. Versions are appended, never overwritten."""

    __tablename__ = "commitments"

    campaign: Mapped[Code] = mapped_column(primary_key=True)
    unit: Mapped[Key]
    indicator: Mapped[Code] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    baseline: Mapped[Decimal | None]
    target: Mapped[Decimal]
    unit_of_measure: Mapped[Code]
    effective_from: Mapped[date]
    reason: Mapped[Prose]
    legal_basis: Mapped[Prose]
    approved_by: Mapped[Id]
    approved_at: Mapped[datetime]


class Amendment(Record):
    """A proposal to change a target, with its reason and legal basis."""

    __tablename__ = "amendments"
    __table_args__ = (Index("amendments_of_unit", "campaign", "unit", "indicator"),)

    id: Mapped[Key]
    campaign: Mapped[Code]
    unit: Mapped[Id]
    indicator: Mapped[Code]
    baseline: Mapped[Decimal | None]
    target: Mapped[Decimal]
    effective_from: Mapped[date]
    reason: Mapped[Prose]
    legal_basis: Mapped[Prose]
    status: Mapped[Code]
    proposed_by: Mapped[Id]
    proposed_at: Mapped[datetime]
    decided_by: Mapped[Id | None]
    decided_at: Mapped[datetime | None]
    answer: Mapped[Prose] = mapped_column(default="")


class Work(Record):
    """A commemorative work (công trình)."""

    __tablename__ = "works"
    __table_args__ = (Index("works_of_unit", "campaign", "unit"),)

    id: Mapped[Key]
    campaign: Mapped[Code]
    unit: Mapped[Id]
    title: Mapped[Name]
    purpose: Mapped[Code]
    state_share: Mapped[Decimal]
    people_share: Mapped[Decimal]
    status: Mapped[Code]
    confirmed: Mapped[bool]
    revision: Mapped[int]


class WorkStep(Record):
    """A step of a work: who recorded it, when, and on which day it happened.

    `event`, `traceparent`: the event by which it was told, and its trace; null in what is older than these columns.
    """

    __tablename__ = "work_steps"

    work: Mapped[Key]
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status: Mapped[Code]
    day: Mapped[date]
    recorded_by: Mapped[Id]
    recorded_name: Mapped[Name]
    recorded_at: Mapped[datetime]
    event: Mapped[Id | None]
    traceparent: Mapped[Code | None]


class PartnerSystem(Record):
    """A partner system that may publish certain types of event about certain indicators and units.

    Null in a column that came later: `types` the observation alone, `units` all of the kinds, `origin` the campaign's file.
    """

    __tablename__ = "partners"

    campaign: Mapped[Code] = mapped_column(primary_key=True)
    client: Mapped[Code] = mapped_column(primary_key=True)
    revision: Mapped[int]
    title: Mapped[Name]
    unit: Mapped[Id]
    indicators: Mapped[list[Any]]
    kinds: Mapped[list[Any]]
    active: Mapped[bool]
    types: Mapped[list[Any] | None]
    units: Mapped[list[Any] | None]
    origin: Mapped[Code | None]


class PartnerClient(Record):
    """A partner system at the doors, whatever its campaigns: whom to call, how many events a minute, whether it was shut out."""

    __tablename__ = "partner_clients"

    client: Mapped[Code] = mapped_column(primary_key=True)
    revision: Mapped[int]
    contact: Mapped[Name]
    quota: Mapped[int]
    signing_keys: Mapped[list[Any]]
    revoked_at: Mapped[datetime | None]


class PartnerCredential(Record):
    """A key of a partner system: nothing here lets anybody in, for the secrets were shown once and only digests stay."""

    __tablename__ = "partner_keys"

    key: Mapped[Key]
    client: Mapped[Code] = mapped_column(index=True)
    nkey: Mapped[Code]
    secret_sha256: Mapped[Code]
    issued_at: Mapped[datetime]
    issued_by: Mapped[Name]
    expires_at: Mapped[datetime | None]


class Proposal(Record):
    """What a partner says of a work or of units: `facts` is the event that told it."""

    __tablename__ = "proposals"
    __table_args__ = (Index("proposals_of_campaign", "campaign", "state"),)

    id: Mapped[Key]
    kind: Mapped[Code]
    campaign: Mapped[Code]
    client: Mapped[Code]
    event: Mapped[Name]
    unit: Mapped[Id | None]
    facts: Mapped[dict[str, Any]]
    state: Mapped[Code]
    proposed_at: Mapped[datetime]
    decided_by: Mapped[Name | None]
    decided_at: Mapped[datetime | None]
    reason: Mapped[Prose]
