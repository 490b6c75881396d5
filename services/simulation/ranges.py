"""The sample ranges from which the story draws what units commit to (`story.yaml`, sample data)."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random

import yaml
from pydantic import BaseModel, ConfigDict

from shared.events.campaign import Indicator

Range = tuple[Decimal, Decimal]


class CommitmentRange(BaseModel):
    """From where to where a unit's baseline, uplift or target is drawn, in the indicator's unit of measure."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    indicator: str
    baseline: Range | None = None
    uplift: Range = (Decimal(0), Decimal(0))
    target: Range | None = None
    decimals: int = 0
    units: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Goal:
    """What one unit commits to for one indicator."""

    indicator: Indicator
    baseline: Decimal | None
    target: Decimal
    decimals: int


def read(path: Path) -> dict[str, list[CommitmentRange]]:
    """The ranges by cluster."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {
        cluster: [CommitmentRange.model_validate(entry) for entry in entries] for cluster, entries in content["commitments"].items()
    }


def rounded(value: Decimal, decimals: int) -> Decimal:
    """`value` with so many decimals, without an exponent."""
    return value.quantize(Decimal(1).scaleb(-decimals))


def draw(random: Random, span: Range, decimals: int) -> Decimal:
    """A number from the range, with so many decimals."""
    low, high = span
    return rounded(low + (high - low) * Decimal(str(round(random.random(), 6))), decimals)


def goal(random: Random, entry: CommitmentRange, indicator: Indicator) -> Goal:
    """Draw what a unit commits to, inside the indicator's own range."""
    if entry.target is not None:
        return Goal(indicator, None, _inside(draw(random, entry.target, entry.decimals), indicator), entry.decimals)
    assert entry.baseline is not None, f"{entry.indicator}: neither target nor baseline"
    baseline = draw(random, entry.baseline, entry.decimals)
    uplift = draw(random, entry.uplift, entry.decimals)
    target = baseline - uplift if indicator.direction == "lower" else baseline + uplift
    return Goal(indicator, baseline, _inside(target, indicator), entry.decimals)


def _inside(value: Decimal, indicator: Indicator) -> Decimal:
    if indicator.lower is not None:
        value = max(value, indicator.lower)
    return value if indicator.upper is None else min(value, indicator.upper)
