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
    table = [["", "reports/s", "least", "most", "to ours", "p50 ms", "p99 ms", "p99.9 ms", "max ms"]]
    for name, figures, setting in rows(found):
        if figures is None:
            table.append([name, f"not run: {found['not_run'][name.partition(',')[0]]}", *[""] * 7])
            continue
        ratio = figures["reports_per_s"] / found["ours"][setting]["reports_per_s"]
        rates = [f"{figures[n]:.0f}" for n in ("reports_per_s", "least", "most")]
        table.append([name, *rates, f"x{ratio:.2f}", *(f"{figures[n]:.1f}" for n in ("p50_ms", "p99_ms", "p999_ms", "max_ms"))])
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
    lines = [f"the road of a report, {where['units']} units, {where['cores']} cores, {where['busy_before']:.1f} of them busy before"]
    lines += [f"{name:22}" + "".join(f"{cell:>10}" for cell in rest if cell) for name, *rest in cells(found)]
    lines += ["goals", *(f"  {g['goal']:44} {g['limit']:g}: {g['measured']:g} {'met' if g['met'] else 'MISSED'}" for g in found["goals"])]
    return "\n".join(lines)
