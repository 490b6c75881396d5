"""Alarms: promtool proves each on its fault and on the near miss; each has a runbook in both languages and series that are really there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.samples import Sample

from services.registration.app import create_app as registration
from services.reporting.app import create_app as reporting
from shared import settings
from shared.events.reporting import Channel
from shared.telemetry import Telemetry

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
LANGUAGES = ("vi", "en")
PARTS = {"vi": ("## Nghĩa là gì", "## Xem trước hết", "## Xử lý"), "en": ("## What it means", "## Look first", "## Cure")}
FOREIGN = {
    "up", "node_filesystem_avail_bytes", "node_filesystem_size_bytes", "kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes",
    "node_timex_sync_status", "alertmanager_notification_requests_failed_total", "alertmanager_integrations", "prometheus_rule_evaluation_failures_total",
}  # fmt: skip
"""Series that are not ours: Prometheus's own and Alertmanager's (test_alarm_letters.py finds them there), the node exporter's and kubelet's."""

promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is missing: make tools")


def rules(text: str | None = None) -> list[dict]:
    parsed = yaml.safe_load(text or (PROMETHEUS / "alarms.yml").read_text(encoding="utf-8"))
    return [rule for group in parsed["groups"] for rule in group["rules"]]


def configuration(folder: Path = PROMETHEUS) -> dict:
    return yaml.safe_load((folder / "prometheus.yml").read_text(encoding="utf-8"))


def without_runbook(found: list[dict], root: Path = ROOT) -> set[str]:
    """Alarms that lack a runbook in a language, or whose runbook lacks one of its parts."""
    return {
        rule["alert"]
        for rule in found
        for language in LANGUAGES
        if not (path := root / rule["annotations"].get(f"runbook_{language}", "nowhere")).is_file()
        or any(part not in path.read_text(encoding="utf-8") for part in PARTS[language])
        or path.stem != rule["alert"]
    }


def test_every_alarm_has_a_runbook_in_vietnamese_and_in_english(tmp_path):
    assert len(rules()) >= 9
    assert without_runbook(rules()) == set()
    shutil.copytree(ROOT / "deploy" / "runbooks", tmp_path / "deploy" / "runbooks")
    (tmp_path / "deploy" / "runbooks" / "vi" / "OutboxOld.md").unlink()
    (tmp_path / "deploy" / "runbooks" / "en" / "BackupOld.md").write_text("# nothing")
    assert without_runbook(rules(), tmp_path) == {"OutboxOld", "BackupOld"}


def test_every_alarm_links_its_runbook_from_the_base_address_of_the_configuration():
    for rule in rules():
        assert rule["annotations"]["runbook_url"] == "{{ $externalLabels.runbooks }}/vi/" + rule["alert"] + ".md"
    assert configuration()["global"]["external_labels"] == {"installation": "${HOST}", "runbooks": "${RUNBOOKS}"}


def meaning(name: str, language: str) -> str:
    """The part of a runbook that says what the alarm means."""
    text = (ROOT / "deploy" / "runbooks" / language / f"{name}.md").read_text(encoding="utf-8")
    return text.partition(f"{PARTS[language][0]}\n\n")[2].partition("\n\n## ")[0].replace("\n", " ")


def test_an_alarm_says_what_it_means_in_the_words_of_its_runbook():
    for rule in rules():
        told = {language: rule["annotations"][name] for language, name in (("vi", "description"), ("en", "description_en"))}
        assert told == {language: meaning(rule["alert"], language) for language in LANGUAGES}


def test_every_runbook_belongs_to_an_alarm():
    names = {rule["alert"] for rule in rules()}
    assert {path.stem for language in LANGUAGES for path in (ROOT / "deploy" / "runbooks" / language).iterdir()} == names


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_runbook_of_figures_that_are_missing_tells_of_every_one(language, tmp_path):
    """Whatever a service measures on its own; that the pages open has an alarm of its own."""
    text = (ROOT / "deploy" / "runbooks" / language / "FiguresMissing.md").read_text(encoding="utf-8")
    measured = {(app, measure.__name__) for app in (registration, reporting) for measure in app(settings.load({}, data=tmp_path)).state.service.measures}
    names = {name for _, name in measured} - {"certificate"}
    assert names == set(re.findall(r"`(\w+)`\s+\(re\w+\)", text))
    _, cures = text.split(PARTS[language][2])
    assert [name for name in names if f"`{name}`" not in cures] == []


def unknown_series(found: list[dict]) -> set[str]:
    known = {name for metric in Telemetry("x").registry._collector_to_names.values() for name in metric} | FOREIGN
    named = {name for rule in found for name in re.findall(r"\b((?:thidua|traces|node|process|kubelet|alertmanager|prometheus)_\w+|up(?=\{))", rule["expr"])}
    return named - known


def test_every_alarm_asks_for_series_that_services_have():
    assert unknown_series(rules()) == set()
    assert unknown_series([{"expr": "thidua_nothing > 1 and thidua_letters_total > 2"}]) == {"thidua_nothing"}


def test_the_first_report_after_a_start_is_an_increase_for_the_series_is_there_before_it(tmp_path):
    telemetry = reporting(settings.load({}, data=tmp_path)).state.service.telemetry
    there = {(one.labels["channel"], one.labels["outcome"]): one.value for one in samples(telemetry) if one.name == "thidua_reports_total"}
    assert there == {(channel, outcome): 0 for channel in Channel for outcome in ("on_time", "late", "refused", "returned")}
    assert [one for one in samples(Telemetry("evaluation")) if one.name == "thidua_reports_total"] == []


def samples(telemetry: Telemetry) -> list[Sample]:
    return [one for metric in telemetry.registry.collect() for one in metric.samples]


def untested(found: list[dict], tests: dict) -> set[str]:
    """Alarms that no test sees fire."""
    fired = {case["alertname"] for test in tests["tests"] for case in test["alert_rule_test"] if case["exp_alerts"]}
    return {rule["alert"] for rule in found} - fired


def test_every_alarm_is_seen_to_fire():
    tests = yaml.safe_load((PROMETHEUS / "alarms.test.yml").read_text(encoding="utf-8"))
    assert untested(rules(), tests) == set()
    assert untested([*rules(), {"alert": "Coffee"}], tests) == {"Coffee"}


@promtool
def test_the_alarms_fire_on_their_faults_and_are_silent_on_near_misses():
    done = subprocess.run(["promtool", "test", "rules", "alarms.test.yml"], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@promtool
def test_a_rule_with_another_threshold_fails_its_test(tmp_path):
    shutil.copytree(PROMETHEUS, tmp_path, dirs_exist_ok=True)
    text = (tmp_path / "alarms.yml").read_text(encoding="utf-8").replace("thidua_outbox_oldest_seconds) > 60", "thidua_outbox_oldest_seconds) > 600")
    (tmp_path / "alarms.yml").write_text(text, encoding="utf-8")
    done = subprocess.run(["promtool", "test", "rules", "alarms.test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1


@promtool
@pytest.mark.parametrize("name", ["prometheus.yml", "kubernetes.yml"])
def test_prometheus_takes_its_configuration(name, tmp_path):
    """Debian's Prometheus is built without Kubernetes' discovery: in its place stands another kind, and the keys of the real one are those documented."""
    shutil.copytree(PROMETHEUS, tmp_path, dirs_exist_ok=True)
    found = yaml.safe_load((tmp_path / name).read_text(encoding="utf-8"))
    for job in found["scrape_configs"]:
        if discovery := job.pop("kubernetes_sd_configs", None):
            assert discovery == [{"role": "pod", "namespaces": {"names": ["thidua"]}}]
            job["file_sd_configs"] = [{"files": ["pods.yml"]}]
    (tmp_path / name).write_text(yaml.safe_dump(found), encoding="utf-8")
    done = subprocess.run(["promtool", "check", "config", name], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
