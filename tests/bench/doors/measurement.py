"""The load through one door, and the account of every event of it; then how long others wait while one partner floods."""

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any

from sqlalchemy import select

from services.reporting.models import inbound
from tests.bench.doors.load import Load, Sent, figure, names
from tests.bench.doors.stage import QUOTA, Stage, stage
from tests.bench.doors.ways import hang_up, over_nats, send
from tests.bench.embedded.measurement import spread

PROBE, FLOOD = "probe", "flood"
FLOOD_QUOTA = 600
TIMES_SLOWER = 1.5


async def load_of(kind: str, door: str, load: Load) -> dict[str, Any]:
    """Send for as long as wanted, wait until all is decided, and compare what became of each event with what had to."""
    clients = names(load.partners)
    async with stage(kind, dict.fromkeys(clients, QUOTA)) as here:
        started, cpu = time.perf_counter(), here.service.cpu_seconds()
        sent = [one for of in await asyncio.gather(*(send(here, door, client, load) for client in clients)) for one in of]
        took = time.perf_counter() - started
        behind = await here.settled(clients)
        cpu = here.service.cpu_seconds() - cpu
        wanted, found = Counter(sent), await here.account(clients)
        await hang_up()
    return {
        "sent": len(sent), "sent_per_second": len(sent) / took, "decided_per_second": len(sent) / (took + behind), "seconds_behind": behind,
        "processor_ms_per_event": cpu * 1000 / len(sent), "wanted": _by_fate(wanted), "found": _by_fate(found),
        "lost": max(0, len(sent) - found.total()), "misjudged": (wanted - found).total() + (found - wanted).total(),
    }  # fmt: skip


def _by_fate(counted: Counter[Sent]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one, number in counted.items():
        found[one.fate] += number
    return dict(sorted(found.items()))


async def isolation_of(kind: str, flood: float, seconds: float) -> dict[str, Any]:
    """A calm time with probes, and the same with one partner flooding far beyond its quota; half-way a new minute begins for it."""
    async with stage(kind, {PROBE: QUOTA, FLOOD: FLOOD_QUOTA}) as here:
        await _probe(here, 3, "warm")
        calm = spread(await _probe(here, seconds, "calm"))
        flooding, turning = asyncio.create_task(_flood(here, flood, seconds)), asyncio.create_task(_turn(here, seconds / 2))
        pressed = spread(await _probe(here, seconds, "pressed"))
        await turning
        account = await _account_of_flood(here, await flooding)
    ratio = {name: pressed[name] / calm[name] for name in ("p50", "p99")}
    return {"calm_ms": calm, "pressed_ms": pressed, "times_slower": ratio, "goal": TIMES_SLOWER, "flood": account}


async def _flood(here: Stage, rate: float, seconds: float) -> int:
    """A process of its own, so that the probe's clock does not wait for it."""
    command = (sys.executable, "-m", "tests.bench.doors.flood", here.url, FLOOD, str(rate), str(seconds))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    return int(said)


async def _turn(here: Stage, after: float) -> None:
    """A new minute, so long after events of the flood began to wait; its process needs its time to start."""
    async with asyncio.timeout(60):
        while not sum((await here.waiting([FLOOD])).values()):
            await asyncio.sleep(0.05)
    await asyncio.sleep(after)
    await here.minute(1)


async def _account_of_flood(here: Stage, sent: int) -> dict[str, Any]:
    """Two minutes' quota was decided, what came first and in its order; the rest is in the stream."""
    async with asyncio.timeout(30):
        while (parked := sum((await here.waiting([FLOOD])).values())) > max(0, sent - 2 * FLOOD_QUOTA):
            await asyncio.sleep(0.1)
    query = select(inbound.c.receipt, inbound.c.repeats).where(inbound.c.client == FLOOD).order_by(inbound.c.id)
    async with here.database.read() as session:
        rows = (await session.execute(query)).all()
    places = [int(row.receipt.rpartition(":")[2]) for row in rows]
    decided = sum(1 + row.repeats for row in rows)
    return {"sent": sent, "decided": decided, "parked": parked, "lost": sent - decided - parked, "in_order": places == sorted(places)}


async def _probe(here: Stage, seconds: float, prefix: str) -> list[float]:
    """Milliseconds from a partner's publication until its event is decided and can be read, ten times a second at most."""
    waited, until, number = [], time.perf_counter() + seconds, 0
    while (started := time.perf_counter()) < until:
        number += 1
        id = f"{prefix}-{number}"
        await over_nats(here, [(Sent(PROBE, id, "accepted"), figure(number))])
        while not await _decided(here, id):
            await asyncio.sleep(0.002)
        waited.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(max(0.0, started + 0.1 - time.perf_counter()))
    return waited


async def _decided(here: Stage, id: str) -> bool:
    async with here.database.read() as session:
        return await session.scalar(select(inbound.c.state).where(inbound.c.client == PROBE, inbound.c.event == id)) is not None


def faults(found: dict[str, Any]) -> list[str]:
    """What is wrong with a measurement: an event lost, misjudged, or out of its order. A missed goal is none."""
    wrong = [f"{door}: {one['lost']} lost, {one['misjudged']} misjudged" for door, one in found["doors"].items() if one["lost"] or one["misjudged"]]
    flood = found.get("isolation", {}).get("flood", {"lost": 0, "in_order": True})
    return wrong + ([f"flood: {json.dumps(flood)}"] if flood["lost"] or not flood["in_order"] else [])
