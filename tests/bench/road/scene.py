"""What every contestant is given: a campaign of some hundred units, put in force by the real loader, and the reports they send.

The campaign of 2023 is copied, enterprises are added, and every unit registers and is approved through registration's own API. What
registration then said is kept as events, so that each setting under test hears the same.
"""

import asyncio
import csv
import itertools
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import select

from services import local
from services.registration import campaigns, keys, loading, sessions
from services.simulation import ranges, story
from services.simulation.deeds import Hands
from services.simulation.demo import CAMPAIGN
from services.simulation.doors import Desk, Directory, _plain
from services.simulation.story import Act
from shared import outbox, security
from shared import settings as configuration
from shared.service import Service

MORE_ENTERPRISES = 110
CLUSTER = "khoi-doanh-nghiep-san-xuat"
SIDE_BY_SIDE = 8


@dataclass(frozen=True)
class Scene:
    """Registration's events (headers and body, in order), the instants that open the rounds, and the reports, each once."""

    events: list[tuple[dict[str, str], bytes]]
    ticks: list[datetime]
    reports: list[dict[str, Any]]

    @property
    def units(self) -> int:
        """How many units report."""
        return len({report["unit"]["value"] for report in self.reports})

    def write(self, path: Path, count: int) -> None:
        """`count` reports, one JSON object a line: every unit's of every round, round by round, and then corrections of them."""
        with path.open("w", encoding="utf-8") as file:
            for number, report in enumerate(itertools.islice(itertools.cycle(self.reports), count)):
                file.write(json.dumps({"id": f"r{number}", **report}, default=_plain, ensure_ascii=False) + "\n")


def thousandths(report: dict[str, Any]) -> int:
    """The sum of a report's figures as a whole number of thousandths, which every contestant can add without rounding."""
    return sum(round(Decimal(str(value["value"])) * 1000) for value in report["values"] if value["value"] is not None)


async def prepare(folder: Path) -> Scene:
    """Make the campaign in `folder`, put it in force and let everybody take part."""
    loaded = loading.read(_larger(folder / "campaign"))
    acts = story.tell(loaded, ranges.read(CAMPAIGN / "story.yaml"), 1)
    now = story.local(loaded.campaign.starts, 9)
    settings = configuration.load({}, data=folder, nats_url="nats://127.0.0.1:1", clock="simulated")
    await local.migrate_all(settings, ["registration"])
    app = local.app_of("registration", settings)
    service: Service = app.state.service
    service.clock.tick = now
    try:
        async with service.database.write() as session:
            await campaigns.save(session, loaded, now)
            await keys.publish(session, service.extras["signing_key"], security.wall_now(), now)
        identifiers = {row.key: (row.identifiers[0].scheme, row.identifiers[0].value) for row in loaded.units}
        hands = Hands(_desk(app, service), Directory(identifiers), {}, loaded.campaign.code)
        for kind in ("register", "approve"):
            await _together(hands, list({act.unit: act for act in reversed(acts) if act.kind == kind}.values()))
        await hands.desk.close()
        async with service.database.read() as session:
            rows = (await session.execute(select(outbox.outbox).order_by(outbox.outbox.c.position))).all()
    finally:
        await service.database.close()
    ticks = [now, *(round_.opens_at + timedelta(hours=hours) for round_ in loaded.campaign.rounds for hours in (1, 2))]
    return Scene([(outbox.headers_of(row, "registration"), row.body.encode()) for row in rows], ticks, list(_reports(hands, acts)))


def _larger(folder: Path) -> Path:
    """A copy of the campaign with more enterprises."""
    shutil.copytree(CAMPAIGN, folder)
    with (folder / "units.csv").open("a", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        for number in range(1, MORE_ENTERPRISES + 1):
            name = f"Doanh nghiệp mẫu để đo {number:03}"
            code = f"mst:9{number:09}"
            table.writerow((f"dn-do-{number:03}", code, name, "enterprise", "", CLUSTER, 1000 + number, "2023-01-01", "", "unit", ""))
    return folder


def _desk(app: FastAPI, service: Service) -> Desk:
    async def open_session(login: str) -> security.Officer:
        async with service.database.read() as session:
            return await sessions.open_session(session, login)

    return Desk(app, service.extras["signing_key"], open_session)


async def _together(hands: Hands, acts: list[Act]) -> None:
    gate = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(act: Act) -> None:
        async with gate:
            await hands.do(act)

    await asyncio.gather(*map(one, acts))


def _reports(hands: Hands, acts: list[Act]) -> Iterator[dict[str, Any]]:
    newest = {(act.data["round"], act.unit): act for act in acts if act.kind == "report"}
    for key in sorted(newest):
        values = [value | {"note": value.get("note") or "Số liệu mẫu để đo"} for value in newest[key].data["values"]]
        yield hands.subject(newest[key]) | {"round": newest[key].data["round"], "values": values}
