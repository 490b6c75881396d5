"""What a report takes on the disk. `python -m tests.bench.sizing [--reports 3000] [--json]`: the three services on the road of a report, on each
database; bytes per report in each service's tables with their indexes, and in the streams, once vacuumed, checkpointed and at rest.
"""

import argparse
import contextlib
import json
import logging
import sqlite3
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg
import nats
import uvloop
from nats.js import JetStreamContext

from services.reporting import examples
from shared import settings as configuration
from shared import streams
from shared.delivery import STRUCTURED
from shared.events.reporting import IndicatorObserved
from shared.testing.databases import KINDS
from tests.bench.road import ours, scene, servers
from tests.bench.road.contest import Setting, Stage, Watch
from tests.bench.road.measurement import Lost, _open_to_all, machine, say

WARM_UP = 300
CLIENT = "kho-bac"
OBSERVED = 500
FABRIC = ("outbox", "inbox", "audit")
"""Tables that every service has and that are never pruned: what was said, what was heard, who did what."""
POSTGRES_TABLES = """
    SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = $1
"""
SQLITE_TABLES = "SELECT m.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_master m ON m.name = d.name GROUP BY m.tbl_name"


async def measure(reports: int) -> dict[str, Any]:
    """Bytes per report by place, on each database. Raises `Lost` when a report did not arrive."""
    found: dict[str, Any] = {"machine": machine(), "reports": reports}
    with tempfile.TemporaryDirectory(prefix="thidua-sizing-") as name:
        folder = _open_to_all(Path(name))
        say("preparing the campaign: every unit registers and is approved …")
        played = await scene.prepare(folder / "scene")
        found |= {"units": played.units, "figures": sum(len(report["values"]) for report in played.reports) / len(played.reports)}
        for kind in KINDS:
            say(f"{kind}: {reports} reports …")
            found[kind] = await _on(kind, played, reports, _open_to_all(Path(tempfile.mkdtemp(dir=folder))))
    return found


async def _on(kind: str, played: scene.Scene, reports: int, folder: Path) -> dict[str, float]:
    played.write(folder / "reports.jsonl", WARM_UP + reports)
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(servers.broker(folder, 1))
        database = await stack.enter_async_context(servers.database(kind))
        connection = await nats.connect(broker)
        stack.push_async_callback(connection.close)
        async with ours.ours(played)(Stage(Setting(kind, kind, 1), folder, folder / "reports.jsonl", broker, database)) as road:
            watch = Watch(road)
            await watch.send(WARM_UP, 0)
            before = await _taken(folder, broker, database)
            arrived = len(await watch.send(reports, 0))
            taken = await _taken(folder, broker, database) - before
        if arrived != reports:
            raise Lost(f"{kind}: {reports - arrived} reports never arrived")
        told = {place: taken[place] / reports for place in sorted(taken)}
        return told | {"a partner's event": await _event_of_partner(connection.jetstream())}


async def _taken(folder: Path, broker: str, database: str) -> Counter[str]:
    """Bytes at rest: each service's own tables and those of the fabric, and each service's stream."""
    settings = configuration.load({}, data=folder, nats_url=broker, database_url=database, clock="simulated")
    found: Counter[str] = Counter()
    for service in ours.ON_THE_ROAD:
        for table, size in (await _tables(settings.database_of(service), service)).items():
            found[f"{service}, {table if table in FABRIC else 'its own'}"] += size
    connection = await nats.connect(broker)
    await ours._rest(connection.jetstream(), {})
    for service in ours.ON_THE_ROAD:
        state = (await connection.jetstream().stream_info(service.upper())).state
        found[f"stream {service.upper()}"] += state.bytes
        found[f"number of events {service.upper()}"] += state.messages
    await connection.close()
    return found


async def _tables(address: str, schema: str) -> dict[str, int]:
    """Bytes of each table with its indexes; PostgreSQL has vacuumed before, so that what was let go is used again."""
    if address.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(address.partition("///")[2])) as connection:
            return dict(connection.execute(SQLITE_TABLES).fetchall())
    server = await asyncpg.connect(address.replace("+asyncpg", "", 1))
    try:
        await server.execute("VACUUM (ANALYZE)")
        return {row["relname"]: row["pg_total_relation_size"] for row in await server.fetch(POSTGRES_TABLES, schema)}
    finally:
        await server.close()


async def _event_of_partner(jetstream: JetStreamContext) -> float:
    """Bytes of an observation in a partner's stream; such a stream lets go of what is older than 30 days."""
    [config] = [one for one in streams.stream_configs([CLIENT], 1) if one.name == streams.stream_of_client(CLIENT)]
    await streams.provision(jetstream, [config], [])
    event = examples.event(IndicatorObserved.TYPE, CLIENT, "lai-chau-2023")
    for number in range(OBSERVED):
        body = json.dumps(event | {"id": f"{event['id']}-{number}"}).encode()
        await jetstream.publish(f"inbound.{CLIENT}.indicator.observed.v1", body, headers={"content-type": STRUCTURED})
    state = (await jetstream.stream_info(str(config.name))).state
    return state.bytes / state.messages


def table(found: dict[str, Any]) -> str:
    """What a person reads."""
    lines = [
        f"{found['reports']} reports of {found['units']} units, {found['figures']:.1f} figures each, {found['machine']['date']}; bytes per report",
        f"{'':32}{'SQLite':>12}{'PostgreSQL':>12}",
    ]
    lines += [f"{place:32}{found['sqlite'][place]:>12.1f}{found['postgres'][place]:>12.1f}" for place in found["sqlite"]]
    sums = [(f"tables of {service}", f"{service}, ") for service in ours.ON_THE_ROAD] + [("all tables", ", "), ("all streams", "stream ")]
    for what, part in sums:
        lines.append(f"{what:32}" + "".join(f"{sum(size for place, size in found[kind].items() if part in place):>12.0f}" for kind in ("sqlite", "postgres")))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sizing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=3000)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    given = parser.parse_args()
    logging.basicConfig(level="WARNING", stream=sys.stderr)
    found = uvloop.run(measure(given.reports))
    print(json.dumps(found) if given.json else table(found))


if __name__ == "__main__":
    main()
