"""A thousand reminders against a thousand reports, at once: none leaves after notification has applied the report."""

import asyncio
import email
import email.policy
import random
from datetime import UTC, datetime
from time import monotonic

import pytest

from services.notification.post import Post
from services.notification.sink import Sink
from shared.events.registration import Role
from tests.notification import story
from tests.notification.conftest import service_of
from tests.notification.story import DAY, DEADLINE, MINUTE, OPENING, START

WALL = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)


class Watch(Sink):
    """Notes when the mail about each unit arrived."""

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.arrived: dict[str, float] = {}

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.arrived[mail["To"].addresses[0].username] = monotonic()
        return "250 OK"


async def reports(ear, units: list[str], dice: random.Random) -> dict[str, float]:
    """The reports of the units in batches of chance, each with the moment at which its batch had been applied."""
    applied = {}
    while units:
        batch = [units.pop() for _ in range(min(len(units), dice.randint(1, 12)))]
        await ear.hear(*(story.reported(unit) for unit in batch), at=DEADLINE - DAY)
        applied |= dict.fromkeys(batch, monotonic())
        await asyncio.sleep(dice.choice((0, 0.001, 0.01)))
    return applied


async def keep_sending(post: Post) -> None:
    while True:
        await post.deliver_due(WALL)
        await asyncio.sleep(0)


@pytest.mark.parametrize(("database_kind", "count"), [("sqlite", 1000), ("postgres", 300)])
async def test_no_reminder_leaves_after_its_report_is_known(ear, count, tmp_path):
    dice = random.Random(count)
    units = [f"u{number}" for number in range(count)]
    await ear.hear(*(story.unit(unit, None) for unit in units), at=START)
    await ear.hear(*(story.officer(unit, unit, Role.CLERK) for unit in units), at=START)
    await ear.hear(*(story.approved(unit) for unit in units), at=START)
    await ear.hear(story.opened(), at=DEADLINE - 2 * DAY)
    sink = Watch(tmp_path)
    await sink.start()
    post = Post(service_of(ear, sink.url))
    await post.deliver_due(WALL)
    sink.arrived.clear()

    dice.shuffle(units)
    early, racing = units[: count // 3], units[count // 3 :]
    await ear.tick(DEADLINE - DAY)
    applied = await reports(ear, early, dice)
    sending = asyncio.create_task(keep_sending(post))
    _, more = await asyncio.gather(ear.tick(DEADLINE - DAY + MINUTE), reports(ear, racing, dice))
    applied |= more
    await asyncio.sleep(0.05)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await sink.stop()
    await post.database.close()

    late = {unit for unit, moment in sink.arrived.items() if moment > applied[unit]}
    rows = await ear.rows("due-1", channel="e-mail")
    assert len(applied) == count
    assert late == set()
    assert {row.unit for row in rows if row.state == "delivered"} == set(sink.arrived), "what left is what the log says left"
    assert {row.state for row in rows} == {"delivered", "withdrawn"}
    assert 0 < len(sink.arrived) < count, "it was a race"
    assert OPENING < DEADLINE
