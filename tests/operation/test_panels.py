"""What panels show beside their figures: whose they are, where an alarm begins, how far an axis goes."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from services.operation import dashboards
from services.operation.dashboards import EVERY
from services.operation.panels import IN_EARNEST, Limit, Panel
from shared import telemetry as names
from shared.events.evaluation import WarningRaised
from shared.events.reporting import ReportAccepted
from tests.operation.test_alarms import rules

PANELS = [panel for board in dashboards.DASHBOARDS for panel in board.panels]
GAUGE = re.compile(r"thidua_\w+\b(?<!_total)(?<!_count)")
SAID = re.compile(r"(==|<|>) ([\d.]+)(?: \* ([\d.]+))?")


def drawn(panel: Panel) -> dict:
    """A panel as Grafana reads it."""
    return next(one for board in dashboards.DASHBOARDS for one in json.loads(dashboards.written(board))["panels"] if one["title"] == panel.title)


def limit_of(rule: dict) -> Limit:
    """Where an alarm begins, by its expression: the first figure that is compared. Of whole numbers `== 0` is below 1, and `> 0` is from 1."""
    sign, said, times = SAID.search(rule["expr"]).groups()
    figure = float(said) * float(times or 1)
    if sign == ">":
        return Limit(low=-figure if "abs(" in rule["expr"] else None, high=figure or 1)
    return Limit(low=figure or 1)


def unmarked(found: list[dict], panels: list[Panel]) -> list[str]:
    """Panels that draw what an alarm watches, and do not begin to be red where one of those alarms begins."""
    watched: dict[str, set[Limit]] = {}
    for rule in found:
        if first := GAUGE.search(rule["expr"]):
            watched.setdefault(first[0], set()).add(limit_of(rule))
    return [
        panel.title for panel in panels for query in panel.queries for gauge in GAUGE.findall(query.expression)
        if gauge in watched and panel.limit not in watched[gauge]
    ]  # fmt: skip


def test_a_panel_begins_to_be_red_where_the_alarm_on_its_figure_begins():
    assert unmarked(rules(), PANELS) == []
    moved = [panel._replace(limit=Limit(high=600)) if "outbox" in panel.title else panel for panel in PANELS]
    assert unmarked(rules(), moved) == ["Sự kiện chờ phát lâu nhất · Oldest event in the outbox"]
    assert len([panel for panel in PANELS if panel.limit]) >= 10


@pytest.mark.parametrize(("alarm", "title"), [("DeadLettersGrowing", "New dead letters"), ("ErrorsAnswered", "our fault")])
def test_so_does_a_panel_of_what_an_alarm_counts(alarm, title):
    rule = next(one for one in rules() if one["alert"] == alarm)
    assert next(panel for panel in PANELS if title in panel.title).limit == limit_of(rule)


def test_every_limit_is_that_of_an_alarm():
    known = {limit_of(rule) for rule in rules() if SAID.search(rule["expr"])}
    assert {panel.limit for panel in PANELS if panel.limit} <= known
    assert Limit(high=61) not in known


def steps(panel: Panel, value: float) -> str:
    """The colour of a value, as Grafana chooses it: of the last step that it reaches."""
    found = drawn(panel)["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return [step["color"] for step in found if step["value"] is None or value >= step["value"]][-1]


@pytest.mark.parametrize(
    ("title", "bad", "good"),
    [
        ("Free disk", [0.02, 0.14], [0.15, 1]), ("Clock skew", [-2.1, 2.1], [-1.9, 0, 1.9]), ("Reachable", [0], [1]), ("in the outbox", [60], [0, 59]),
        ("To the next deadline", [-36, 3599], [3600, 86400]), ("Dead letters waiting", [1], [0]), ("Since the last one", [86400], [80, 3600]),
    ],
)  # fmt: skip
def test_what_an_alarm_would_ring_for_is_red_and_nothing_else(title, bad, good):
    panel = next(one for one in PANELS if title in one.title)
    assert {steps(panel, value) for value in bad} == {"red"}
    assert {steps(panel, value) for value in good} == {"green"}


def test_a_figure_without_an_alarm_is_never_red_and_a_share_fills_its_ring_at_one():
    for panel in PANELS:
        looks = drawn(panel)["fieldConfig"]["defaults"]
        if panel.limit is None:
            assert {steps(panel, value) for value in (0, 0.9, 80, 1e6)} == {"blue"}
        if panel.kind == "gauge":
            assert (looks["unit"], looks["min"], looks["max"]) == ("percentunit", 0, 1)
    assert len([panel for panel in PANELS if panel.kind == "gauge"]) == 2


def test_a_clock_that_is_behind_and_a_deadline_that_has_passed_are_drawn():
    below = {panel.title for panel in PANELS if "min" not in drawn(panel)["fieldConfig"]["defaults"]}
    assert below == {"Lệch đồng hồ · Clock skew", "Đến hạn kỳ báo cáo · To the next deadline"}


def test_a_panel_that_times_events_says_what_each_kind_of_span_covers():
    """An event's own span is near 0 however long the work takes; the whole of it is in the batch's."""
    (panel,) = [one for one in PANELS if "Handled within" in one.title]
    kinds = [name.partition(" ")[0] for name in (names.SPAN_BATCH, names.SPAN_SETTLE, names.SPAN_EVENT)]
    assert all(panel.explains.count(f"{kind}: ") == 2 for kind in kinds)


def of_a_movement() -> list[tuple[str, str]]:
    return [(panel.title, query.expression) for panel in dashboards.MOVEMENT.panels for query in panel.queries]


def test_the_movement_offers_the_campaigns_that_are_in_earnest_and_panels_name_them():
    board = json.loads(dashboards.written(dashboards.MOVEMENT))
    (choice,) = board["templating"]["list"]
    assert (choice["name"], choice["query"]) == ("campaign", f"label_values(thidua_round_units{{{IN_EARNEST}}}, campaign)")
    assert (choice["multi"], choice["includeAll"], choice["allValue"]) == (True, True, ".*")
    legends = {panel.title: query.legend for panel in PANELS for query in panel.queries}
    assert all(legends[title].startswith("{{campaign}} ") for title, _ in of_a_movement())
    assert not any("cùng nhau" in panel.explains for panel in PANELS), "no panel has to say that it mixes movements"
    assert any(IN_EARNEST in rule["expr"] for rule in rules()), "the alarms leave out the same"


SERIES = [("phong-trao", 90, 3600), ("phong-trao-2", 10, 7200), ("dien-tap-phong-trao-1", 141, -36), ("phong-trao~kho-bac", 77, 60), ("phong-trao~", 5, 60)]
REPORTED, RAISED = ReportAccepted.TYPE, WarningRaised.TYPE
COUNTED = [
    ("thidua_reports_total", 'channel="page", outcome="on_time"'), ("thidua_letters_total", 'channel="e-mail", outcome="delivered"'),
    ("thidua_events_total", f'service="notification", type="{RAISED}", outcome="applied"'),
    *(("thidua_event_since_seconds_bucket", f'service="{service}", type="{type}", le="{le}"')
      for service, type in (("evaluation", REPORTED), ("notification", REPORTED), ("notification", RAISED)) for le in ("1", "+Inf")),
]  # fmt: skip


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is missing: make tools")
@pytest.mark.parametrize(
    ("chosen", "shown", "before"),
    [(".*", ["phong-trao", "phong-trao-2"], [""]), ("phong-trao-2", ["phong-trao-2"], []), ("(phong-trao|phong-trao-2)", ["phong-trao", "phong-trao-2"], [])],
)
def test_neither_a_rehearsal_nor_a_trial_nor_another_movement_is_taken_for_the_movement(tmp_path, chosen, shown, before):
    """Every query about a movement, judged by Prometheus's own engine on two movements, a rehearsal and trials in one round each of the same name.

    What a service of the version before counts, without a campaign, is shown where all are chosen, beside the movements and in none of them.
    """
    series = [
        {"series": f'{name}{{campaign="{campaign}", round="ky-1"{state}}}', "values": f"{value}x10"}
        for campaign, came, left in SERIES
        for name, state, value in (
            ("thidua_round_units", ', state="expected"', 200), ("thidua_round_units", ', state="on_time"', came), ("thidua_deadline_seconds", "", left),
        )
    ]  # fmt: skip
    campaigns = [f'campaign="{campaign}", ' for campaign, *_ in SERIES]
    series += [{"series": f"{name}{{{campaign}{labels}}}", "values": "0+1x10"} for name, labels in COUNTED for campaign in (*campaigns, "")]
    asked = [
        {"expr": f"count by (campaign) ({expression.replace('$campaign', chosen).replace(EVERY, '5m')}) > bool 0", "eval_time": "8m",
         "exp_samples": [{"labels": f'{{campaign="{campaign}"}}' if campaign else "{}", "value": 1}
                         for campaign in (*shown, *(before if EVERY in expression else ()))]}
        for _, expression in of_a_movement()
    ]  # fmt: skip
    assert len(asked) == 12
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": asked}]}), encoding="utf-8")
    done = subprocess.run(["promtool", "test", "rules", "panels.yml"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
