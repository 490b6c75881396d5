"""By its labels each part in Kubernetes is known to people, and found by Prometheus under the names that alarms and dashboards ask for."""

import os
import re
from importlib import metadata

import pytest
import yaml

from shared.settings import SERVICES
from tests.operation.kubernetes import DEPLOY, KUBECTL, documents, pod_of, rendered, workloads

OVERLAYS = DEPLOY / "kubernetes" / "overlays"
LABELS = {"name", "instance", "version", "component", "part-of", "managed-by"}

pytestmark = pytest.mark.skipif(not KUBECTL, reason="kubectl is missing: make tools")


def test_every_workload_has_the_standard_labels_and_the_version_of_the_program():
    for name, one in workloads(documents("one")).items():
        told = {key.removeprefix("app.kubernetes.io/"): value for key, value in pod_of(one)["metadata"]["labels"].items()}
        assert told.keys() >= LABELS, name
        assert told["version"] == metadata.version("thidua"), name


def relabelled(rules: list[dict], labels: dict[str, str]) -> dict[str, str] | None:
    """What Prometheus makes of a target's labels: replace, keep and drop as it documents them; None for a target that is dropped."""
    for rule in rules:
        found = re.fullmatch(rule.get("regex", "(.*)"), ";".join(labels.get(name, "") for name in rule["source_labels"]))
        match rule.get("action", "replace"):
            case "replace" if found:
                labels = labels | {rule["target_label"]: found.expand(rule.get("replacement", "$1").replace("$", "\\"))}
            case "keep" if not found:
                return None
            case "drop" if found:
                return None
    return labels


def targets(found: dict[str, dict]) -> list[dict[str, str]]:
    """A target for each named port of each pod, as role `pod` has them."""
    return [
        {
            "__meta_kubernetes_pod_phase": phase, "__meta_kubernetes_pod_name": f"{name}-1", "__meta_kubernetes_pod_container_port_name": port["name"],
            "__meta_kubernetes_pod_label_app_kubernetes_io_component": pod_of(one)["metadata"]["labels"]["app.kubernetes.io/component"],
        }
        for name, one in found.items()
        for container in pod_of(one)["spec"]["containers"]
        for port in container.get("ports", [])
        for phase in ("Running", "Failed")
    ]  # fmt: skip


def test_prometheus_finds_each_service_under_the_name_that_alarms_and_dashboards_ask_for(tmp_path):
    """In Kubernetes by pods, in compose by name: the same job, service and path."""
    of = {name: yaml.safe_load((DEPLOY / "prometheus" / name).read_text())["scrape_configs"][0] for name in ("kubernetes.yml", "prometheus.yml")}
    assert len({one["job_name"] for one in of.values()}) == 1
    (tmp_path / "own").mkdir()
    own = {"resources": [os.path.relpath(OVERLAYS / "one", tmp_path / "own")], "components": [os.path.relpath(DEPLOY / "kubernetes" / "partners-watch", tmp_path / "own")]}
    (tmp_path / "own" / "kustomization.yaml").write_text(yaml.safe_dump(own))
    found = workloads([one for one in yaml.safe_load_all(rendered(tmp_path / "own")) if one])
    seen = [one for target in targets(found) if (one := relabelled(of["kubernetes.yml"]["relabel_configs"], target))]
    assert sorted((one["service"], one["__metrics_path__"], one["pod"]) for one in seen) == sorted(
        (name, f"/{name}/metrics", f"{'nats' if name == 'partners' else name}-1") for name in (*SERVICES, "partners")
    )
    in_compose = [one["labels"] for one in of["prometheus.yml"]["static_configs"]]
    assert {(one["service"], one["__metrics_path__"]) for one in in_compose} == {(one["service"], one["__metrics_path__"]) for one in seen} - {
        ("partners", "/partners/metrics")
    }
