"""What deploy/README.md says under Security of an installation by compose, held against both of its files: sealed, closed, each with its own secrets."""

import copy
import re
from typing import Any

import pytest
import yaml

from shared.settings import SERVICES
from tests.operation.kubernetes import DEPLOY

BROKERS = ("nats", "nats-1", "nats-2", "nats-3")
JOBS = {"migrate", "provision", "backup", "operate"}
OURS = {*SERVICES, *BROKERS, *JOBS, "partners"}
WRITABLE = {"postgres", "grafana", "traces"}
"""Images of others that write where they are installed."""
CAPABLE = {"proxy": ["NET_BIND_SERVICE"], "traces-owner": ["CHOWN"]}
REACH_OUT = {"notification", "alertmanager", "operate"}
PUBLISHED = {"proxy": ["443:443", "80:80"], "traces": ["127.0.0.1:16686:16686"], "prometheus": ["127.0.0.1:9090:9090"],
             "alertmanager": ["127.0.0.1:9093:9093"], "grafana": ["127.0.0.1:3000:3000"]}  # fmt: skip
"""Of the partners' file test_manifests.py tells."""
LASTING = {
    "nats": "/data", "nats-1": "/data", "nats-2": "/data", "nats-3": "/data", "postgres": "/var/lib/postgresql/data", "backup": "/backups",
    "operate": "/backups", "traces": "/badger", "prometheus": "/prometheus", "alertmanager": "/alertmanager", "grafana": "/var/lib/grafana",
}  # fmt: skip
"""What has to be there again after `podman-compose down`, and where each part writes it."""

Services = dict[str, dict[str, Any]]


def services() -> Services:
    """Of compose.yaml, and the one that the partners' file adds whole."""
    files = [yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))["services"] for name in ("compose.yaml", "compose.partners.yaml")]
    return files[0] | {"partners": files[1]["partners"]}


def plain(volume: str) -> str:
    """A mount as it is without settings in .env."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume)


def mounts(one: dict[str, Any]) -> dict[str, str]:
    """What is mounted, by where."""
    return {plain(volume).split(":")[1]: plain(volume) for volume in one.get("volumes", [])}


def secrets(one: dict[str, Any]) -> set[str]:
    """Which files of secrets/ a container sees; "" for all of them."""
    return {plain(volume).split(":")[0].removeprefix("./secrets").removeprefix("/") for volume in one.get("volumes", []) if volume.startswith("./secrets")}


def unsealed(found: Services) -> set[tuple[str, str]]:
    """Containers that can do more than they have to, and how."""
    faults = {(name, "capabilities") for name, one in found.items() if (one.get("cap_drop"), one.get("cap_add")) != (["ALL"], CAPABLE.get(name))}
    faults |= {(name, "root") for name, one in found.items() if name in OURS and one.get("user") != "10001:10001"}
    faults |= {(name, "root") for name, one in found.items() if str(one.get("user", "")).startswith(("0", "root")) and name != "traces-owner"}
    faults |= {(name, "written") for name, one in found.items() if one.get("read_only") is not True and name not in WRITABLE}
    return faults | {(name, word) for name, one in found.items() for word in ("privileged", "pid", "ipc", "network_mode", "devices") if word in one}


def test_containers_have_no_capability_a_root_that_is_read_and_ours_run_as_nobody_in_particular():
    assert unsealed(services()) == set()
    loose = copy.deepcopy(services())
    del loose["reporting"]["read_only"], loose["postgres"]["cap_drop"]
    loose["nats"] |= {"user": "0:0", "privileged": True}
    assert unsealed(loose) == {("reporting", "written"), ("postgres", "capabilities"), ("nats", "root"), ("nats", "privileged")}


def test_every_container_has_a_limit_for_memory_processor_and_processes():
    assert {frozenset(one["deploy"]["resources"]["limits"]) for one in services().values()} == {frozenset({"memory", "cpus", "pids"})}


def test_only_the_proxy_is_reached_from_outside_and_what_watches_on_loopback():
    assert {name: one["ports"] for name, one in services().items() if "ports" in one} == PUBLISHED


def test_only_letters_and_an_operators_commands_reach_out():
    """From a network that is internal nothing leads out; a part with a port of the host has to have another as well, for from it none is published."""
    networks = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["networks"]
    assert networks["inside"] == {"internal": True}
    found = services()
    assert {name for name, one in found.items() if "outside" in one.get("networks", [])} == REACH_OUT | PUBLISHED.keys()
    assert [name for name, one in found.items() if "inside" not in one.get("networks", [])] == []


def test_a_service_is_given_its_own_secrets_and_jobs_have_all():
    """Above all the key that signs sessions is registration's alone; and nobody can write what it was given."""
    url = "nats-url"
    more = {"registration": {"signing-key.pem"}, "notification": {"smtp-url"}}
    wanted = {service: {url, f"{service}.database-url"} | more.get(service, set()) for service in SERVICES}
    wanted |= {job: {url, ""} for job in JOBS} | {broker: {"broker"} for broker in BROKERS}
    wanted |= {"operate": {url, "", "broker"}, "partners": {"registration.database-url", "nats-keys", "broker"}, "proxy": {"tls"}}
    wanted |= {"postgres": {f"{role}.password" for role in ("postgres", *SERVICES)}}
    wanted |= {"alertmanager": {"smtp-url"}, "grafana": {"grafana.password"}, "traces": {"ui.json"}}
    found = services()
    assert {name: given for name, one in found.items() if (given := secrets(one))} == wanted
    written = {(name, volume) for name, one in found.items() for volume in one.get("volumes", []) if volume.startswith("./") and not volume.endswith(":ro")}
    assert written == {("operate", "./secrets/broker:/broker"), ("partners", "./secrets/broker:/broker")}, "where `partners export` puts the accounts"


def test_each_service_reads_the_secrets_that_it_is_given_and_hears_of_no_other_database():
    for service in SERVICES:
        told = services()[service]["environment"]
        files = {value for value in told.values() if str(value).startswith("/run/secrets/")}
        assert files <= mounts(services()[service]).keys()
        assert [name for name in told if name.endswith("_DATABASE_URL_FILE")] == [f"THIDUA_{service.upper()}_DATABASE_URL_FILE"]
        assert mounts(services()[service])["/run/secrets/database-url"] == f"./secrets/{service}.database-url:/run/secrets/database-url:ro"


def test_database_and_grafana_take_their_passwords_from_files_and_nobody_without():
    database, grafana = (services()[name]["environment"] for name in ("postgres", "grafana"))
    assert database["POSTGRES_PASSWORD_FILE"] == "/run/secrets/postgres.password"
    assert "POSTGRES_HOST_AUTH_METHOD" not in database, "by its default PostgreSQL's image asks for a password"
    assert grafana["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana.password", "Grafana's own default is admin"
    assert [name for name in grafana if name.startswith("GF_AUTH_")] == []
    for name, file in (("postgres", database["POSTGRES_PASSWORD_FILE"]), ("grafana", grafana["GF_SECURITY_ADMIN_PASSWORD__FILE"])):
        assert file in mounts(services()[name])


def test_what_a_part_has_written_lies_in_a_volume():
    found = services()
    for name, folder in LASTING.items():
        assert not mounts(found[name])[folder].startswith((".", "/")), name
    stores = [mounts(found[name])[folder] for name, folder in LASTING.items() if name not in JOBS]
    assert len(stores) == len(set(stores)), "no two write in the same place"
    assert mounts(found["registration"])["/backups"] == "backups:/backups:ro", "it tells how old the newest is, and can spoil none"
    assert found["traces"]["environment"]["BADGER_EPHEMERAL"] == "false"


def test_a_job_begins_when_what_it_works_on_is_there():
    found = services()
    assert found["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    brokers: dict[str, Any] = {broker: {"condition": "service_healthy", "required": False} for broker in BROKERS}
    assert found["provision"]["depends_on"] == brokers | {"migrate": {"condition": "service_completed_successfully"}}
    assert found["backup"]["depends_on"] == found["registration"]["depends_on"]
    assert found["backup"]["command"][:2] == ["backup", "--nightly"], "without a time it would begin again at each end"


@pytest.mark.parametrize(
    ("part", "asked"),
    [*((service, "ready") for service in SERVICES), ("postgres", "127.0.0.1"), ("nats", "http://127.0.0.1:8222/healthz"), ("proxy", "http://127.0.0.1:2019/config/")],
)
def test_a_part_is_healthy_when_it_can_do_its_work(part, asked):
    """PostgreSQL by its address: while the roles are made it listens on its socket alone."""
    assert any(asked in word for word in services()[part]["healthcheck"]["test"])


def test_who_has_to_write_something_down_at_the_end_is_given_the_time():
    """A service's work in hand takes up to ten seconds; podman's own time would be ten for all."""
    given = {name: int(one.get("stop_grace_period", "10s").removesuffix("s")) for name, one in services().items()}
    assert {name: given[name] for name in (*SERVICES, *BROKERS, "postgres")} == (
        dict.fromkeys(SERVICES, 20) | dict.fromkeys(BROKERS, 30) | {"postgres": 60}
    )


def test_prometheus_has_the_abilities_that_its_files_use_and_keeps_what_the_readme_says():
    """Without them a panel shows no dot that leads to a trace, and an alarm's letter no runbook and no installation."""
    given = services()["prometheus"]
    [abilities] = [word.partition("=")[2].split(",") for word in given["command"] if word.startswith("--enable-feature=")]
    assert {"exemplar-storage", "expand-external-labels"} <= set(abilities)
    told = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))["global"]["external_labels"]
    assert {value.strip("${}") for value in told.values()} == set(given["environment"])
    assert "--storage.tsdb.retention.time=90d" in given["command"]
    assert "Prometheus (90 days)" in (DEPLOY / "README.md").read_text(encoding="utf-8")
    assert "--storage.tsdb.path=/prometheus" in given["command"]


def test_the_proxy_is_found_inside_by_the_name_that_people_use_and_shows_the_runbooks():
    """The doctor, a rehearsal and registration's look at the certificate come in by that name."""
    proxy = services()["proxy"]
    assert proxy["networks"]["inside"] == {"aliases": ["${HOST}"]}
    assert mounts(proxy)["/srv/runbooks"] == "./runbooks:/srv/runbooks:ro"


def test_a_service_knows_its_public_address_and_believes_the_proxy_who_came():
    """Else all clerks would be one address to what counts failed sign-ins, and a form over TLS would look as if it had come without."""
    for service in SERVICES:
        told = services()[service]["environment"]
        assert told["THIDUA_PUBLIC_URL"].startswith("https://${HOST:?")
        assert told["FORWARDED_ALLOW_IPS"] == "*"


def test_with_partners_a_service_sees_the_key_of_nobody_else():
    added = yaml.safe_load((DEPLOY / "compose.partners.yaml").read_text(encoding="utf-8"))["services"]
    for service in SERVICES:
        own = {f"nats-keys/{service}.seed"} | ({"broker"} if service == "registration" else set())
        assert secrets(added[service]) == own
        assert "networks" not in added[service]


def test_the_database_makes_the_roles_on_its_first_start_and_who_is_in_the_group_reads_secrets():
    found = services()
    assert mounts(found["postgres"])["/docker-entrypoint-initdb.d/roles.sh"] == "./postgres/roles.sh:/docker-entrypoint-initdb.d/roles.sh:ro"
    assert found["postgres"]["user"].endswith(":10001")
    assert [found[name]["group_add"] for name in ("alertmanager", "grafana")] == [["10001"]] * 2
