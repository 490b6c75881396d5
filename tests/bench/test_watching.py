"""What watching takes is measured on real processes, and stays below the limits of compose.yaml."""

import shutil

import pytest
import yaml

from tests.bench import watching
from tests.operation.alertmanager import PROGRAM
from tests.operation.kubernetes import DEPLOY

MIB = {"128M": 128, "1G": 1024}


@pytest.mark.slow
@pytest.mark.skipif(not (PROGRAM and shutil.which("prometheus")), reason="prometheus or prometheus-alertmanager is missing: make tools")
async def test_prometheus_and_alertmanager_stay_below_their_limits_by_far_after_a_few_scrapes(tmp_path):
    parts = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    limits = {name: MIB[parts[name]["deploy"]["resources"]["limits"]["memory"]] for name in ("prometheus", "alertmanager")}
    found = await watching.measure(3, tmp_path, every="1s")
    assert found.scrapes >= 3
    assert found.series > 1000
    assert 10 < found.alertmanager < limits["alertmanager"] / 2
    assert 10 < found.prometheus < limits["prometheus"] / 2
    assert f"{found.prometheus:.0f} MiB" in watching.table(found, "2026-11-26")
