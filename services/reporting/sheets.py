"""A unit's sheet for a round: assigned indicators with target, the last round's figures, and the figures given so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.reporting import backgrounds, participants
from services.reporting.backgrounds import Background
from services.reporting.rules.figures import Known
from shared.database import ReadSession
from shared.events.campaign import Campaign, Round
from shared.events.reporting import ValueKind

ACCEPTED, RETURNED = "accepted", "returned"


@dataclass(frozen=True, slots=True)
class Sheet:
    """`known` by assigned indicator in the campaign's order; `before` and `given` are stored figures by indicator."""

    campaign: Campaign
    round: Round
    known: Mapping[str, Known]
    before: Mapping[str, Any]
    given: Mapping[str, Any]


async def find(session: ReadSession, campaign: Campaign, round: Round, unit: str) -> Sheet:
    """A unit's sheet as it stands now."""
    return put_together(campaign, round, await backgrounds.of_unit(session, campaign.code, unit))


def put_together(campaign: Campaign, round: Round, background: Background) -> Sheet:
    """A unit's sheet from its background. Figures of reports that are returned do not count as history."""
    targets = participants.in_force(background.committed, round.cutoff)
    by_round = {code: (rows[0].status, {row.indicator: row for row in rows}) for code, rows in background.figures.items()}
    past = [by_round[r.code] for r in _before(campaign, round) if r.code in by_round and by_round[r.code][0] == ACCEPTED]
    given = by_round.get(round.code, (ACCEPTED, {}))[1]
    before = {code: row for _, rows in past for code, row in rows.items() if row.value is not None}
    known = {}
    for indicator in campaign.indicators:
        if indicator.code not in targets:
            continue
        measure = campaign.unit_of_measure(indicator.unit_of_measure)
        replaced = given.get(indicator.code)
        known[indicator.code] = Known(
            indicator,
            measure.decimals if measure else 2,
            targets[indicator.code].baseline,
            targets[indicator.code].target,
            tuple(rows[indicator.code].value for _, rows in past if indicator.code in rows and rows[indicator.code].value is not None),
            ValueKind(replaced.kind) if replaced else None,
        )
    return Sheet(campaign, round, known, before, given)


def _before(campaign: Campaign, round: Round) -> list[Round]:
    return sorted((r for r in campaign.rounds if r.cutoff < round.cutoff), key=lambda r: r.cutoff)
