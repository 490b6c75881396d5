"""What deploy/ says to Kubernetes, as kubectl renders it: valid, restricted, each part with its own secrets and its own key."""

import json
import os
import shutil
import textwrap
from pathlib import Path

import pytest
import yaml

from services.command_line import parser
from services.operation import nightly
from shared import broker_keys, permissions
from shared.settings import SERVICES, Settings
from tests.operation.kubernetes import (
    DEPLOY,
    KUBECTL,
    OUTSIDE,
    TOOLS,
    Policies,
    documents,
    pod_of,
    rendered,
    run,
    workloads,
)

OVERLAYS = DEPLOY / "kubernetes" / "overlays"

pytestmark = pytest.mark.skipif(not KUBECTL, reason="kubectl is missing: make tools")


@pytest.mark.parametrize("overlay", ["one", "three"])
def test_the_manifests_are_valid(overlay, tmp_path):
    validate = TOOLS / "kubernetes-validate"
    if not validate.exists():
        pytest.skip("kubernetes-validate is missing: make tools")
    (tmp_path / "right.yaml").write_text(rendered(OVERLAYS / overlay))
    done = run(str(validate), "--strict", str(tmp_path / "right.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "wrong.yaml").write_text(rendered(OVERLAYS / overlay).replace("containerPort: 8000", "containerPort: many", 1))
    assert run(str(validate), "--strict", str(tmp_path / "wrong.yaml")).returncode != 0


MARKED = {"proxy": ["NET_BIND_SERVICE"]}
"""Caddy's own image marks its program with this capability; where a container may not have it, the kernel refuses to start the program."""


def unrestricted(document: dict) -> list[str]:
    """What Kubernetes' restricted standard, and we, ask for and a workload does not have; jobs are no exception."""
    pod = pod_of(document)["spec"]
    missing = [] if pod["securityContext"].get("runAsNonRoot") and pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault" else ["pod"]
    missing += [] if pod.get("automountServiceAccountToken") is False else ["token"]
    for container in pod["containers"]:
        box = container.get("securityContext", {})
        bare = [box.get("capabilities")] in ([{"drop": ["ALL"]}], [{"drop": ["ALL"], "add": MARKED.get(container["name"])}])
        right = box.get("readOnlyRootFilesystem") and box.get("allowPrivilegeEscalation") is False and bare
        missing += [] if right else ["container"]
        missing += [] if {"cpu", "memory"} <= container["resources"]["limits"].keys() else ["limits"]
    return missing


@pytest.mark.parametrize("overlay", ["one", "three"])
def test_every_workload_is_restricted_labelled_and_probed(overlay):
    found = workloads(documents(overlay))
    assert {*SERVICES, "migrate", "provision", "backup", "operate", "nats", "postgres", "proxy"} == set(found)
    for name, document in found.items():
        assert unrestricted(document) == [], name
        assert {"app.kubernetes.io/name", "app.kubernetes.io/part-of", "app.kubernetes.io/component"} <= pod_of(document)["metadata"]["labels"].keys()
        if document["kind"] in {"Deployment", "StatefulSet"}:
            assert all({"startupProbe", "livenessProbe", "readinessProbe"} <= one.keys() for one in pod_of(document)["spec"]["containers"]), name
    loose = found["migrate"] | {}
    del pod_of(loose)["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
    assert unrestricted(loose) == ["container"]


def sharing(document: dict) -> set[str]:
    """What of its node, or of root, a pod takes, also in a container that only begins; Kubernetes' restricted standard refuses each."""
    pod = pod_of(document)["spec"]
    boxes = [one.get("securityContext", {}) for one in (*pod["containers"], *pod.get("initContainers", []))]
    taken = {key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)} | {"hostPath" for volume in pod.get("volumes", []) if "hostPath" in volume}
    taken |= {"root" for box in (pod["securityContext"], *boxes) if box.get("runAsUser") == 0}
    return taken | {"privileged" for box in boxes if box.get("privileged")} | {"written" for box in boxes if not box.get("readOnlyRootFilesystem")}


def test_no_pod_takes_anything_of_its_node_and_the_namespace_would_not_let_it(tmp_path):
    found = own_overlay(tmp_path / "own", "three", "partners-watch")
    assert {name: taken for name, one in workloads(found).items() if (taken := sharing(one))} == {}
    [namespace] = [one for one in found if one["kind"] == "Namespace"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {one["metadata"]["name"] for one in found if one["kind"] == "Service" and one["spec"].get("type", "ClusterIP") != "ClusterIP"} == {"proxy"}


def test_each_service_of_kubernetes_leads_to_the_pods_of_its_own_name_which_run_it():
    found = documents("three")
    for one in found:
        if one["kind"] == "Service":
            assert one["spec"]["selector"]["app.kubernetes.io/component"] == one["metadata"]["name"]
    for service in SERVICES:
        [container] = pod_of(workloads(found)[service])["spec"]["containers"]
        assert container["args"] == ["run", service]
        assert workloads(found)[service]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_probes_tell_live_from_ready_from_started():
    found = workloads(documents("one"))
    for service in SERVICES:
        [container] = pod_of(found[service])["spec"]["containers"]
        paths = [container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")]
        assert paths == [f"/{service}/started", f"/{service}/live", f"/{service}/ready?broker=false"], "without a broker reports are accepted, so requests have to come"


@pytest.mark.parametrize("overlay", ["one", "three"])
def test_the_database_has_room_for_every_process_also_while_they_are_replaced(overlay):
    """A process takes at most twelve connections (its pool's size and overflow); jobs, commands and the superuser some more."""
    found = workloads(documents(overlay))
    [database] = pod_of(found["postgres"])["spec"]["containers"]
    room = int(database["args"][1].removeprefix("max_connections="))
    assert sum(found[service]["spec"].get("replicas", 1) + 1 for service in SERVICES) * 12 + 30 <= room


def test_three_nodes_have_three_brokers_three_copies_and_two_of_each_service():
    found = workloads(documents("three"))
    assert found["nats"]["spec"]["replicas"] == 3
    assert {found[service]["spec"]["replicas"] for service in SERVICES} == {2}
    maps = [one["data"] for one in documents("three") if one["kind"] == "ConfigMap" and "THIDUA_REPLICAS" in one.get("data", {})]
    assert [one["THIDUA_REPLICAS"] for one in maps] == ["3"]
    assert len(maps[0]["THIDUA_NATS_MONITOR_URL"].split(",")) == 3


def test_the_replicas_of_a_part_never_lie_on_one_node_alone():
    """The selector is the part's own: counted among all parts, both replicas of one could lie on the same node."""
    for name, document in workloads(documents("three")).items():
        if document["kind"] == "Deployment":
            [spread] = pod_of(document)["spec"]["topologySpreadConstraints"]
            assert spread["labelSelector"]["matchLabels"].items() <= pod_of(document)["metadata"]["labels"].items()
            assert spread["labelSelector"]["matchLabels"] == {"app.kubernetes.io/component": name}
            assert spread["whenUnsatisfiable"] == "DoNotSchedule"
            assert spread["nodeTaintsPolicy"] == "Honor", "a node that is being emptied is not one to spread over"


def test_a_drain_and_an_update_go_on_without_breaking_the_quorum():
    """A broker counts as there when it has caught up with the others; a pod that is not ready holds up no drain."""
    found = documents("three")
    [broker] = pod_of(workloads(found)["nats"])["spec"]["containers"]
    assert broker["startupProbe"]["httpGet"]["path"] == "/healthz"
    budgets = [one["spec"] for one in found if one["kind"] == "PodDisruptionBudget"]
    assert {(one["maxUnavailable"], one["unhealthyPodEvictionPolicy"]) for one in budgets} == {(1, "AlwaysAllow")}


def test_with_a_database_of_ones_own_nothing_of_postgresql_is_left_but_the_way_to_it(tmp_path):
    found = own_overlay(tmp_path / "own", "three", "own-database")
    assert "postgres" not in workloads(found)
    assert not [one for one in found if one["kind"] == "Service" and one["metadata"]["name"] == "postgres"]
    policies = Policies(found)
    assert all(policies.passes((part, OUTSIDE, 5432)) for part in (*SERVICES, "migrate", "backup", "operate"))
    assert not policies.passes(("proxy", OUTSIDE, 5432))
    assert not policies.passes(("registration", OUTSIDE, 22))


def test_the_workloads_run_commands_and_settings_that_exist():
    found = documents("three")
    known = {f"THIDUA_{name.upper()}" for name in Settings.model_fields}
    maps = [one["data"] for one in found if one["kind"] == "ConfigMap" and "THIDUA_REPLICAS" in one.get("data", {})]
    for name, one in workloads(found).items():
        for container in pod_of(one)["spec"]["containers"]:
            if "thidua" in container["image"] and "command" not in container:
                parser().parse_args(container["args"])
            told = {each["name"] for each in container.get("env", [])} | set(maps[0])
            assert {key.removesuffix("_FILE") for key in told if key.startswith("THIDUA_")} <= known, name


def test_what_an_operator_runs_has_all_that_the_doctor_looks_at_and_the_disk_it_measures_is_one():
    found = workloads(documents("one"))
    assert found["operate"]["spec"]["suspend"] is True
    [container] = pod_of(found["operate"])["spec"]["containers"]
    told = {one["name"]: one["value"] for one in container["env"]}
    assert {"THIDUA_SMTP_URL_FILE", "THIDUA_SIGNING_KEY_FILE", "THIDUA_BACKUPS"} <= told.keys()
    for name in (*SERVICES, "operate"):
        pod = pod_of(found[name])["spec"]
        [[where, mounts]] = [[{e["name"]: e["value"] for e in c.get("env", [])}.get("THIDUA_DATA", "/data"), c["volumeMounts"]] for c in pod["containers"]]
        [volume] = [v for v in pod["volumes"] if v["name"] in {m["name"] for m in mounts if m["mountPath"] == where}]
        assert volume.get("emptyDir", {}).get("medium") != "Memory", f"{name} would measure memory"


def test_the_backup_of_each_night_removes_the_oldest():
    [container] = pod_of(workloads(documents("one"))["backup"])["spec"]["containers"]
    assert container["args"] == ["backup", "--keep", str(nightly.KEEP)]
    assert "command" not in container, "a way past the command line is a way past its one sentence"


def own_overlay(folder: Path, overlay: str, component: str) -> list[dict]:
    """An overlay of one's own with this component, as deploy/README.md says."""
    folder.mkdir()
    own = {"resources": [os.path.relpath(OVERLAYS / overlay, folder)], "components": [os.path.relpath(DEPLOY / "kubernetes" / component, folder)]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(own | {"namespace": "thidua"}))
    return [one for one in yaml.safe_load_all(rendered(folder)) if one]


def with_partners(folder: Path, overlay: str) -> dict[str, dict]:
    return workloads(own_overlay(folder, overlay, "partners"))


@pytest.mark.parametrize("overlay", ["one", "three"])
def test_with_partners_each_process_has_the_key_of_its_own(overlay, tmp_path):
    found = with_partners(tmp_path / "own", overlay)
    for name in (*SERVICES, "provision", "backup", "operate"):
        pod = pod_of(found[name])["spec"]
        holder = name if name in SERVICES else "operator"
        [seed] = [one["value"] for one in pod["containers"][0]["env"] if one["name"] == "THIDUA_NATS_SEED_FILE"]
        assert seed == f"/run/nats-keys/{holder}.seed"
        [secret] = [one["secret"] for one in pod["volumes"] if one["name"] == "nats-keys"]
        given = {item["key"] for item in secret.get("items", [{"key": "all"}])}
        assert given == ({"all"} if name == "operate" else {f"{holder}.seed"})
    [accounts] = [one["secret"] for one in pod_of(found["nats"])["spec"]["volumes"] if one["name"] == "accounts"]
    assert [accounts["secretName"], accounts["items"][0]["key"]] == ["nats-accounts", "accounts.conf"]


def test_partners_reach_the_broker_through_the_gateway_alone_and_only_with_the_component(tmp_path):
    found = own_overlay(tmp_path / "own", "three", "partners")
    [service] = [one for one in found if one["kind"] == "Service" and one["metadata"]["name"] == "partners"]
    broker = pod_of(workloads(found)["nats"])["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= broker.items()
    assert [port["port"] for port in service["spec"]["ports"]] == [4222]
    assert Policies(found).passes(("ingress", "nats", 4222))
    assert not Policies(found).passes(("ingress", "nats", 8222))
    assert not Policies(found).passes(("elsewhere", "nats", 4222))
    assert not Policies(documents("three")).passes(("ingress", "nats", 4222))


def test_for_a_restore_everything_is_there_but_what_would_write(tmp_path):
    found = workloads(own_overlay(tmp_path / "own", "three", "stopped"))
    assert {name: one["spec"]["replicas"] for name, one in found.items() if "replicas" in one["spec"]} == (
        dict.fromkeys([*SERVICES, "proxy"], 0) | {"nats": 3, "postgres": 1}
    )
    assert found["migrate"]["kind"] == "Job"


def keys_of(workload: dict) -> set[str]:
    """Which secrets a workload sees; "all" when it is given the whole folder."""
    given = [v["secret"] for v in pod_of(workload)["spec"]["volumes"] if "secret" in v]
    return {item["key"] for secret in given for item in secret.get("items", [{"key": "all"}])}


def test_a_service_sees_its_own_secrets_and_no_others():
    """Above all the key that signs sessions is registration's alone."""
    own = {"registration": {"signing-key.pem"}, "notification": {"smtp-url"}}
    for service in SERVICES:
        wanted = {"nats-url", f"{service}.database-url"} | own.get(service, set())
        assert keys_of(workloads(documents("three"))[service]) == wanted
    assert keys_of(workloads(documents("one"))["postgres"]) == {f"{role}.password" for role in ("postgres", *SERVICES)}
    assert {name for name, one in workloads(documents("one")).items() if "all" in keys_of(one)} == {"migrate", "provision", "backup", "operate"}


def typed(line: str, folder: Path, stdin: str = "") -> dict:
    """A line of deploy/README.md, with the kubectl of these tests and without a cluster; what it made."""
    assert KUBECTL
    path = f"{Path(KUBECTL).parent}{os.pathsep}{os.environ['PATH']}"
    done = run("sh", "-c", line, cwd=folder, env=os.environ | {"PATH": path}, input=stdin)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def lines(start: str) -> list[str]:
    readme = (DEPLOY / "README.md").read_text(encoding="utf-8")
    return [line.strip() for line in readme.splitlines() if line.startswith(f"    {start}")]


def test_the_lines_of_the_readme_make_every_secret_that_is_mounted(tmp_path):
    made = run("sh", str(DEPLOY / "init"), "thidua.example", str(tmp_path / "deploy" / "secrets"))
    assert made.returncode == 0, made.stderr
    broker_keys.make(tmp_path / "deploy" / "secrets" / "nats-keys", permissions.USERS)
    (tmp_path / "accounts.conf").write_text("accounts {}")
    given = {}
    for line in lines("kubectl -n thidua create secret"):
        secret = typed(f"{line.partition(' --dry-run')[0]} --dry-run=client -o json", tmp_path)
        given[secret["metadata"]["name"]] = set(secret["data"])
    for workload in with_partners(tmp_path / "own", "three").values():
        for secret in [volume["secret"] for volume in pod_of(workload)["spec"]["volumes"] if "secret" in volume]:
            assert {item["key"] for item in secret.get("items", [])} <= given[secret["secretName"]]
    told = {one["value"] for one in pod_of(workloads(documents("one"))["operate"])["spec"]["containers"][0]["env"]}
    assert {value.removeprefix("/run/secrets/") for value in told if value.startswith("/run/secrets/")} <= given["thidua"]


def test_the_line_of_the_readme_puts_other_words_into_an_operators_job(tmp_path):
    template = workloads(documents("one"))["operate"]["spec"]["jobTemplate"]
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "load"}, "spec": template["spec"]}
    words, waits = lines("  kubectl patch --local")
    [container] = pod_of(typed(words.removesuffix("|"), tmp_path, json.dumps(job)))["spec"]["containers"]
    assert container["args"] == ["load", "/campaign"]
    assert "command" not in container
    [container] = pod_of(typed(waits.removesuffix("|"), tmp_path, json.dumps(job)))["spec"]["containers"]
    assert container["command"][:2] == ["/opt/thidua/bin/python", "-c"]
    assert {"name": "backups", "mountPath": "/backups"} in container["volumeMounts"]


def test_the_overlay_that_the_readme_prints_renders_with_names_of_ones_own(tmp_path):
    shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets"))
    own = tmp_path / "deploy" / "kubernetes" / "own"
    own.mkdir()
    text = (DEPLOY / "README.md").read_text(encoding="utf-8").partition("`deploy/kubernetes/own/kustomization.yaml`:\n\n")[2].partition("\n\n")[0]
    (own / "kustomization.yaml").write_text(textwrap.dedent(text))
    found = [one for one in yaml.safe_load_all(rendered(own)) if one]
    assert registries(found) == {"registry.laichau.example"}
    [told] = [one["data"] for one in found if one["kind"] == "ConfigMap" and "THIDUA_PUBLIC_URL" in one.get("data", {})]
    assert told["THIDUA_PUBLIC_URL"] == "https://thidua.laichau.example"
    assert told["THIDUA_REPLICAS"] == "3", "and all the rest of it stays"


def registries(found: list[dict]) -> set[str]:
    pods = [pod_of(one)["spec"] for one in workloads(found).values()]
    return {one["image"].split("/")[0] for pod in pods for one in (*pod["containers"], *pod.get("initContainers", []))}


@pytest.mark.parametrize("overlay", ["one", "three"])
def test_a_component_names_the_images_of_the_base_which_an_overlay_of_ones_own_replaces(tmp_path, overlay):
    assert registries(with_own_images(tmp_path / "own", overlay)) == {"registry.laichau.example"}


def with_own_images(folder: Path, overlay: str) -> list[dict]:
    folder.mkdir()
    base = yaml.safe_load((DEPLOY / "kubernetes" / "base" / "kustomization.yaml").read_text(encoding="utf-8"))
    own = {
        "resources": [os.path.relpath(DEPLOY / "kubernetes" / "overlays" / overlay, folder)],
        "components": [os.path.relpath(DEPLOY / "kubernetes" / name, folder) for name in ("partners", "partners-watch")],
        "images": [{"name": one["newName"], "newName": f"registry.laichau.example/{one['name']}"} for one in base["images"]],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(own))
    return [one for one in yaml.safe_load_all(rendered(folder)) if one]


def test_the_first_password_is_set_where_registration_runs():
    """It needs the words to be a command and its database, which that container has."""
    [line] = lines("kubectl -n thidua exec -it deploy/registration")
    assert vars(parser().parse_args(line.partition(" -- thidua ")[2].split()))["login"] == "van-hanh"
    [container] = pod_of(workloads(documents("one"))["registration"])["spec"]["containers"]
    assert "THIDUA_REGISTRATION_DATABASE_URL_FILE" in {one["name"] for one in container["env"]}
