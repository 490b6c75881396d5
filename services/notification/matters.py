"""Matters that begin and end: warnings, front-runners, discrepancies; and the frozen ranking, which only begins."""

from sqlalchemy import and_, bindparam

from services.notification import letters
from services.notification.letters import Draft, Origin
from services.notification.models import ended_matters
from services.notification.models import letters as written
from shared.database import WriteSession, row_of, upsert
from shared.events.evaluation import FrontRunnerFound, FrontRunnerLost, RankingFrozen, WarningCleared, WarningRaised
from shared.events.reporting import DiscrepancyOpened, DiscrepancyResolved

_EARLIER = letters.settling(
    and_(
        written.c.campaign == bindparam("in_campaign"), written.c.cause == bindparam("of_matter"), written.c.revision < bindparam("before")
    )
)  # fmt: skip
AGREEMENT = "agreement"
"""How a discrepancy ends when the unit itself corrected its figure: then nobody decided anything that it must be told."""


async def warned(session: WriteSession, event: WarningRaised, origin: Origin) -> None:
    """At this pace a target will be missed: to the unit, and a minute later to its superior."""
    parameters = event.model_dump(mode="json", include={"indicator", "round", "projected", "target", "percent"})
    await _begin(session, Draft("warning", event.campaign, event.unit, event.warning, event.revision, parameters), origin)


async def cleared(session: WriteSession, event: WarningCleared, origin: Origin) -> None:
    """The pace is enough again."""
    if await _end(session, event.campaign, event.warning, event.revision, origin):
        parameters = event.model_dump(mode="json", include={"indicator", "percent"})
        draft = Draft("warning-cleared", event.campaign, event.unit, event.warning, event.revision, parameters)
        await letters.compose(session, [draft], origin)


async def led(session: WriteSession, event: FrontRunnerFound, origin: Origin) -> None:
    """The unit leads a target over several rounds."""
    parameters = event.model_dump(mode="json", include={"indicator", "percent", "rounds"})
    await _begin(session, Draft("front-runner", event.campaign, event.unit, event.finding, event.revision, parameters), origin)


async def fell_back(session: WriteSession, event: FrontRunnerLost, origin: Origin) -> None:
    """The lead is gone: a letter about it that has not left stays here."""
    await _end(session, event.campaign, event.finding, event.revision, origin)


async def disagreed(session: WriteSession, event: DiscrepancyOpened, origin: Origin) -> None:
    """Two figures disagree: the unit is to check its own, the secretary to decide."""
    parameters = event.model_dump(mode="json", include={"indicator", "round", "client", "reported", "observed"})
    await _begin(session, Draft("discrepancy", event.campaign, event.unit, event.discrepancy, event.revision, parameters), origin)


async def resolved(session: WriteSession, event: DiscrepancyResolved, origin: Origin) -> None:
    """The disagreement ended; a decision over the unit's figure is told to it."""
    ended = await _end(session, event.campaign, event.discrepancy, event.revision, origin)
    if ended and event.kept != AGREEMENT:
        parameters = event.model_dump(mode="json", include={"indicator", "round", "kept", "value", "reason"})
        draft = Draft("discrepancy-resolved", event.campaign, event.unit, event.discrepancy, event.revision, parameters)
        await letters.compose(session, [draft], origin)


async def ranked(session: WriteSession, event: RankingFrozen, origin: Origin) -> None:
    """The ranking is there for the council."""
    parameters = {"ranking_hash": event.ranking_hash, "clusters": len(event.clusters), "decided_by": event.decided_by}
    draft = Draft("ranking-ready", event.campaign, "", event.ranking_hash, event.revision, parameters)
    await letters.compose(session, [draft], origin)


async def _begin(session: WriteSession, draft: Draft, origin: Origin) -> None:
    """Write of a matter unless its end is known already."""
    ended = await row_of(session, ended_matters, campaign=draft.campaign, cause=draft.cause)
    if ended is None or ended.revision < draft.revision:
        await letters.compose(session, [draft], origin)


async def _end(session: WriteSession, campaign: str, cause: str, revision: int, origin: Origin) -> bool:
    """Settle the letters about a matter; False when this end was known."""
    row = {"campaign": campaign, "cause": cause, "revision": revision}
    if not await upsert(session, ended_matters, [row], newer="revision"):
        return False
    await letters.settle(session, _EARLIER, origin.now, in_campaign=campaign, of_matter=cause, before=revision)
    return True
