"""A dashboard as Grafana reads it: panels in their places, limits where an alarm begins, a choice at its top."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from services.operation.sandbox import PREFIX
from shared.settings import SERVICES
from shared.shadows import MARK

SOURCE = {"type": "prometheus", "uid": "prometheus"}
ACROSS, TALL = 24, 8
IN_EARNEST = f'campaign!~"{PREFIX}.*|.*{MARK}.*"'
"""Neither a rehearsal nor a partner's sandbox, as the alarms say it."""
GOOD, BAD, PLAIN = "green", "red", "blue"


class Query(NamedTuple):
    """A PromQL expression and the name of its series, for example `{{stream}}`."""

    expression: str
    legend: str = ""


class Limit(NamedTuple):
    """Where an alarm begins: below `low`, at `high` and above."""

    low: float | None = None
    high: float | None = None


class Panel(NamedTuple):
    """A panel; `width` of 24 columns; `kind` timeseries, stat, table or gauge; `unit` as Grafana names it; `least` where its axis begins."""

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 12
    explains: str = ""
    limit: Limit | None = None
    least: float | None = 0


class Dashboard(NamedTuple):
    """A dashboard; `choice`: what one chooses at its top, "service" or "campaign"."""

    uid: str
    title: str
    panels: Sequence[Panel]
    choice: str = ""


CHOICES: dict[str, dict[str, Any]] = {
    "service": {
        "name": "service", "type": "custom", "label": "Dịch vụ · Service", "query": ",".join(SERVICES),
        "current": {"text": SERVICES[1], "value": SERVICES[1]}, "options": [{"text": s, "value": s, "selected": s == SERVICES[1]} for s in SERVICES],
    },
    "campaign": {
        "name": "campaign", "type": "query", "label": "Phong trào · Movement", "datasource": SOURCE,
        "query": f"label_values(thidua_round_units{{{IN_EARNEST}}}, campaign)", "refresh": 2, "sort": 1,
        "multi": True, "includeAll": True, "allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]},
    },
}  # fmt: skip


def written(dashboard: Dashboard) -> str:
    """A dashboard as Grafana reads it."""
    made: dict[str, Any] = {
        "uid": dashboard.uid, "title": dashboard.title, "tags": ["thidua"], "schemaVersion": 39, "refresh": "30s", "editable": False,
        "time": {"from": "now-6h", "to": "now"}, "timezone": "Asia/Ho_Chi_Minh",
        "links": [{"title": "thidua", "type": "dashboards", "tags": ["thidua"], "asDropdown": True, "keepTime": True}],
        "templating": {"list": [CHOICES[dashboard.choice]] if dashboard.choice else []},
        "panels": [_panel(number, place, panel) for number, (place, panel) in enumerate(_placed(dashboard.panels), 1)],
    }  # fmt: skip
    return json.dumps(made, ensure_ascii=False, indent=1) + "\n"


def _placed(panels: Sequence[Panel]) -> Iterable[tuple[dict[str, int], Panel]]:
    across = down = 0
    for panel in panels:
        if across + panel.width > ACROSS:
            across, down = 0, down + TALL
        yield {"x": across, "y": down, "w": panel.width, "h": TALL}, panel
        across += panel.width


def _panel(number: int, place: dict[str, int], panel: Panel) -> dict[str, Any]:
    exemplars = panel.kind == "timeseries" and any("traces_span_metrics" in query.expression for query in panel.queries)
    return {
        "id": number, "title": panel.title, "description": panel.explains, "type": panel.kind, "gridPos": place, "datasource": SOURCE,
        "fieldConfig": {"defaults": _looks(panel), "overrides": []},
        "targets": [
            {"refId": chr(65 + n), "datasource": SOURCE, "expr": query.expression, "legendFormat": query.legend, "exemplar": exemplars}
            for n, query in enumerate(panel.queries)
        ],
    }  # fmt: skip


def _looks(panel: Panel) -> dict[str, Any]:
    """Thresholds are always said: Grafana's own are red from 80, whatever the unit, and a gauge without a `max` is always full."""
    looks: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": _steps(panel.limit)}}
    if panel.least is not None:
        looks["min"] = panel.least
    if panel.kind == "gauge" and panel.unit == "percentunit":
        looks["max"] = 1
    if panel.kind != "timeseries":
        looks["color"] = {"mode": "thresholds"}
    elif panel.limit:
        looks["custom"] = {"thresholdsStyle": {"mode": "line"}}
    return looks


def _steps(limit: Limit | None) -> list[dict[str, Any]]:
    if limit is None:
        return [{"color": PLAIN, "value": None}]
    steps: list[dict[str, Any]] = [{"color": GOOD if limit.low is None else BAD, "value": None}]
    steps += [] if limit.low is None else [{"color": GOOD, "value": limit.low}]
    return steps + ([] if limit.high is None else [{"color": BAD, "value": limit.high}])
