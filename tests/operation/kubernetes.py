"""The manifests of deploy/kubernetes as kubectl renders them, and what may talk to what under their network policies."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
TOOLS = Path(sys.executable).parent
KUBECTL = shutil.which("kubectl", path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
WORKLOADS = {"Deployment", "StatefulSet", "Job", "CronJob"}
COMPONENT = "app.kubernetes.io/component"
OUTSIDE = "outside"
"""Stands for every address that is no pod of ours."""

Flow = tuple[str, str, int]
"""Who opens a connection, to whom, at which port."""


def run(*command: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def rendered(folder: Path) -> str:
    assert KUBECTL
    done = run(KUBECTL, "kustomize", str(folder))
    assert done.returncode == 0, done.stderr
    return done.stdout


def documents(overlay: str) -> list[dict]:
    return [one for one in yaml.safe_load_all(rendered(DEPLOY / "kubernetes" / "overlays" / overlay)) if one]


def pod_of(document: dict) -> dict:
    spec = document["spec"]["jobTemplate"]["spec"] if document["kind"] == "CronJob" else document["spec"]
    return spec["template"]


def workloads(found: list[dict]) -> dict[str, dict]:
    return {one["metadata"]["name"]: one for one in found if one["kind"] in WORKLOADS}


def chosen(selector: dict, labels: dict[str, str]) -> bool:
    """As Kubernetes chooses by labels; of expressions the manifests use `In` alone."""
    assert {one["operator"] for one in selector.get("matchExpressions", [])} <= {"In"}
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", [])
    )


class Policies:
    """What network policies let through, once there is one for a pod and a direction; before that everything passes."""

    def __init__(self, found: list[dict]) -> None:
        self.policies = [one["spec"] for one in found if one["kind"] == "NetworkPolicy"]
        self.pods = {name: pod_of(one) for name, one in workloads(found).items()}

    def labels(self, name: str) -> dict[str, str]:
        return self.pods[name]["metadata"]["labels"]

    def passes(self, flow: Flow) -> bool:
        """Both ends have to let it: the one that opens and the one that is reached."""
        source, target, _ = flow
        return self._lets(source, "Egress", target, flow) and self._lets(target, "Ingress", source, flow)

    def _lets(self, own: str, direction: str, other: str, flow: Flow) -> bool:
        if own not in self.pods:
            return True
        here = [one for one in self.policies if direction in one["policyTypes"] and chosen(one["podSelector"], self.labels(own))]
        rules = [rule for one in here for rule in one.get(direction.lower(), [])]
        return not here or any(self._peer(rule.get("to", rule.get("from")), other) and self._port(rule.get("ports"), flow) for rule in rules)

    def _peer(self, peers: list[dict] | None, other: str) -> bool:
        if peers is None:
            return True
        return any(self._is(peer, other) for peer in peers)

    def _is(self, peer: dict, other: str) -> bool:
        if "namespaceSelector" in peer:
            return peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == other
        return other in self.pods and chosen(peer["podSelector"], self.labels(other))

    def _port(self, ports: list[dict] | None, flow: Flow) -> bool:
        names = {port["name"]: port["containerPort"] for port in self._ports_of(flow[1])}
        return ports is None or any(names.get(one["port"], one["port"]) == flow[2] and one.get("protocol", "TCP") == "TCP" for one in ports)

    def _ports_of(self, name: str) -> Iterator[dict]:
        for container in self.pods.get(name, {"spec": {"containers": []}})["spec"]["containers"]:
            yield from container.get("ports", [])
