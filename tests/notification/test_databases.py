"""The same story ends in the same letters and deliveries on SQLite and on PostgreSQL."""

from shared.events.campaign import Phase
from shared.events.registration import CampaignAdvanced, OfficerDisabled, Role
from shared.testing.databases import KINDS, fresh_database
from tests.notification import story
from tests.notification.story import CAMPAIGN, DAY, DEADLINE, HOUR, MINUTE, OPENING, Ear


async def play(ear: Ear) -> None:
    """Everything once: registration, a round with reminders, a hold, a return, a missing report, warnings, the end."""
    await ear.hear(story.submitted(), story.submitted("huyen"), story.warned(warning="early"))
    await ear.hear(*story.province())
    await ear.hear(story.approved(), story.sent_back("huyen"), story.cleared(warning="early"))
    await ear.hear(story.approved("huyen", revision=3), story.opened(), at=OPENING)
    await ear.tick(DEADLINE - 7 * DAY)
    await ear.tick(DEADLINE - 7 * DAY + MINUTE)
    await ear.hear(story.reported("huyen"), story.held(), at=DEADLINE - 4 * DAY)
    await ear.tick(DEADLINE - 3 * DAY)
    await ear.hear(story.lifted(), story.report_returned("huyen"), at=DEADLINE - 2 * DAY)
    await ear.tick(DEADLINE - DAY)
    await ear.tick(DEADLINE - DAY + MINUTE)
    await ear.hear(story.missed(), story.closed(), at=DEADLINE)
    await ear.hear(story.officer("xa.head", "xa", Role.HEAD, Role.CLERK, revision=2), at=DEADLINE)
    await ear.tick(DEADLINE + DAY)
    await ear.hear(story.warned(), OfficerDisabled(officer="xa.clerk", revision=2), at=DEADLINE + DAY)
    await ear.tick(DEADLINE + DAY + HOUR)
    await ear.hear(story.warned("huyen", warning="w2"), at=DEADLINE + DAY + HOUR)
    await ear.hear(CampaignAdvanced(campaign=CAMPAIGN, revision=6, phase=Phase.RANKED, at=DEADLINE + 2 * DAY), at=DEADLINE + 2 * DAY)


async def ending(kind: str) -> list[tuple]:
    async with fresh_database("notification", kind) as database:
        ear = Ear(database)
        await play(ear)
        return sorted(
            (r.rule, r.audience, r.unit, r.addressee, r.cause, r.revision, r.officer, r.channel, r.state, str(r.due_at), str(r.settled))
            for r in await ear.rows()
        )


async def test_the_same_story_ends_the_same_on_both_databases():
    sqlite, postgres = [await ending(kind) for kind in KINDS]
    assert sqlite == postgres
    rules = {row[0] for row in sqlite}
    assert {"due-7", "due-1", "overdue", "overdue-superior", "report-returned", "warning", "warning-cleared"} <= rules
    assert "due-3" not in rules, "the commune was on hold and the district had reported"
    assert {row[8] for row in sqlite} == {"delivered", "withdrawn", "queued"}
