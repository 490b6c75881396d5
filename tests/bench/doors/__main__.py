"""Measures the partners' doors. `python -m tests.bench.doors [--databases …] [--doors …] [--write]`; twelve minutes, `QUICK=1` two.

Reporting is a process of its own on a real broker and database. Twenty partners send at their share of the rate, over NATS and over HTTP, and
wait for each acknowledgement. Ends with an error when an event is lost, judged wrongly or decided out of its order.
"""

import argparse
import json
import os
import sys
from typing import Any

import uvloop

from shared.testing.databases import KINDS
from tests.bench.doors import account, measurement
from tests.bench.doors.load import Load
from tests.bench.doors.ways import WAYS

QUICK = bool(os.environ.get("QUICK"))


def main() -> int:
    """0 when every event was accounted for, as what it had to become."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.doors", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("rate", 1000.0), ("single-rate", 250.0), ("seconds", 5.0 if QUICK else 60.0), ("bad", 0.05), ("flood", 1000.0)):
        parser.add_argument(f"--{name}", type=float, default=default)
    parser.add_argument("--partners", type=int, default=20)
    parser.add_argument("--databases", choices=KINDS, nargs="*", default=KINDS)
    parser.add_argument("--doors", choices=(*WAYS, "isolation"), nargs="*", default=(*WAYS, "isolation"))
    parser.add_argument("--write", action="store_true", help="write the README beside this file")
    given = parser.parse_args()
    found = {kind: uvloop.run(measure(kind, given)) for kind in given.databases}
    print(json.dumps(found, indent=2))
    print(account.table(found))
    if given.write:
        account.write(found, given.seconds)
    wrong = [f"{kind}: {fault}" for kind, one in found.items() for fault in measurement.faults(one)]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


async def measure(kind: str, given: argparse.Namespace) -> dict[str, Any]:
    """All doors on one database."""
    rates = {"http": given.single_rate}
    found: dict[str, Any] = {"doors": {}}
    for door in (door for door in given.doors if door in WAYS):
        load = Load(rates.get(door, given.rate), given.partners, given.seconds, given.bad)
        found["doors"][door] = await measurement.load_of(kind, door, load)
    if "isolation" in given.doors:
        found["isolation"] = await measurement.isolation_of(kind, given.flood, given.seconds)
    return found


if __name__ == "__main__":
    sys.exit(main())
