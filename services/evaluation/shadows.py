"""What partners try out is scored in shadow campaigns: which units are in one, and how it ends."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import delete

from services.evaluation.models import metadata, shadows
from services.evaluation.scores import key_of
from shared.database import WriteSession, insert_later, rows_among
from shared.events.reporting import ReportAccepted
from shared.inbox import Touched, lock
from shared.shadows import is_shadow, original_of

OVER = ""
"""Stands for a unit where a shadow has ended."""
GIVEN = "registration."
"""The events by which a unit's participation, targets and works come: in a shadow they are as in earnest."""


def keep(session: WriteSession, event: ReportAccepted) -> None:
    """Note that a unit was reported about in a shadow."""
    if is_shadow(event.campaign):
        insert_later(session, shadows, {"campaign": original_of(event.campaign), "unit": event.unit, "shadow": event.campaign})


async def touched_too(session: WriteSession, touched: Sequence[Touched]) -> list[Touched]:
    """The same units in their shadows, held, where a batch brought something from registration; one look for each campaign."""
    if not any(one.meta.type.startswith(GIVEN) for one in touched):
        return []
    by_campaign: dict[str, dict[str, Touched]] = {}
    for one in touched:
        campaign, _, unit = one.key.partition("|")
        if not is_shadow(campaign):
            by_campaign.setdefault(campaign, {})[unit] = one
    found = [
        replace(units[row.unit], key=key_of(row.shadow, row.unit))
        for campaign, units in by_campaign.items()
        for row in await rows_among(session, shadows, "unit", units, campaign=campaign)
    ]
    already = {one.key for one in touched}
    found = [one for one in found if one.key not in already]
    if found:
        await lock(session, [one.key for one in found])
    return found


async def running(session: WriteSession, touched: Sequence[Touched]) -> list[Touched]:
    """Without those of shadows that have ended: what comes of one after its end is forgotten as the rest was."""
    tried = {campaign for one in touched if is_shadow(campaign := one.key.partition("|")[0])}
    over = {row.shadow for row in await rows_among(session, shadows, "shadow", tried, unit=OVER)} if tried else set()
    for shadow in over:
        await forget(session, shadow)
    return [one for one in touched if one.key.partition("|")[0] not in over]


async def forget(session: WriteSession, shadow: str) -> None:
    """Delete every row of a shadow, and note that it has ended."""
    await session.flush()
    await session.execute(delete(shadows).where(shadows.c.shadow == shadow))
    for table in metadata.sorted_tables:
        if "campaign" in table.c and table is not shadows:
            await session.execute(delete(table).where(table.c.campaign == shadow))
    insert_later(session, shadows, {"campaign": original_of(shadow), "unit": OVER, "shadow": shadow})
