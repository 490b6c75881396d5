"""What is known of one unit: everything its score depends on, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from services.evaluation.scoring.figures import Figure, Target


@dataclass(frozen=True, slots=True)
class Punctuality:
    """Rounds by their first submission. A round counts once something was submitted or its deadline passed in silence."""

    on_time: int = 0
    late: int = 0
    missing: int = 0

    @property
    def due(self) -> int:
        """All rounds that count."""
        return self.on_time + self.late + self.missing


@dataclass(frozen=True, slots=True)
class WorksBelow:
    """The duty of works of one unit below and how many of its works are confirmed and completed."""

    required: int
    done: int


@dataclass(frozen=True, slots=True)
class Facts:
    """A unit's targets (all versions) and figures (one per round, in order) by indicator, and what people decided about it."""

    targets: Mapping[str, Sequence[Target]] = field(default_factory=dict)
    figures: Mapping[str, Sequence[Figure]] = field(default_factory=dict)
    punctuality: Punctuality = Punctuality()
    works_done: int = 0
    works_below: Sequence[WorksBelow] = ()
    levels: Mapping[str, str] = field(default_factory=dict)
    adjustments: Mapping[str, Decimal] = field(default_factory=dict)
