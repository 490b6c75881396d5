"""The broker dies and comes back while reports stream in: whoever was told that a report is accepted finds it scored, once."""

import asyncio
import signal
from decimal import Decimal

from sqlalchemy import select

from services.evaluation.models import reports as kept
from services.evaluation.models import scores
from services.evaluation.rebuild import rebuild
from services.simulation.story import SECRETARY
from shared.inbox import inbox
from shared.outbox import outbox

UNITS = ("xa-ta-tong", "xa-mu-ca", "xa-bum-nua", "xa-bum-to", "huyen-muong-te")
REPORTS, SIDE_BY_SIDE, KILLED_AFTER = 200, 8, 60
DARK_SECONDS = 0.5
MOVING, ACCEPTED = "thu-ngan-sach", "reporting.report.accepted.v1"


class Senders:
    """Officers who go on reporting whatever happens; `told` is what they were told is accepted: unit and revision."""

    def __init__(self, stage) -> None:
        self.stage = stage
        self.told: list[tuple[str, int]] = []
        self.numbers = iter(range(REPORTS))
        self.enough = asyncio.Event()

    async def send(self) -> None:
        for number in self.numbers:
            unit = UNITS[number % len(UNITS)]
            answer = await self.stage.ask(f"{unit}.clerk", "POST", "/reporting/api/reports", self.body(unit, number))
            self.told.append((unit, answer["revision"]))
            if len(self.told) == KILLED_AFTER:
                self.enough.set()

    def body(self, unit: str, number: int) -> dict:
        """A report of which one figure moves each time, and the score with it."""
        act = next(a for a in self.stage.acts["report"] if a.unit == unit)
        values = [v | ({"value": v["value"] + Decimal(number) / 1000} if v["indicator"] == MOVING else {}) for v in act.data["values"]]
        return {"campaign": "lai-chau-2023", "unit": self.stage.hands.directory.reference(unit), "round": "ky-1", "values": values}


async def restart_broker(stage, senders: Senders) -> None:
    """Kill the broker in the middle of the load and start it again on the same folder, once reports were taken while it was away."""
    await senders.enough.wait()
    await stage.broker.stop(signal.SIGKILL)
    before = len(senders.told)
    async with asyncio.timeout(60):
        while len(senders.told) <= before + SIDE_BY_SIDE:  # so many may have been on their way
            await asyncio.sleep(DARK_SECONDS)
    await stage.broker.start()


async def test_every_accepted_report_is_scored_once_though_the_broker_is_killed_under_load(sqlite_stage):
    stage = sqlite_stage
    await stage.take_part(*UNITS)
    await stage.at(stage.scene.loaded.campaign.rounds[0].opens_at)
    senders = Senders(stage)
    await asyncio.gather(restart_broker(stage, senders), *(senders.send() for _ in range(SIDE_BY_SIDE)))
    await stage.rest()
    assert len(senders.told) == REPORTS
    await every_report_was_applied_once(stage, senders)
    await the_newest_report_of_each_unit_is_in_its_score(stage, senders)


async def every_report_was_applied_once(stage, senders: Senders) -> None:
    told = sorted([(await stage.unit_id(unit), revision) for unit, revision in senders.told])
    async with stage.service("reporting").database.read() as session:
        recorded = (await session.execute(select(outbox.c.id, outbox.c.sent).where(outbox.c.type == ACCEPTED))).all()
    async with stage.service("evaluation").database.read() as session:
        applied = (await session.scalars(select(inbox.c.id).where(inbox.c.type == ACCEPTED))).all()
        scored = [tuple(row) for row in await session.execute(select(kept.c.unit, kept.c.revision).where(kept.c.revision > 0))]
    assert all(row.sent for row in recorded)
    assert sorted(row.id for row in recorded) == sorted(applied)
    assert sorted(scored) == told
    stream = await stage.service("reporting").jetstream.stream_info("REPORTING", subjects_filter=ACCEPTED)
    assert stream.state.subjects == {ACCEPTED: REPORTS}, "the stream keeps one copy of each"


async def the_newest_report_of_each_unit_is_in_its_score(stage, senders: Senders) -> None:
    newest = {await stage.unit_id(unit): max(r for u, r in senders.told if u == unit) for unit in UNITS}
    async with stage.service("evaluation").database.read() as session:
        counted = {row.unit: row.report_revision for row in await session.execute(select(scores.c.unit, scores.c.report_revision))}
    assert counted == newest
    current = await stage.ask(SECRETARY, "GET", "/evaluation/api/rankings/current")
    assert (await rebuild(stage.scene.local.settings))["ranking_hash"] == current["ranking_hash"]
