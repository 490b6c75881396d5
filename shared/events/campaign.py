"""A movement as data: areas, indicators, rounds, clusters and their score sheets. Travels whole in CampaignPublished."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Literal, Protocol, TypeVar

from pydantic import Field

from shared.events.contract import Contract


class Text(Contract):
    """The same words in both languages."""

    vi: str
    en: str

    def in_language(self, language: str) -> str:
        """The words in `language` ("vi" or "en")."""
        return self.en if language == "en" else self.vi


class Phase(StrEnum):
    """Where a campaign stands. Running includes following, amending, discovering and criticising at the same time."""

    DRAFT = "draft"
    LAUNCHED = "launched"
    REGISTERING = "registering"
    RUNNING = "running"
    CLOSED = "closed"
    REVIEWING = "reviewing"
    RANKED = "ranked"
    HONOURED = "honoured"
    ARCHIVED = "archived"


class UnitKind(StrEnum):
    """What a unit is. Clusters gather units of one kind; no kind is a required ancestor of another."""

    PROVINCE = "province"
    DISTRICT = "district"
    COMMUNE = "commune"
    DEPARTMENT = "department"
    ENTERPRISE = "enterprise"


class LegalBasis(Contract):
    """A legal act that something rests on, with the date from which it counts."""

    symbol: str
    title: Text
    issued: date | None = None
    source: str = ""


class Anniversary(Contract):
    """An event of history that the movement celebrates."""

    title: Text
    since: date
    celebrated: date


class Area(Contract):
    """One of the movement's content areas."""

    number: int
    title: Text


class UnitOfMeasure(Contract):
    """A unit of measure; a value in another unit of measure is refused, never converted silently."""

    code: str
    title: Text
    decimals: int = 2


class Indicator(Contract):
    """Something counted or measured.

    `direction`: higher is better, lower is better, or keep (must not get worse than the baseline).
    `nature`: flow (cumulative from `cumulative_from`, must not fall), stock (may fall), rate (never summed).
    `lower`, `upper`: the range outside which a value is refused, in the unit of measure.
    """

    code: str
    title: Text
    area: int
    unit_of_measure: str
    direction: Literal["higher", "lower", "keep"]
    nature: Literal["flow", "stock", "rate"]
    owner: str = Field(description="The unit that answers for the figure, as scheme:value, or 'unit' for each unit itself.")
    period: str = Field(description="The natural period: month, quarter, half-year, nine-months, year, school-year, ad-hoc.")
    regime: Literal["administrative", "statistical", "thematic"] = "administrative"
    cumulative_from: date | None = None
    lower: Decimal | None = None
    upper: Decimal | None = None
    source: str = ""
    sample: bool = False


class Round(Contract):
    """A reporting round: the data window, its cut-off (the last day of the window) and, apart from it, the deadline."""

    code: str
    title: Text
    window_start: date
    cutoff: date
    opens_at: datetime
    deadline: datetime
    regime: Literal["administrative", "statistical", "thematic"] = "thematic"


class Band(Contract):
    """From `at_least` percent of attainment on, `share` (0 to 1) of the criterion's points."""

    at_least: Decimal
    share: Decimal


class Level(Contract):
    """A level of a rubric that the council may choose."""

    code: str
    title: Text
    share: Decimal


class Criterion(Contract):
    """One line of a score sheet.

    `method`:
    - attainment: points in proportion to the way from baseline to target (or value over target), from 0 to `max_points`
    - bands: attainment first, then the share of the highest band reached
    - works: done over `required` works of the unit (and, with `of_descendants`, of the units below it)
    - keep: all points when the value is not worse than the baseline, none otherwise
    - timeliness: on-time rounds 1, late rounds `late_share`, missing 0, over the rounds that were due
    - rubric: the council enters a level
    - bonus, penalty: the council enters points, up to `max_points`, outside the denominator
    A criterion whose indicator the unit has no commitment for is not assigned and leaves the denominator.
    """

    code: str
    title: Text
    method: Literal["attainment", "bands", "works", "keep", "timeliness", "rubric", "bonus", "penalty"]
    max_points: Decimal
    indicator: str | None = None
    bands: tuple[Band, ...] = ()
    levels: tuple[Level, ...] = ()
    required: int = 1
    of_descendants: bool = False
    late_share: Decimal = Decimal("0.5")


class Grade(Contract):
    """A classification from a score of `at_least` (of 100) on."""

    code: str
    title: Text
    at_least: Decimal


class ScoreSheet(Contract):
    """How the units of a cluster are scored, to 100 points, plus a bonus up to `bonus_cap`; `total_cap` caps the whole."""

    code: str
    title: Text
    criteria: tuple[Criterion, ...]
    grades: tuple[Grade, ...]
    bonus_cap: Decimal = Decimal(0)
    penalty_cap: Decimal = Decimal(0)
    total_cap: Decimal = Decimal(100)
    sample: bool = True


class Cluster(Contract):
    """Similar units, ranked among themselves only; fewer than `least_members` members are scored but not ranked."""

    code: str
    title: Text
    kind: UnitKind
    score_sheet: str
    least_members: int = 3
    sample: bool = True


class EarlyWarning(Contract):
    """When pace raises alarms: projected attainment under `warn_below` percent raises, from `clear_at` on clears;
    `front_runner_at` percent attained in `front_runner_rounds` rounds running makes a front-runner.
    """

    warn_below: Decimal = Decimal(80)
    clear_at: Decimal = Decimal(90)
    front_runner_at: Decimal = Decimal(110)
    front_runner_rounds: int = 2


class WorkDuty(Contract):
    """How many commemorative works each unit of a kind owes at least."""

    kind: UnitKind
    required: int = 1
    confirmed_by_parent: bool = False


class Partner(Contract):
    """A government system that publishes events: its client name, the unit behind it, what it may observe of whom."""

    client: str
    title: Text
    unit: str = Field(description="The responsible unit as scheme:value.")
    indicators: tuple[str, ...]
    kinds: tuple[UnitKind, ...]
    sample: bool = True


class Campaign(Contract):
    """A whole movement. Versions are appended; `version` is its revision."""

    code: str
    version: int
    title: Text
    theme: Text
    starts: date
    registration_until: date
    ends_at: datetime
    legal_basis: tuple[LegalBasis, ...]
    anniversaries: tuple[Anniversary, ...]
    areas: tuple[Area, ...]
    units_of_measure: tuple[UnitOfMeasure, ...]
    indicators: tuple[Indicator, ...]
    rounds: tuple[Round, ...]
    score_sheets: tuple[ScoreSheet, ...]
    clusters: tuple[Cluster, ...]
    work_duties: tuple[WorkDuty, ...]
    early_warning: EarlyWarning = EarlyWarning()
    partners: tuple[Partner, ...] = ()
    sample_note: Text

    def indicator(self, code: str) -> Indicator | None:
        """The indicator with this code."""
        return self._indicators.get(code)

    def round(self, code: str) -> Round | None:
        """The round with this code."""
        return self._rounds.get(code)

    def cluster(self, code: str) -> Cluster | None:
        """The cluster with this code."""
        return self._clusters.get(code)

    def sheet_of(self, cluster: str) -> ScoreSheet | None:
        """The score sheet of a cluster."""
        found = self.cluster(cluster)
        return self._score_sheets.get(found.score_sheet) if found else None

    def unit_of_measure(self, code: str) -> UnitOfMeasure | None:
        """The unit of measure with this code."""
        return self._units_of_measure.get(code)

    # By code, made at the first question: every report asks for each of its indicators several times.

    @cached_property
    def _indicators(self) -> dict[str, Indicator]:
        return _by_code(self.indicators)

    @cached_property
    def _rounds(self) -> "dict[str, Round]":
        return _by_code(self.rounds)

    @cached_property
    def _clusters(self) -> dict[str, Cluster]:
        return _by_code(self.clusters)

    @cached_property
    def _score_sheets(self) -> dict[str, ScoreSheet]:
        return _by_code(self.score_sheets)

    @cached_property
    def _units_of_measure(self) -> dict[str, UnitOfMeasure]:
        return _by_code(self.units_of_measure)


class _Coded(Protocol):
    @property
    def code(self) -> str: ...


Part = TypeVar("Part", bound=_Coded)


def _by_code(parts: Iterable[Part]) -> dict[str, Part]:
    return {part.code: part for part in parts}
