"""What was measured, told: the table, the goals, the page with its chart."""

from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1]
CHART, PAGE = FOLDER / "throughput.svg", FOLDER / "README.md"
ON = "postgres-r1"


def rows(found: dict[str, Any]) -> list[tuple[str, dict[str, float] | None, str]]:
    """Name, figures and the setting whose figures of ours they are compared with."""
    named = [(f"ours, {s}", figures, s) for s, figures in found["ours"].items()]
    named += [(f"limit, {s}", figures, s) for s, figures in found["limit"].items()]
    return named + [(f"{peer}, {ON}", figures, ON) for peer, figures in found["peers"].items()]


def cells(found: dict[str, Any]) -> list[list[str]]:
    """The table's cells, its head first."""
    table = [["", "reports/s", "least", "most", "to ours", "CPU ms", "p50 ms", "p99 ms", "p99.9 ms", "max ms"]]
    for name, figures, setting in rows(found):
        if figures is None:
            table.append([name, f"not run: {found['not_run'][name.partition(',')[0]]}", *[""] * 8])
            continue
        ratio = figures["reports_per_s"] / found["ours"][setting]["reports_per_s"]
        rates = [f"{figures[n]:.0f}" for n in ("reports_per_s", "least", "most")]
        table.append([name, *rates, f"x{ratio:.2f}", *(f"{figures[n]:.1f}" for n in ("processor_ms", "p50_ms", "p99_ms", "p999_ms", "max_ms"))])
    return table


def goals(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Each goal with what was measured of it; a goal whose measurement was not run is left out."""
    told = []

    def goal(name: str, measured: float, limit: float, *, at_least: bool) -> None:
        met = measured >= limit if at_least else measured < limit
        told.append({"goal": name, "limit": limit, "measured": round(measured, 3), "met": met})

    for setting, figures in found["ours"].items():
        if setting != "sqlite-r1":
            goal(f"{setting}: reports/s, at least", figures["reports_per_s"], 3000, at_least=True)
        goal(f"{setting}: share of the limit, at least", figures["reports_per_s"] / found["limit"][setting]["reports_per_s"], 0.6, at_least=True)
        for name, limit in (("p50_ms", 10), ("p99_ms", 25), ("p999_ms", 100)):
            goal(f"{setting}: {name} at 100/s, under", figures[name], limit, at_least=False)
    ran = {peer: figures["reports_per_s"] for peer, figures in found["peers"].items() if figures}
    if ran and ON in found["ours"]:
        best = max(ran, key=lambda peer: ran[peer])
        goal(f"times the best peer ({best}), at least", found["ours"][ON]["reports_per_s"] / ran[best], 5, at_least=True)
    return told


def table(found: dict[str, Any]) -> str:
    """What a person reads."""
    where = found["machine"]
    lines = [f"the road of a report, {where['units']} units, {where['cores']} cores, load average before {where['busy_before']:.1f}"]
    lines += [f"{name:22}" + "".join(f"{cell:>10}" for cell in rest if cell) for name, *rest in cells(found)]
    lines += ["goals", *(f"  {g['goal']:44} {g['limit']:g}: {g['measured']:g} {'met' if g['met'] else 'MISSED'}" for g in found["goals"])]
    return "\n".join(lines)


def write(found: dict[str, Any]) -> None:
    """Write the page and its chart."""
    CHART.write_text(chart(found), encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")


def page(found: dict[str, Any]) -> str:
    """The README beside the programs; everything with a figure in it is written anew."""
    where, plans = found["machine"], found["plan"]
    head, *body = cells(found)
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in body)]
    met = [f"- {g['goal']} {g['limit']:g}: {g['measured']:g}, {'met' if g['met'] else '**missed**'}" for g in found["goals"]]
    return TEXT.format(
        table="\n".join(lines), goals="\n".join(met), date=where["date"], cores=where["cores"], busy=where["busy_before"], system=where["system"],
        units=where["units"], versions=", ".join(f"{name} {number}" for name, number in where["versions"].items()),
        ours=_sent(plans["ours"]), others=_sent(plans["others"]), rate=plans["ours"]["rate"],
    )  # fmt: skip


def _sent(plan: dict[str, int]) -> str:
    return f"{plan['rounds']} rounds of {plan['count']:,} reports, then {plan['rate']}/s for {plan['seconds']} s"


BAR, LEFT, WIDTH, RIGHT = 26, 190, 420, 90
COLOURS = {"ours": "#b3261e", "limit": "#8a8a8a"}


def chart(found: dict[str, Any]) -> str:
    """Reports per second as bars, with a line from the least to the most of the rounds."""
    ran = [(name, figures) for name, figures, _ in rows(found) if figures]
    scale = WIDTH / max(figures["most"] for _, figures in ran)
    height = BAR * len(ran) + 40
    size = f'width="{LEFT + WIDTH + RIGHT}" height="{height}"'
    bars = [line for place, (name, figures) in enumerate(ran) for line in _bar(30 + BAR * place, name, figures, scale)]
    title = '<text x="8" y="18" font-weight="bold">Reports per second, from submission to the last commit</text>'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">', title, *bars, "</svg>\n"])


def _bar(top: int, name: str, figures: dict[str, float], scale: float) -> list[str]:
    colour = COLOURS.get(name.partition(",")[0], "#35618e")
    rate, least, most = (figures[n] * scale for n in ("reports_per_s", "least", "most"))
    middle = top + BAR / 2
    return [
        f'<text x="8" y="{middle + 4}">{name}</text>',
        f'<rect x="{LEFT}" y="{top + 4}" width="{rate:.1f}" height="{BAR - 8}" fill="{colour}"/>',
        f'<line x1="{LEFT + least:.1f}" x2="{LEFT + most:.1f}" y1="{middle}" y2="{middle}" stroke="black"/>',
        f'<text x="{LEFT + most + 6:.1f}" y="{middle + 4}">{figures["reports_per_s"]:.0f}</text>',
    ]


TEXT = """\
# What a report costs on its way

Written by `python -m tests.bench road --write`; the figures are those of one run.

{table}

![Reports per second](throughput.svg)

Goals:

{goals}

Measured on {date}, {cores} cores with everything on them (database, broker, producer, consumers), load average before the start
{busy:.1f}; {system}. Speeds of such a machine drift between runs: compare the rows of one table, not tables;
and where the load average is above the number of cores, other work took its share of every row, and only *CPU ms* compares well.
Versions: {versions}; peers' in [peers/](peers/).

## Where the time goes

Sampled by py-spy, and by the processor's clock around each step (25 November 2026). A report in a rush costs 1.7 ms of processor, broker and
database not counted: reporting 0.6, evaluation 0.85, notification 0.2. In evaluation 0.25 ms are reading what is known of the unit (some
thirty rows of figures and targets turned into numbers), 0.27 scoring and watching on exact rationals, 0.09 writing and telling what changed, and
the rest the fabric: reading messages, inbox rows, acknowledging, the relay. The limit does none of the rules and costs 0.3; a peer's 0.7 to 1.4
are spent on the same few rows, message by message.

Alone, at 100/s, a report has nobody to share with: 17 statements in reporting, some 20 in evaluation and 8 in notification, in five transactions.
On SQLite they are 40 µs each, nearly all of it SQLAlchemy's; on PostgreSQL 0.3 to 0.8 ms with the way there and back on two cores that
server, broker and five processes share: the 40 ms are waiting in line. Three thousand a second would be 0.6 ms of two cores for everything:
out of reach for the rules in Python, which is why they are carried by replicas ([national/](national/) tells the straight line).

Before (24 November): 341, 274 and 162 reports/s at 4.6, 5.1 and 6.8 ms. What made the difference, in order: events of a window in one atomic
batch ([decision 0020](../../shared/decisions/0020-a-window-is-one-atomic-batch.md)), notification by batch (303 statements of a hundred reports
became 5), only the newest revision read, rationals and JSON compiled, one text for a statement with many values, no question to a database
connection in use whether it lives, and garbage collection told what start-up made.

The intake of one service over HTTP: [intake/](intake/). A country: [national/](national/). Partners' doors: [doors/](doors/). What a report takes on the disk: [sizing.py](sizing.py). What watching takes of memory: [watching.py](watching.py); the nightly backup and the proxy: [memory.md](memory.md).

## What is measured

Ours: {ours}. The others: {others}. {units} units send the reports, round by round and then corrections, made by the real loader from the
campaign of 2023 with more enterprises. Sixty-four reports are in flight at a time. At the end the rows of every
step and the sum of all figures are compared with what was sent; a report that is lost or counted twice ends the run with an error.

- *Reports/s*: reports of a round by the time from the first submission to the last commit at the end of the road; the median of the rounds.
- *CPU ms*: processor time of the contestant's own processes per report, database and broker not counted; the median of the rounds.
- *Latency*: at {rate}/s, each at its own time, from the moment of submission to the commit at the end of the road. The rates that a
  contestant cannot carry show as a queue.
- *The end of the road*, ours: both evaluation (inbox, score, warnings, own events) and notification (inbox, what is known of the report,
  letters) have committed. The others': the letter is committed, after score and total.
- *Ours*: reporting, evaluation and notification as `thidua run` runs them, a process each, traces sampled at 5 % and not exported. Reports are
  handed to the intake inside reporting's process, as pages and programs do, with all its rules, versions, audit trail and comparison with partners.
- *Limit*: producer, scorer and writer by nats-py and asyncpg or sqlite3 alone, outbox and inbox in batches of 200, with none of the rules.
- *Peers*: the limit's tables and steps as another team would write them, per message, without an outbox: what is committed and not yet published
  when the producer dies, they lose. FastStream with ten workers on pull consumers; Dramatiq with eight threads a process on quorum queues of
  RabbitMQ with confirms; Node with ten messages in flight.
- *Durability* is the same for all: SQLite WAL with synchronous FULL, PostgreSQL with its defaults (fsync, synchronous_commit), JetStream with
  `sync_interval: always` and one copy (r1) or three on three nodes (r3).
"""
