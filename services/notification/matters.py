"""Matters that begin and end: warnings, front-runners, discrepancies; and the frozen ranking, which only begins."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from services.notification import letters, settlements
from services.notification.letters import Draft, Note, Origin
from services.notification.models import ended_matters
from shared.database import ReadSession, WriteSession, rows_among, upsert_later
from shared.events.evaluation import FrontRunnerFound, FrontRunnerLost, RankingFrozen, WarningCleared, WarningRaised
from shared.events.reporting import DiscrepancyOpened, DiscrepancyResolved

Begun = WarningRaised | FrontRunnerFound | DiscrepancyOpened
Ended = WarningCleared | FrontRunnerLost | DiscrepancyResolved
Matter = Begun | Ended
Key = tuple[str, str]
"""Campaign and cause: the id of the warning, finding or discrepancy."""

AGREEMENT = "agreement"
"""How a discrepancy ends when the unit itself corrected its figure: then nobody decided anything that it must be told."""
SAID = {
    "warning": ("indicator", "round", "projected", "target", "percent"),
    "warning-cleared": ("indicator", "percent"),
    "front-runner": ("indicator", "percent", "rounds"),
    "discrepancy": ("indicator", "round", "client", "reported", "observed"),
    "discrepancy-resolved": ("indicator", "round", "kept", "value", "reason"),
}
"""What a letter takes from its event."""
RULES: dict[type[Matter], str] = {
    WarningRaised: "warning", WarningCleared: "warning-cleared", FrontRunnerFound: "front-runner",
    DiscrepancyOpened: "discrepancy", DiscrepancyResolved: "discrepancy-resolved",
}  # fmt: skip
"""The letter that an event brings; a lead that is lost brings none."""


async def take(session: WriteSession, notes: Sequence[Note[Matter]]) -> list[Draft]:
    """Keep which matters have ended; gives the letters that follow, each judged by what was known before it."""
    ended = await _ended(session, {_key(note.event) for note in notes})
    before = dict(ended)
    drafts = [draft for event, origin in notes for draft in _heard(ended, event, origin)]
    for (campaign, cause), revision in sorted(ended.items()):
        if before.get((campaign, cause)) != revision:
            upsert_later(session, ended_matters, {"campaign": campaign, "cause": cause, "revision": revision})
    return drafts


async def over(session: ReadSession, notes: Sequence[Note[Matter]]) -> dict[Any, datetime]:
    """Open letters about matters that these events end, and since when."""
    ends: dict[Key, list[tuple[int, datetime]]] = {}
    for event, origin in notes:
        if isinstance(event, Ended):
            ends.setdefault(_key(event), []).append((event.revision, origin.now))
    return {
        letter: since
        for campaign, causes in _by_campaign(ends).items()
        for letter in await settlements.open_because(session, campaign, causes)
        if (since := settlements.since(letter, ends[campaign, letter.cause]))
    }


async def ranked(session: WriteSession, event: RankingFrozen, origin: Origin) -> None:
    """The ranking is there for the council."""
    parameters = {"ranking_hash": event.ranking_hash, "clusters": len(event.clusters), "decided_by": event.decided_by}
    await letters.compose(session, [Draft("ranking-ready", event.campaign, "", event.ranking_hash, origin, event.revision, parameters)])


def _heard(ended: dict[Key, int], event: Matter, origin: Origin) -> Iterator[Draft]:
    """The letter about an event, unless the matter's end, or this end, is known already; an end is noted in `ended`."""
    if event.revision <= ended.get(_key(event), 0):
        return
    if isinstance(event, Ended):
        ended[_key(event)] = event.revision
    if rule := _rule_of(event):
        parameters = event.model_dump(mode="json", include=set(SAID[rule]))
        yield Draft(rule, event.campaign, event.unit, _key(event)[1], origin, event.revision, parameters)


def _rule_of(event: Matter) -> str | None:
    if isinstance(event, DiscrepancyResolved) and event.kept == AGREEMENT:
        return None
    return RULES.get(type(event))


def _key(event: Matter) -> Key:
    if isinstance(event, WarningRaised | WarningCleared):
        return event.campaign, event.warning
    if isinstance(event, FrontRunnerFound | FrontRunnerLost):
        return event.campaign, event.finding
    return event.campaign, event.discrepancy


async def _ended(session: ReadSession, keys: set[Key]) -> dict[Key, int]:
    """The ends that are known, by their revisions."""
    return {
        (campaign, row.cause): row.revision
        for campaign, causes in _by_campaign(keys).items()
        for row in await rows_among(session, ended_matters, "cause", causes, campaign=campaign)
    }


def _by_campaign(keys: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for campaign, cause in keys:
        found.setdefault(campaign, set()).add(cause)
    return found
