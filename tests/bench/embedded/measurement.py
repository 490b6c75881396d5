"""Measures the embedded mode: start-up, memory, and submit-to-score latency at 50 reports a second. `python -m tests.bench embedded [--json]`.

Submit-to-score runs from just before the POST is sent, in another process, to the return of the commit in which evaluation applied the
report's event: score, warnings and inbox row are in that one transaction. Both instants are the wall's, of one machine.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from tests.bench.embedded import town
from tests.bench.embedded.crowd import Sent, crowd

PER_SECOND = 50
SECONDS = 5 if os.environ.get("QUICK") else 20
GOALS = {"ready, campaign loaded, s": 5.0, "resident after load, MiB": 300.0, "submit to score p99, ms": 150.0}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def measure(data: Path) -> dict[str, Any]:
    """Everything that is printed."""
    busy = os.getloadavg()[0]
    say("starting on an empty folder …")
    empty = await town.start(data)
    await empty.stop()
    say("loading the campaign …")
    loading = await town.load(data)
    running = await town.start(data)
    start = {"empty_folder": empty.seconds_to_ready, "load_campaign": loading, "campaign_loaded": running.seconds_to_ready}
    memory = {"after_start": running.memory()}
    try:
        async with crowd(running) as people:
            say(f"ready in {running.seconds_to_ready:.2f} s; {len(people.loaded.units)} units known, those who take part register …")
            await people.take_part()
            say(f"sending {PER_SECOND} reports/s for {SECONDS} s …")
            cpu = running.cpu_seconds()
            sent = await people.send(people.reports(PER_SECOND * SECONDS), PER_SECOND)
            cpu = running.cpu_seconds() - cpu
            events = await people.events()
        memory["after_load"] = running.memory()
    finally:
        commits = await running.stop()
    machine = {"processors": os.cpu_count(), "busy_before": busy}
    return {"machine": machine, "start_seconds": start, "memory_mib": memory, "load": of_load(sent, events, commits) | {"cpu_seconds": cpu}}


def of_load(sent: list[Sent], events: dict[tuple[str, int], str], commits: dict[str, int]) -> dict[str, Any]:
    accepted = [one for one in sent if one.became]
    scored = [(commits[events[one.became]] - one.at) / 1e6 for one in accepted if events[one.became] in commits]
    seconds = (max(one.at for one in sent) - min(one.at for one in sent)) / 1e9
    return {
        "sent": len(sent), "accepted": len(accepted), "scored": len(scored), "per_second": (len(sent) - 1) / seconds,
        "submit_to_score_ms": spread(scored), "answer_ms": spread([(one.answered - one.at) / 1e6 for one in sent]),
    }  # fmt: skip


def spread(values: list[float]) -> dict[str, float]:
    """The values' percentiles, each a value that was measured."""
    ordered = sorted(values) or [float("nan")]
    at = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    return {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in at.items()}


def goals(found: dict[str, Any]) -> list[dict[str, Any]]:
    measured = {
        "ready, campaign loaded, s": found["start_seconds"]["campaign_loaded"],
        "resident after load, MiB": found["memory_mib"]["after_load"]["both"],
        "submit to score p99, ms": found["load"]["submit_to_score_ms"]["p99"],
    }
    return [{"goal": name, "under": limit, "measured": measured[name], "met": measured[name] < limit} for name, limit in GOALS.items()]


def table(found: dict[str, Any]) -> str:
    start, memory, load = found["start_seconds"], found["memory_mib"], found["load"]
    lines = [
        f"machine: {found['machine']['processors']} processors, {found['machine']['busy_before']:.1f} of them busy with other work before",
        "start until all four services are ready",
        f"  on an empty folder          {start['empty_folder']:8.2f} s",
        f"  (loading the campaign)      {start['load_campaign']:8.2f} s",
        f"  with the campaign loaded    {start['campaign_loaded']:8.2f} s",
        "resident memory, MiB          services   broker     both",
        *(f"  {n.replace('_', ' '):26}  {m['services']:8.1f} {m['broker']:8.1f} {m['both']:8.1f}" for n, m in memory.items()),
        f"load: {load['sent']} reports at {load['per_second']:.1f}/s; {load['accepted']} accepted, {load['scored']} scored",
        f"  processor time              {load['cpu_seconds']:8.2f} s",
        "latency, ms                        p50      p99    p99.9      max",
        *(
            f"  {n.removesuffix('_ms').replace('_', ' '):26}" + "".join(f"{load[n][p]:9.1f}" for p in ("p50", "p99", "p99.9", "max"))
            for n in ("submit_to_score_ms", "answer_ms")
        ),
        "goals",
        *(f"  {g['goal']:26}  under {g['under']:g}: {g['measured']:.2f} {'met' if g['met'] else 'MISSED'}" for g in found["goals"]),
    ]
    return "\n".join(lines)


def main(*, as_json: bool = False) -> int:
    """0 unless something failed: a missed goal is told, not failed."""
    data = Path(tempfile.mkdtemp(prefix="thidua-bench-"))
    try:
        found = uvloop.run(measure(data))
    finally:
        shutil.rmtree(data, ignore_errors=True)
    found["goals"] = goals(found)
    print(json.dumps(found) if as_json else table(found))
    lost = found["load"]["sent"] - found["load"]["scored"]
    if lost:
        say(f"{lost} reports were not accepted or not scored")
    return 1 if lost else 0
