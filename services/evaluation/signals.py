"""Signals: the colour of each unit, since when it is red or is not, and how many units of each cluster show which, counted as they change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import floor
from typing import Any

from services.evaluation import tallies
from services.evaluation.models import signal_counts, signals
from services.evaluation.scoring.signals import Colour, Signal
from shared.database import WriteSession, upsert_later

FARTHEST = 10**9
"""Percents beyond are kept as this; so is one that is not known, which sorts last."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A unit's signal and where it stands with its reports; `reported`: the place among the rounds of the newest accepted report (-1: none)."""

    signal: Signal
    reported: int
    on_hold: bool


def keep(session: WriteSession, score: Mapping[str, Any], seen: Seen, old: Any, now: datetime) -> None:
    """Have a unit show its signal. `score`: campaign, unit, cluster and revision; `old`: what it showed (None: nothing yet)."""
    new = _row(score, seen) | _since(seen, old, now)
    if old is not None and old._asdict() == new:
        return
    upsert_later(session, signals, new)
    if old is not None:
        _count(session, old._asdict(), -1)
    _count(session, new, 1)


def _row(score: Mapping[str, Any], seen: Seen) -> dict[str, Any]:
    signal = seen.signal
    kept = {name: score[name] for name in ("campaign", "unit", "revision", "cluster")}
    told = {name: getattr(signal, name) for name in ("indicator", "warnings", "unexplained", "unknown")}
    return kept | told | {
        "colour": str(signal.colour),
        "worst": FARTHEST if signal.percent is None else max(-FARTHEST, min(FARTHEST, floor(signal.percent * 100))),
        "reported": seen.reported,
        "on_hold": seen.on_hold,
    }


def _since(seen: Seen, old: Any, now: datetime) -> dict[str, Any]:
    """Since when the unit is red, or is not, and the colour before (None: it is new)."""
    if old is not None and (old.colour == Colour.RED) == (seen.signal.colour is Colour.RED):
        return {"was": old.was, "since": old.since}
    return {"was": old.colour if old is not None else None, "since": now}


def _count(session: WriteSession, row: Mapping[str, Any], by: int) -> None:
    place = tuple(row[name] for name in ("campaign", "cluster", "colour", "reported", "on_hold"))
    amounts = {"units": by, "warnings": by * row["warnings"], "unexplained": by * row["unexplained"]}
    tallies.count(session, signal_counts, place, amounts)
