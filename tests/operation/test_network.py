"""In Kubernetes each part reaches what it needs, and nothing else: every pair and port is held against the network policies."""

import itertools
import re

import pytest

from shared.settings import SERVICES
from tests.operation.kubernetes import DEPLOY, KUBECTL, OUTSIDE, Flow, Policies, documents, pod_of, workloads

MONITORING, DNS = "monitoring", "kube-system"
BEYOND = (MONITORING, DNS, OUTSIDE)
MAIL, TLS = {25, 465, 587}, {443, 8443, 30443}
PORTS = {8000, 8080, 8443, 5432, 4222, 8222, 6222, 4318, 53, 22, 80, *MAIL, *TLS}
LOOKS_AT_BROKER = {*SERVICES, "operate"}
"""At start-up a service, and the doctor, ask the broker's own page whether it writes before it acknowledges."""

pytestmark = pytest.mark.skipif(not KUBECTL, reason="kubectl is missing: make tools")


def environment(workload: dict) -> set[str]:
    return {one["name"] for container in pod_of(workload)["spec"]["containers"] for one in container.get("env", [])}


def needed(found: list[dict]) -> set[Flow]:
    """Read off what each part is told: whose database it opens, where its letters go, whom the proxy sends to, which ports a pod names."""
    parts = workloads(found)
    caddy = (DEPLOY / "proxy" / "Caddyfile").read_text(encoding="utf-8")
    flows = {("proxy", service, 8000) for service in re.findall(r":([a-z]+):8000\}", caddy)} | {(OUTSIDE, "proxy", 8443), (OUTSIDE, "proxy", 8080), ("nats", "nats", 6222)}
    for name, part in parts.items():
        told = environment(part)
        flows |= {(name, "postgres", 5432) for one in told if one.endswith("_DATABASE_URL_FILE")}
        flows |= {(name, OUTSIDE, port) for port in MAIL if "THIDUA_SMTP_URL_FILE" in told}
    flows |= {(MONITORING, service, 8000) for service in SERVICES}
    flows |= {(name, "nats", 4222) for name in (*SERVICES, "provision", "backup", "operate")}
    flows |= {(name, "nats", 8222) for name in LOOKS_AT_BROKER} | {(name, MONITORING, 4318) for name in LOOKS_AT_BROKER}
    flows |= {(name, OUTSIDE, port) for name in ("registration", "operate") for port in TLS}
    return flows | {(name, DNS, 53) for name in parts}


def by_address(flow: Flow, wanted: set[Flow]) -> bool:
    """Open because a rule names ports alone: a host of which nobody knows the address may be anywhere, and anybody may come to the proxy."""
    source, target, port = flow
    return (source in BEYOND or (source, OUTSIDE, port) in wanted) and (target in {MONITORING, DNS} or (target, port) in {("proxy", 8443), ("proxy", 8080)})


@pytest.mark.parametrize("overlay", ["one", "three"])
def test_each_part_reaches_what_it_needs_and_nothing_else(overlay):
    found = documents(overlay)
    policies, wanted = Policies(found), needed(found)
    assert [flow for flow in sorted(wanted) if not policies.passes(flow)] == []
    inside = list(policies.pods)
    pairs = [*itertools.product(inside, [*inside, *BEYOND]), *itertools.product(BEYOND, inside)]
    opened = {(source, target, port) for source, target in pairs for port in PORTS if policies.passes((source, target, port))}
    assert [flow for flow in sorted(opened - wanted) if not by_address(flow, wanted)] == []


def test_a_policy_too_few_or_too_many_is_seen():
    found = documents("one")
    without = Policies([one for one in found if one["metadata"]["name"] != "mail"])
    assert not without.passes(("operate", OUTSIDE, 587))
    assert not without.passes(("notification", OUTSIDE, 25))
    opened = [one for one in found if one["metadata"]["name"] != "database"]
    assert not Policies(opened).passes(("backup", "postgres", 5432)), "the closed namespace stays closed"
    loose = [{"kind": "NetworkPolicy", "metadata": {"name": "x"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]}}]
    assert Policies(found + loose).passes(("proxy", "postgres", 5432))
    assert not Policies(found).passes(("proxy", "postgres", 5432))
