"""A thousand reminders against a thousand reports, at once: none leaves after notification has applied the report."""

import asyncio
import email
import email.policy
import random
from datetime import UTC, datetime
from time import monotonic

import pytest
from sqlalchemy import insert

from services.notification.models import participants, rounds
from services.notification.post import Post
from services.notification.sink import Sink
from shared.security import officers as known_officers
from tests.notification import story
from tests.notification.conftest import service_of
from tests.notification.story import CAMPAIGN, DAY, DEADLINE, MINUTE, OPENING

WALL = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)


class Watch(Sink):
    """Notes when the mail about each unit arrived."""

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.arrived: dict[str, float] = {}

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's interface
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


async def keep_sending(post: Post, over: asyncio.Event) -> None:
    while not over.is_set():
        await post.deliver_due(WALL)
        await asyncio.sleep(0)


async def settle_in(ear, units: list[str]) -> None:
    """The units take part and have a clerk each; a round is open. As events before would have left it."""
    clerk = {"revision": 1, "post": "", "roles": ["clerk"], "active": True}
    row = {"campaign": CAMPAIGN, "round": "ky-1", "revision": 1, "opened_at": OPENING, "cutoff": OPENING.date(), "deadline": DEADLINE}
    async with ear.database.write() as session:
        officers = [{"officer": u, "name": u, "unit": u, "email": f"{u}@laichau.example"} | clerk for u in units]
        await session.execute(insert(known_officers), officers)
        taking_part = [{"campaign": CAMPAIGN, "unit": u, "revision": 1, "status": "approved"} for u in units]
        await session.execute(insert(participants), taking_part)
        await session.execute(insert(rounds), [row | {"event": "opened"}])


@pytest.mark.parametrize(("database_kind", "count"), [("sqlite", 1000), ("postgres", 300)])
async def test_no_reminder_leaves_after_its_report_is_known(ear, count, tmp_path):
    dice = random.Random(count)
    units = [f"u{number}" for number in range(count)]
    await settle_in(ear, units)
    sink = Watch(tmp_path)
    await sink.start()
    post = Post(service_of(ear, sink.url))
    dice.shuffle(units)
    early, racing = units[: count // 3], units[count // 3 :]
    await ear.tick(DEADLINE - DAY)
    applied = await reports(ear, early, dice)
    over = asyncio.Event()
    sending = asyncio.create_task(keep_sending(post, over))
    _, more = await asyncio.gather(ear.tick(DEADLINE - DAY + MINUTE), reports(ear, racing, dice))
    applied |= more
    over.set()
    await sending
    await sink.stop()
    await post.database.close()

    late = {unit for unit, moment in sink.arrived.items() if moment > applied[unit]}
    rows = await ear.rows("due-1", channel="e-mail")
    assert len(applied) == count
    assert late == set()
    assert {row.unit for row in rows if row.state == "delivered"} == set(sink.arrived), "what left is what the log says left"
    assert {row.state for row in rows} == {"delivered", "withdrawn"}
    assert 0 < len(sink.arrived) < count, "it was a race"
