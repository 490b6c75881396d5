"""What programs send: strict models; numbers are exact and bounded, texts are bounded, unknown fields are refused."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.registration.participations import Form
from services.registration.works import Purpose
from shared.events.registration import Commitment, Person
from shared.events.reporting import UnitRef

Words = Annotated[str, Field(max_length=255)]
Prose = Annotated[str, Field(max_length=4000)]
Amount = Annotated[Decimal, Field(max_digits=18, allow_inf_nan=False)]
UnitName = Annotated[str | UnitRef, Field(description="Our id, or scheme and value.")]


class Body(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)


class SignInBody(Body):
    """A local account's login and password."""

    login: Words
    password: Annotated[str, Field(max_length=1000)]


class PersonBody(Body):
    """A person as a document names them."""

    name: Words
    post: Words

    def person(self) -> Person:
        """The value that events carry."""
        return Person(name=self.name, post=self.post)


class CommitmentBody(Body):
    """A target; `baseline` may be left out where the indicator allows it."""

    indicator: Words
    baseline: Amount | None = None
    target: Amount
    unit_of_measure: Words


class ParticipationBody(Body):
    """A unit's registration. `revision`, when given, is the one that this change was made on."""

    campaign: Words | None = None
    unit: UnitName
    head: PersonBody
    focal_officer: PersonBody
    commitments: Annotated[tuple[CommitmentBody, ...], Field(max_length=200)]
    revision: int | None = None

    def form(self, unit: str) -> Form:
        """What the use case takes, with our id of the unit."""
        commitments = tuple(Commitment(**c.model_dump()) for c in self.commitments)
        return Form(unit, self.head.person(), self.focal_officer.person(), commitments, self.revision)


class ReasonBody(Body):
    """Why something goes back."""

    reason: Prose


class AmendmentBody(Body):
    """Another target. `baseline` counts only for an indicator without a target so far."""

    campaign: Words | None = None
    unit: UnitName
    indicator: Words
    target: Amount
    baseline: Amount | None = None
    reason: Prose
    legal_basis: Prose
    effective_from: date


class WorkBody(Body):
    """A work; shares in million đồng."""

    campaign: Words | None = None
    unit: UnitName
    title: Words
    purpose: Purpose
    state_share: Amount
    people_share: Amount


class StepBody(Body):
    """The day on which a step happened; today when it is left out."""

    on: date | None = None
