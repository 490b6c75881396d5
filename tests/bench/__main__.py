"""Measures. `python -m tests.bench [embedded|road|intake] [--json] [--write] [--settings …] [--peers …] [--databases …]`.

`embedded`: all four services in one process: start-up, memory, submit-to-score latency. `road`: reports through three services, side by
side with drivers alone and with peers; the figures go to bench.json and, with --write, to the README beside this file. `intake`: one
service under 64 clerks' programs, readers beside them, and a flood. Without a name the first two. `QUICK=1` takes about three minutes.
"""

import argparse
import json
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

import uvloop

from shared.testing.databases import KINDS
from tests.bench.embedded import measurement as embedded
from tests.bench.intake import measurement as intake
from tests.bench.road import account, measurement
from tests.bench.road.contest import Broken

FILE = Path(__file__).parents[2] / "bench.json"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=("embedded", "road", "intake"), help="measure this part only")
    parser.add_argument("--json", action="store_true", help="print one JSON object per part instead of tables")
    parser.add_argument("--write", action="store_true", help="write the README and its chart")
    parser.add_argument("--settings", nargs="*", choices=measurement.SETTINGS, help="only these settings")
    parser.add_argument("--peers", nargs="*", choices=measurement.peers.PEERS, help="only these peers")
    parser.add_argument("--databases", nargs="*", choices=KINDS, default=KINDS, help="the intake on these databases only")
    return parser.parse_args()


def road(given: argparse.Namespace) -> int:
    """Measure, keep and tell. A missed goal is told; a report that was lost or came twice is an error."""
    wanted = measurement.QUICK if os.environ.get("QUICK") else measurement.FULL
    wanted = replace(wanted, **{n: tuple(v) for n in ("settings", "peers") if (v := getattr(given, n)) is not None})
    try:
        found = uvloop.run(measurement.measure(wanted))
    except (measurement.Lost, Broken) as error:
        measurement.say(str(error))
        return 1
    found["goals"] = account.goals(found)
    FILE.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if given.write:
        account.write(found)
    print(json.dumps(found) if given.json else account.table(found))
    return 0


def main() -> int:
    given = arguments()
    logging.basicConfig(level="WARNING", stream=sys.stderr)
    quick = bool(os.environ.get("QUICK"))
    parts = {
        "embedded": lambda: embedded.main(as_json=given.json),
        "road": lambda: road(given),
        "intake": lambda: intake.main(given.databases, quick=quick, as_json=given.json),
    }
    return max([parts[name]() for name in ([given.part] if given.part else ("embedded", "road"))])


if __name__ == "__main__":
    sys.exit(main())
