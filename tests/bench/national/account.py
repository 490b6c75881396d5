"""What the country's last hour cost, told: the table, what follows from it, the page with its chart."""

from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
CHART, PAGE = FOLDER / "cost.svg", FOLDER / "README.md"
GOAL_SECONDS = 600
COUNTRY = 1_000_000
FLAT_COST, FLAT_MIB, RANK_SECONDS = 1.15, 100, 2.0


def processor_ms(part: dict[str, Any], *, servers: bool) -> float:
    """Processor time per report of the services' own processes, and of broker and database with `servers`."""
    chosen = [s for name, s in part["processor"].items() if servers or ("-" in name and not name.startswith("nats"))]
    return sum(chosen) * 1000 / part["reports"]


def conclusions(found: dict[str, Any]) -> dict[str, Any]:
    """Figures that follow from what was measured, and each goal with whether it was met."""
    parts = found["parts"]
    first, last = (processor_ms(part, servers=True) for part in (parts[0], parts[-1]))
    growth = {
        name: parts[-1]["memory"][name] - parts[0]["memory"][name] for name in parts[0]["memory"] if name != "postgres"
    }
    rate = sum(part["reports"] for part in parts) / sum(part["seconds"] for part in parts)
    whole = sum(processor_ms(part, servers=True) for part in parts) / len(parts)
    oldest = max([*found["rank_age_s"], *found["curve"]["rank_age_s"]], default=0.0)
    return {
        "reports_per_s": rate,
        "first_ms": first,
        "last_ms": last,
        "growth_mib": growth,
        "cores_for_the_goal": whole * COUNTRY / 1000 / GOAL_SECONDS,
        "cores_for_the_hour": whole * COUNTRY / 1000 / 3600,
        "goals": [
            {
                "goal": "cost of a report in the last tenth, times the first, at most",
                "limit": FLAT_COST,
                "measured": last / first,
            },
            {
                "goal": "memory of a process in the last tenth, MiB above the first, at most",
                "limit": FLAT_MIB,
                "measured": max(growth.values()),
            },
            {
                "goal": "oldest rank answered, seconds after its report was accepted, at most",
                "limit": RANK_SECONDS,
                "measured": oldest,
            },
            {"goal": f"seconds for {COUNTRY:,} reports, at most", "limit": GOAL_SECONDS, "measured": COUNTRY / rate},
        ],
    }


def at(values: list[float], share: float) -> float:
    """A percentile that is a measured value; 0 of nothing."""
    ordered = sorted(values) or [0.0]
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def lines(found: dict[str, Any]) -> list[str]:
    """What a person reads, line by line."""
    ages, pages = found["rank_age_s"], found["page_s"]
    told = [
        f"{found['enterprises']:,} enterprises report once; {found['database']}, {found['replicas']} of each service, {found['machine']['cores']} cores",
        f"put in force in {found['loaded_s']:.0f} s",
        f"{found['reports_per_s']:.0f} reports/s; processor ms per report with broker and database: first tenth {found['first_ms']:.2f}, last {found['last_ms']:.2f}",
        f"age of a rank when answered: p50 {at(ages, 0.5):.2f} s, p99 {at(ages, 0.99):.2f} s, oldest {max(ages, default=0):.2f} s ({len(ages)} asked)",
        f"the league's pages meanwhile: p50 {at(pages, 0.5):.2f} s, slowest {max(pages, default=0):.2f} s ({len(pages)} asked)",
        _of_curve(found["curve"]),
        _of_letters(found["letters"]),
        f"a million in ten minutes needs {found['cores_for_the_goal']:.1f} cores like these, in an hour {found['cores_for_the_hour']:.1f}",
    ]
    return told + [
        f"{g['goal']} {g['limit']:g}: {g['measured']:.2f} {'met' if g['measured'] <= g['limit'] else 'MISSED'}"
        for g in found["goals"]
    ]


def _of_curve(curve: dict[str, Any]) -> str:
    waits, ages, pages = curve["wait_s"], curve["rank_age_s"], curve["page_s"]
    return (
        f"the last hour's curve in {curve['seconds']:.0f} s ({curve['reports']:,} reports, {curve['peak_per_s']:.0f}/s at its end, three times the mean): "
        f"accepted after p50 {at(waits, 0.5):.2f} s, p99 {at(waits, 0.99):.2f} s, longest {max(waits, default=0):.2f} s; "
        f"age of a rank p50 {at(ages, 0.5):.2f} s, oldest {max(ages, default=0):.2f} s ({len(ages)} asked); slowest page {max(pages, default=0):.2f} s; "
        f"all through {curve['through_after_s']:.1f} s after the last"
    )


def _of_letters(letters: dict[str, int]) -> str:
    return (
        f"there were {letters['to_tell']:,} things about their enterprises to tell the provinces' heads: {letters['brought_by']:,} letters "
        f"brought them, {letters['most']:,} to the head who got most"
    )


def table(found: dict[str, Any]) -> str:
    """What a person reads, with the tenths."""
    return "\n".join([*lines(found), *(" ".join(f"{cell:>14}" for cell in row) for row in cells(found))])


def cells(found: dict[str, Any]) -> list[list[str]]:
    """A row for each tenth: its rate, and by process the processor ms per report and MiB."""
    names = list(found["parts"][0]["memory"])
    rows = [["tenth", "reports/s", "ms a report", *names]]
    for number, part in enumerate(found["parts"], 1):
        figures = [f"{part['processor'][n] * 1000 / part['reports']:.2f} ms {part['memory'][n]:.0f} M" for n in names]
        rows.append(
            [
                str(number),
                f"{part['reports'] / part['seconds']:.0f}",
                f"{processor_ms(part, servers=True):.2f}",
                *figures,
            ]
        )
    return rows


def write(found: dict[str, Any]) -> None:
    """Write the page and its chart."""
    CHART.write_text(chart(found), encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")


def page(found: dict[str, Any]) -> str:
    """The README; everything with a figure in it is written anew."""
    head, *body = cells(found)
    grid = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in body)]
    where = found["machine"]
    return TEXT.format(
        lines="\n".join(f"- {line}" for line in lines(found)),
        grid="\n".join(grid),
        date=where["date"],
        busy=where["busy_before"],
        system=where["system"],
    )


LEFT, WIDTH, TOP, HEIGHT = 60, 560, 40, 200


def chart(found: dict[str, Any]) -> str:
    """Processor time per report, tenth by tenth, from zero: flat is what it should be."""
    costs = [processor_ms(part, servers=True) for part in found["parts"]]
    most, step = max(costs) * 1.2, WIDTH / len(costs)
    points = [(LEFT + step * (n + 0.5), TOP + HEIGHT * (1 - cost / most)) for n, cost in enumerate(costs)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    named = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#b3261e"/><text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle">{cost:.2f}</text>'
        for (x, y), cost in zip(points, costs, strict=True)
    ]
    below = [
        f'<text x="{x:.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{n}</text>'
        for n, (x, _) in enumerate(points, 1)
    ]
    title = f'<text x="8" y="18" font-weight="bold">Processor ms per report, by tenths of {found["enterprises"]:,} reports</text>'
    axes = f'<path d="M{LEFT},{TOP} V{TOP + HEIGHT} H{LEFT + WIDTH}" fill="none" stroke="#555"/><text x="{LEFT - 8}" y="{TOP + HEIGHT}" text-anchor="end">0</text>'
    size = f'width="{LEFT + WIDTH + 20}" height="{TOP + HEIGHT + 30}"'
    body = [title, axes, f'<polyline points="{line}" fill="none" stroke="#b3261e" stroke-width="2"/>', *named, *below]
    return "\n".join(
        [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">', *body, "</svg>\n"]
    )


TEXT = """\
# The country's last hour

Written by `python -m tests.bench.national --write` (`make bench-national`; `UNITS=50000` is the short form); the figures are those of one run.

{lines}

![Processor time per report by tenths](cost.svg)

{grid}

Measured on {date}, everything on the one machine (database, broker, producer, services), load average before the start {busy:.1f}; {system}.
Processor time counts what a report costs; the rate also depends on what else such a machine does.

## What is measured

- *The country* is sample data made from numbers: 34 provinces, 3,321 communes, a council, and as many enterprises as wanted, in one cluster for each
  province. What registration would say of it is published in its name (units, targets, participations), and heard by the real handlers.
- *A report* has two figures. It goes through reporting's intake with all its rules, outbox and relay, JetStream with `sync_interval: always`,
  evaluation (inbox, score, standing, buckets, own events) and notification (inbox, what is known of the report, letters).
- *The pace*: in tenths as fast as the machine carries it to the end: the producer holds back while more than 400 reports are on the way. Then the
  last enterprises (a fifth, 10,000 at most) come along the last hour's curve, each at its own time whatever became of the others: nobody at first,
  three times the mean at the end, compressed so that the end is what the machine carried in the tenths. A country's hour is 278/s in the mean and
  833/s at its end: the straight line above says how many cores that is.
- *Letters*: what is early known about an enterprise its province's head is told in a digest each minute; six minutes of the clock pass in one.
- *Age of a rank*: of one report in 500, from its commit in reporting until evaluation's API answers the unit's score with the report in it, and its
  place counted from the buckets. *Pages*: the league of all clusters and the last page of one, in turn, every two seconds.
- At the end the rows of every step, the sum of all figures and every bucket are compared with what was sent and with a recount; a difference ends the run.
- `REPLICAS=2` runs two of each service on the same durables and the same PostgreSQL, the reports shared among two producers.
  Run with 20,000 enterprises on 26 November 2026: 293 reports/s at 4.6 to 7.7 ms of processor each, oldest rank 1.1 s, 10 letters to the head who got most of
  28,537 matters, and the books and buckets equal: two replicas add no time of their own, so that cores are what a country needs.
"""
