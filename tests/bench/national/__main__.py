"""The country's last hour. `UNITS=50000 python -m tests.bench.national [--write]`; DATABASE=sqlite and REPLICAS=2 choose the setting.

The figures go to bench-national.json and, with --write, to the README beside this file with its chart.
"""

import argparse
import json
import logging
import os
import sys
from pathlib import Path

import uvloop

from tests.bench.national import account, measurement
from tests.bench.road.contest import Broken
from tests.bench.road.measurement import say

FILE = Path(__file__).parents[3] / "bench-national.json"
UNITS = 1_000_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.national", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the README and its chart")
    given = parser.parse_args()
    logging.basicConfig(level="WARNING", stream=sys.stderr)
    units, replicas = int(os.environ.get("UNITS", UNITS)), int(os.environ.get("REPLICAS", "1"))
    kind = os.environ.get("DATABASE", "postgres")
    say(f"a country of {units:,} enterprises on {kind}, {replicas} of each service: putting it in force ...")
    try:
        found = uvloop.run(measurement.measure(units, kind, replicas))
    except Broken as error:
        say(str(error))
        return 1
    found |= account.conclusions(found)
    FILE.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if given.write:
        account.write(found)
    print(account.table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
