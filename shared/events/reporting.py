"""What reporting says: rounds, reports, observations from partners, discrepancies between the two."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from shared.events.contract import Audience, CampaignEvent, Contract


class ValueKind(StrEnum):
    """How final a figure is; an estimate becomes preliminary and then official."""

    ESTIMATE = "estimate"
    PRELIMINARY = "preliminary"
    OFFICIAL = "official"


class Channel(StrEnum):
    """The way by which figures came in."""

    PAGE = "page"
    API = "api"
    PARTNER = "partner"
    RECONCILIATION = "reconciliation"


class ReportedValue(Contract):
    """One figure of a report, in the indicator's unit of measure, as of a day."""

    indicator: str
    value: Decimal | None = Field(description="Null means not known; it is never zero.")
    unit_of_measure: str
    kind: ValueKind
    as_of: date
    note: str = ""


class RoundOpened(CampaignEvent, type="reporting.round.opened.v1", audience=Audience.PUBLIC):
    """The round takes reports until `deadline`; late ones are kept and marked."""

    round: str
    revision: int
    cutoff: date
    deadline: datetime


class RoundClosed(CampaignEvent, type="reporting.round.closed.v1", audience=Audience.PARTNERS):
    """The deadline passed: how many reports were due, on time and missing then."""

    round: str
    revision: int
    deadline: datetime
    expected: int
    on_time: int
    missing: int


class ReportAccepted(CampaignEvent, type="reporting.report.accepted.v1"):
    """A unit's figures for a round, whole; a later revision (a correction) supersedes an earlier one.

    `on_time` is judged by the first submission. `values` is all that counts for the round.
    """

    unit: str
    round: str
    report: str
    revision: int
    channel: Channel
    submitted_at: datetime
    first_submitted_at: datetime
    on_time: bool
    correction: bool
    values: tuple[ReportedValue, ...]


class ReportReturned(CampaignEvent, type="reporting.report.returned.v1"):
    """A report went back to its unit with a reason; its figures do not count until it is submitted again.

    `first_submitted_at` and `on_time` stay those of the first submission.
    """

    unit: str
    round: str
    report: str
    revision: int
    reason: str
    notes: tuple[str, ...] = ()
    returned_by: str
    first_submitted_at: datetime
    on_time: bool


class ReportMissed(CampaignEvent, type="reporting.report.missed.v1"):
    """The deadline passed and the unit, which was not on hold, had submitted nothing for the round."""

    unit: str
    round: str
    revision: int
    deadline: datetime


class UnitRef(Contract):
    """A unit as the outside names it."""

    scheme: str
    value: str


class IndicatorObserved(CampaignEvent, type="inbound.indicator.observed.v1", audience=Audience.PARTNERS):
    """From a partner: a figure about a unit, seen by the partner's own system.

    Published by the partner to `inbound.<client>.indicator.observed.v1`, as CloudEvents, binary or structured.
    """

    unit: UnitRef
    indicator: str
    value: Decimal
    unit_of_measure: str
    kind: ValueKind = ValueKind.OFFICIAL
    as_of: date
    note: str = ""


class IndicatorCorrected(CampaignEvent, type="inbound.indicator.corrected.v1", audience=Audience.PARTNERS):
    """From a partner: a figure of theirs was wrong. It stays about the same unit, indicator and day as the event it replaces."""

    replaces: str = Field(description="The id of the partner's own event that gave the wrong figure, the newest one.")
    value: Decimal
    unit_of_measure: str
    kind: ValueKind = ValueKind.OFFICIAL
    note: str = ""


class ReportSubmitted(CampaignEvent, type="inbound.report.submitted.v1", audience=Audience.PARTNERS):
    """From a partner: a unit's whole report for a round, on behalf of the unit; judged like one that the unit hands in itself."""

    unit: UnitRef
    round: str
    values: tuple[ReportedValue, ...]


class WorkStep(StrEnum):
    """What may become of a work."""

    STARTED = "started"
    COMPLETED = "completed"
    UNVEILED = "unveiled"


class WorkReported(CampaignEvent, type="inbound.work.progressed.v1", audience=Audience.PARTNERS):
    """From a partner: a work (công trình) was started, completed or unveiled on a day. Its unit confirms it before it counts."""

    unit: UnitRef
    work: str = Field(description="The work's id, as registration.work.progressed.v1 tells it.")
    status: WorkStep
    day: date
    note: str = ""


class UnitReorganised(CampaignEvent, type="inbound.unit.reorganised.v1", audience=Audience.PARTNERS):
    """From a partner: by a legal act, units became another one on a day. The council's secretary confirms it before it counts."""

    predecessors: tuple[UnitRef, ...] = Field(description="The units as they were called on the day before.")
    successor: UnitRef = Field(description="The unit as it is called from the day on.")
    day: date
    legal_act: str
    note: str = ""


class WorkProposed(CampaignEvent, type="reporting.work.proposed.v1"):
    """A partner says that a work has come further; nothing has changed until a person of its unit confirms it."""

    proposal: str
    client: str
    event: str
    unit: str
    work: str
    status: WorkStep
    day: date
    note: str = ""
    at: datetime


class ReorganisationProposed(CampaignEvent, type="reporting.reorganisation.proposed.v1"):
    """A partner says that units became another one; nothing has changed until the council's secretary confirms it."""

    proposal: str
    client: str
    event: str
    predecessors: tuple[str, ...]
    successor: str | None = Field(description="Null when the directory does not know the new unit yet.")
    successor_ref: UnitRef
    day: date
    legal_act: str
    note: str = ""
    at: datetime


class ObservationAccepted(CampaignEvent, type="reporting.observation.accepted.v1"):
    """A partner's figure stands beside the unit's own; it does not replace it."""

    observation: str
    client: str
    unit: str
    indicator: str
    value: Decimal
    unit_of_measure: str
    kind: ValueKind
    as_of: date
    revision: int


class FieldFault(Contract):
    """What is wrong with one field and what to write instead, in both languages."""

    field: str
    vi: str
    en: str


class EventRejected(
    CampaignEvent, type="reporting.event.rejected.v1", audience=Audience.PARTNERS, addressed=True
):
    """To one partner: an event of theirs was refused, with a reason for each field; nothing else changed."""

    client: str
    event: str
    faults: tuple[FieldFault, ...]
    at: datetime
    sandbox: bool = Field(default=False, description="Whether the event was only tried out; ids in the sandbox are others than in earnest.")


class TrialEnded(CampaignEvent, type="reporting.trial.ended.v1"):
    """A partner's sandbox was emptied, by hand or because its time was over: nothing in this shadow campaign counts any more."""

    client: str
    at: datetime


class DiscrepancyOpened(CampaignEvent, type="reporting.discrepancy.opened.v1"):
    """A unit's own figure and a partner's for the same indicator and day disagree; a person must decide."""

    discrepancy: str
    unit: str
    indicator: str
    round: str
    revision: int
    client: str
    reported: Decimal
    observed: Decimal
    at: datetime


class DiscrepancyResolved(CampaignEvent, type="reporting.discrepancy.resolved.v1"):
    """The disagreement ended: `kept` is unit, partner or agreement (the figures now agree)."""

    discrepancy: str
    unit: str
    indicator: str
    round: str
    revision: int
    kept: str
    value: Decimal
    reason: str
    at: datetime
