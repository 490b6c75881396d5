"""What machines ask, probes and scrapes, hides nothing of what people ask: judged by the alarm itself, on what a service tells of its answers."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as parsed

ALARMS = Path(__file__).parents[2] / "deploy" / "prometheus" / "alarms.yml"
COUNT = "thidua_http_request_seconds_count"
PROBES = [*["ready"] * 12, *["live"] * 6, *["metrics"] * 4]
"""Of a pod, in a minute."""
MINUTES = 12


async def counted(client) -> dict[str, int]:
    """A service's answers so far, by series as Prometheus names them."""
    families = parsed((await client.get("/reporting/metrics")).text)
    return {_named(one.labels | {"service": "reporting"}): int(one.value) for family in families for one in family.samples if one.name == COUNT}


def _named(labels: dict[str, str]) -> str:
    return COUNT + "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is missing: make tools")
@pytest.mark.parametrize(("path", "answered"), [("broken", [{"labels": '{service="reporting"}', "value": 1}]), ("language", [])])
async def test_one_clerk_a_minute_who_gets_nothing_but_errors_is_heard_among_the_probes(web, tmp_path, path, answered):
    client = web.client()
    seen = [await counted(client)]
    for _ in range(MINUTES):
        await client.get(f"/reporting/{path}")
        for name in PROBES:
            await client.get(f"/reporting/{name}")
        seen.append(await counted(client))
    series = [{"series": name, "values": " ".join(str(one.get(name, 0)) for one in seen)} for name in seen[-1]]
    rule = next(one for group in yaml.safe_load(ALARMS.read_text(encoding="utf-8"))["groups"] for one in group["rules"] if one["alert"] == "ErrorsAnswered")
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [{"expr": rule["expr"], "eval_time": f"{MINUTES}m", "exp_samples": answered}]}
    (tmp_path / "answers.yml").write_text(yaml.safe_dump({"tests": [test]}), encoding="utf-8")
    done = await asyncio.to_thread(subprocess.run, ["promtool", "test", "rules", "answers.yml"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(series) == 1
