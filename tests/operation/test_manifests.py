"""What deploy/ says to compose, NATS, Caddy and the Collector: read, checked, and held against what the program knows."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import yaml
from cryptography import x509

from services.command_line import parser
from shared import permissions
from shared import settings as configuration
from shared.bundled import free_port, program
from shared.settings import SERVICES, Settings
from tests.operation import proxy
from tests.operation.containers import wait
from tests.operation.kubernetes import DEPLOY, TOOLS, run


def compose() -> dict:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("files", [("compose.yaml",), ("compose.yaml", "compose.partners.yaml")])
@pytest.mark.parametrize("profile", ["one", "three", "watch"])
def test_podman_compose_reads_the_files_and_takes_the_services_of_the_profile(profile, files):
    engine = TOOLS / "podman-compose"
    if not engine.exists():
        pytest.skip("podman-compose is missing: make tools")
    named = [word for file in files for word in ("-f", file)]
    done = run(str(engine), *named, "--profile", profile, "config", cwd=DEPLOY, env=os.environ | {"HOST": "thidua.example"})
    assert done.returncode == 0, done.stderr
    merged = yaml.safe_load(done.stdout)["services"]
    declared = {name: one for file in files for name, one in (keyed()["services"] if "partners" in file else compose()["services"]).items()}
    profiles = {name: compose()["services"].get(name, one).get("profiles", [profile]) for name, one in declared.items()}
    assert set(merged) == {name for name, wanted in profiles.items() if profile in wanted}
    assert ("partners" in merged) == (len(files) == 2)
    assert ("THIDUA_NATS_SEED_FILE" in merged["backup"]["environment"]) == (len(files) == 2)


def keyed() -> dict:
    return yaml.safe_load((DEPLOY / "compose.partners.yaml").read_text(encoding="utf-8"))


def careless(services: dict) -> set[str]:
    """Services of compose without a restart policy, limits, or, if they stay, a health check. The Collector's image has nothing to ask with."""
    silent = {"collector", "backup", "migrate", "provision", "operate", "traces-owner", "partners"}
    return {
        name for name, one in services.items()
        if not one.get("restart") or "limits" not in one.get("deploy", {}).get("resources", {})
        or "no-new-privileges:true" not in one.get("security_opt", []) or (name not in silent and "test" not in one.get("healthcheck", {}))
    }  # fmt: skip


def test_every_service_of_compose_restarts_has_limits_and_tells_its_health():
    assert careless(compose()["services"]) == set()
    assert careless({"partners": keyed()["services"]["partners"]}) == set()
    assert careless({"x": {"restart": "always"}}) == {"x"}


def test_what_stays_comes_up_again_after_the_machine_was_off():
    """podman's own unit for that starts what has the policy `always`, and nothing else."""
    jobs = {"migrate", "provision", "operate", "traces-owner"}
    policies = [(name, one["restart"]) for file in (compose(), keyed()) for name, one in file["services"].items() if "restart" in one]
    assert {name for name, policy in policies if policy != "always"} == jobs
    assert ("partners", "always") in policies


def test_compose_runs_commands_and_settings_that_exist():
    known = {f"THIDUA_{name.upper()}" for name in Settings.model_fields}
    for name, one in compose()["services"].items():
        if "thidua" in one["image"] and "entrypoint" not in one:
            parser().parse_args(one["command"])
            named = {key.removesuffix("_FILE") for key in one["environment"] if key.startswith("THIDUA_")}
            assert named <= known, name


def test_with_partners_each_process_has_the_key_of_its_own():
    known = {f"THIDUA_{name.upper()}" for name in Settings.model_fields}
    parser().parse_args(keyed()["services"]["partners"]["command"])
    for name, one in keyed()["services"].items():
        if name.startswith("nats"):
            continue
        assert {key.removesuffix("_FILE") for key in one["environment"]} <= known
        holder = name if name in SERVICES else "operator"
        assert f"nats-keys/{holder}.seed" in json.dumps(one)
    assert {*SERVICES, "operator"} <= set(permissions.USERS)


def test_with_partners_each_broker_has_a_port_of_the_host_on_loopback_unless_told_otherwise():
    """No two the same, and on a network that is not internal: from one, nothing can be published."""
    given = [keyed()["services"][name] for name in ("nats", "nats-1", "nats-2", "nats-3")]
    assert [one["networks"] for one in given] == [["outside"]] * 4
    ports = [re.fullmatch(r"\$\{PARTNER_ADDRESS:-127\.0\.0\.1\}:\$\{PARTNER_PORT\w*:-(\d+)\}:4222", port)[1] for one in given for port in one["ports"]]
    assert ports == ["4222", "4222", "4223", "4224"], "one broker, or three beside each other"


def test_the_trace_store_owns_its_volume_before_it_starts():
    services = compose()["services"]
    store, owner = services["traces"], services["traces-owner"]
    user, group = store["user"].split(":")
    assert owner["command"] == [f"import os; os.chown('/badger', {user}, {group})"]
    assert set(owner["volumes"]) <= set(store["volumes"])
    assert store["depends_on"] == {"traces-owner": {"condition": "service_completed_successfully"}}
    assert store["environment"]["BADGER_DIRECTORY_KEY"].startswith("/badger/")


def test_grafana_asks_nothing_of_outside_hosts():
    given = compose()["services"]["grafana"]["environment"]
    off = {"ANALYTICS_REPORTING_ENABLED", "ANALYTICS_CHECK_FOR_UPDATES", "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES", "NEWS_NEWS_FEED_ENABLED"}
    on = {"PLUGINS_PREINSTALL_DISABLED", "PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED", "SECURITY_DISABLE_GRAVATAR"}
    assert {name: given.get(f"GF_{name}") for name in off | on} == dict.fromkeys(off, "false") | dict.fromkeys(on, "true")


def test_services_wait_for_migrate_and_provision():
    for service in SERVICES:
        gates = compose()["services"][service]["depends_on"]
        assert {name: gate["condition"] for name, gate in gates.items()} == dict.fromkeys(("migrate", "provision"), "service_completed_successfully")


def plain_secrets(text: str) -> list[str]:
    """Lines that give a password itself instead of the file that holds it."""
    return re.findall(r"(?im)^\W*\w*password\w*\W*[:=]\s*(?!/run/secrets/)\S+", text)


def test_a_service_sees_its_own_secrets_and_no_others():
    """Above all the key that signs sessions is registration's alone."""
    own = {"registration": {"signing-key.pem"}, "notification": {"smtp-url"}}
    for service in SERVICES:
        mounted = {v.split(":")[0] for v in compose()["services"][service]["volumes"] if v.startswith("./secrets")}
        wanted = {f"{service}.database-url"} | own.get(service, set())
        assert mounted == {f"./secrets/{name}" for name in wanted} | {"./secrets/${NATS_URL_FILE"}
    whole = {name for name, one in compose()["services"].items() if any(v.startswith("./secrets:") for v in one.get("volumes", []))}
    assert whole == {"migrate", "provision", "backup", "operate"}


def test_no_secret_stands_in_a_file_of_deploy():
    for path in [*DEPLOY.glob("*.yaml"), *(DEPLOY / "kubernetes").rglob("*.yaml"), *(DEPLOY / "nats").iterdir()]:
        assert plain_secrets(path.read_text(encoding="utf-8")) == [], path
    assert plain_secrets("  POSTGRES_PASSWORD: hunter2\n") != []


def test_every_file_that_compose_mounts_is_there():
    mounted = [v.split(":")[0] for one in compose()["services"].values() for v in one.get("volumes", []) if v.startswith("./") and "secrets" not in v]
    assert mounted
    assert [path for path in mounted if not (DEPLOY / path).exists()] == []


REPLACED = {"accounts.conf", "tls.crt", "tls.key"}
"""What is replaced by rename while its reader runs."""


def pinned(services: dict) -> set[tuple[str, str]]:
    """Services that go on seeing the old file after a rename, because it is mounted by itself."""
    mounts = [(name, volume) for name, one in services.items() for volume in one.get("volumes", [])]
    return {(name, volume) for name, volume in mounts if Path(volume.split(":")[0]).name in REPLACED}


def test_what_is_replaced_while_its_reader_runs_is_mounted_as_a_folder():
    services = compose()["services"]
    assert pinned(services) == set()
    assert "./secrets/tls:/run/secrets:ro" in services["proxy"]["volumes"]
    assert all("./secrets/broker:/etc/nats/secrets:ro" in services[name]["volumes"] for name in ("nats", "nats-1", "nats-2", "nats-3"))
    assert pinned({"nats": {"volumes": ["./s/accounts.conf:/a:ro"]}}) == {("nats", "./s/accounts.conf:/a:ro")}


def texts() -> list[Path]:
    return [DEPLOY / "README.md", *(DEPLOY / "runbooks").rglob("*.md")]


def unknown_verbs(text: str) -> set[str]:
    verbs = set(next(a for a in parser()._subparsers._group_actions).choices)
    return set(re.findall(r"`(?:deploy/)?thidua ([a-z-]+)", text)) - verbs


def for_no_container(text: str) -> list[str]:
    """Commands that name a container that compose calls otherwise, or a program that the host does not have."""
    return re.findall(r"podman (?:logs|exec)\b|`thidua [a-z-]+", text)


def test_what_a_runbook_says_to_type_works_on_the_host_of_compose():
    for path in (DEPLOY / "runbooks").rglob("*.md"):
        assert for_no_container(path.read_text(encoding="utf-8")) == [], path
    assert for_no_container("`podman logs proxy`, `thidua doctor`, `podman-compose logs proxy`, `deploy/thidua doctor`") == ["podman logs", "`thidua doctor"]


def test_the_wrapper_runs_a_command_in_the_container_that_has_everything(tmp_path):
    engine = tmp_path / "engine"
    engine.write_text('#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n')
    engine.chmod(0o755)
    done = run(str(DEPLOY / "thidua"), "partners", "add", "thue", "--title", "Cục Thuế", env=os.environ | {"COMPOSE": str(engine)}, stdin=subprocess.DEVNULL)
    told = done.stdout.splitlines()
    assert told == [str(DEPLOY), *["--profile", "tools", "run", "--rm", "--no-deps", "-T", "operate", "partners", "add", "thue", "--title"], "Cục Thuế"]
    given = compose()["services"]["operate"]
    assert {"inside", "outside"} == set(given["networks"])
    assert given["environment"] == compose()["services"]["backup"]["environment"]
    assert given["depends_on"] == {}


def test_every_command_that_the_texts_name_is_one_and_every_file_they_link_is_there():
    for path in texts():
        text = path.read_text(encoding="utf-8")
        assert unknown_verbs(text) == set(), path
        assert [link for link in re.findall(r"\]\(([^)#:]+)\)", text) if not (path.parent / link).exists()] == [], path
    assert unknown_verbs("run `thidua dance`") == {"dance"}


def test_the_bill_of_materials_is_the_same_twice(tmp_path):
    """Made as the image's build makes it, of this environment; two images of one lock file carry the same bytes."""
    maker = TOOLS / "cyclonedx-py"
    if not maker.exists():
        pytest.skip("cyclonedx-py is missing: make tools")
    options = re.search(r"cyclonedx-py (environment .*?) -o", (DEPLOY / "Containerfile").read_text(encoding="utf-8"))[1].split()
    bills = [tmp_path / "first.json", tmp_path / "second.json"]
    for bill, zone in zip(bills, ("UTC", "Asia/Ho_Chi_Minh"), strict=True):
        done = run(str(maker), *options, "-o", str(bill), sys.executable, env=os.environ | {"TZ": zone, "PYTHONHASHSEED": str(len(zone))})
        assert done.returncode == 0, done.stderr
    assert bills[0].read_bytes() == bills[1].read_bytes()
    assert "faststream" in {part["name"] for part in json.loads(bills[0].read_bytes())["components"]}


@pytest.fixture
def secrets(tmp_path):
    done = run("sh", str(DEPLOY / "init"), "thidua.example", str(tmp_path / "secrets"))
    assert done.returncode == 0, done.stderr
    return tmp_path / "secrets"


def test_init_makes_secrets_once_and_no_two_alike(secrets, tmp_path):
    def contents() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in secrets.rglob("*") if path.is_file()}

    before = contents()
    passwords = [text for name, text in before.items() if name.endswith(".password")]
    assert len(passwords) == len(set(passwords)) == 8
    assert all(len(text.strip()) >= 48 for text in passwords)
    assert run("sh", str(DEPLOY / "init"), "other.example", str(secrets)).returncode == 0
    assert contents() == before
    assert not [path for path in secrets.rglob("*") if path.stat().st_mode & 0o007], "others may not read secrets"
    assert run("sh", str(DEPLOY / "init")).returncode == 2
    certificate = x509.load_pem_x509_certificate(before["tls.crt"])
    assert certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["thidua.example"]


@pytest.mark.parametrize("host", ["https://thidua.example", "thidua.example:8443", "thi dua"])
def test_what_is_no_host_alone_is_refused_before_anything_is_made(tmp_path, host):
    done = run("sh", str(DEPLOY / "init"), host, str(tmp_path / "secrets"))
    assert (done.returncode, done.stderr.startswith(f"{host}: write the host's name")) == (2, True)
    assert not (tmp_path / "secrets").exists()


def test_the_certificate_of_an_address_is_for_that_address(tmp_path):
    """A browser, and the doctor, take no name for an address."""
    assert run("sh", str(DEPLOY / "init"), "10.0.0.5", str(tmp_path)).returncode == 0
    certificate = x509.load_pem_x509_certificate((tmp_path / "tls" / "tls.crt").read_bytes())
    named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one) for one in named.get_values_for_type(x509.IPAddress)] == ["10.0.0.5"]


def test_the_program_takes_the_secrets(secrets):
    named = {f"THIDUA_{service.upper()}_DATABASE_URL_FILE": str(secrets / f"{service}.database-url") for service in SERVICES}
    files = {"THIDUA_SIGNING_KEY_FILE": str(secrets / "signing-key.pem"), "THIDUA_NATS_URL_FILE": str(secrets / "nats-url")}
    found = configuration.load(named | files)
    assert found.database_of("reporting").startswith("postgresql+asyncpg://reporting:")
    assert "@nats:4222" in found.nats_url
    from services.registration import keys

    assert keys.signing_key(found).id


@pytest.mark.parametrize("name", ["broker.conf", "cluster.conf"])
def test_nats_takes_its_configuration_and_writes_before_it_acknowledges(secrets, tmp_path, name):
    (tmp_path / "nats").mkdir()
    shutil.copy(DEPLOY / "nats" / name, tmp_path / "nats")
    (tmp_path / "nats" / "secrets").symlink_to(secrets / "broker")  # as compose mounts it
    environment = os.environ | {"SERVER_NAME": "nats-1", "ROUTES": '["nats://nats-1:6222"]'}
    done = run(program(), "-t", "-c", str(tmp_path / "nats" / name), env=environment)
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "nats" / name).read_text().splitlines()
    assert "  sync_interval: always" in said, "a line of its own, and no remark"
    assert 'include "secrets/accounts.conf"' in said, "without accounts a broker lets in everybody"


@proxy.needed
def test_the_proxy_waits_for_a_replica(secrets):
    environment = os.environ | {"TLS_CERT": str(secrets / "tls" / "tls.crt"), "TLS_KEY": str(secrets / "tls" / "tls.key")}
    made = run(str(proxy.CADDY), "adapt", "--validate", "--config", str(DEPLOY / "proxy" / "Caddyfile"), env=environment)
    assert made.returncode == 0, made.stderr
    text = json.dumps(json.loads(made.stdout))
    for service in SERVICES:
        assert f"{service}:8000" in text
    assert text.count("try_duration") == 4


class Named(BaseHTTPRequestHandler):
    """Answers everything, by its own port."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(self.server.server_port).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@proxy.needed
def test_the_proxy_parts_by_path_and_keeps_probes_and_figures_inside(tmp_path):
    """Also where somebody writes the path in another way."""
    with contextlib.ExitStack() as stack:
        servers = {service: stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Named)) for service in SERVICES}
        for server in servers.values():
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
        port = free_port()
        caddy = proxy.start(tmp_path, proxy.make_secrets(tmp_path / "secrets"), port, {name: [server.server_port] for name, server in servers.items()})
        stack.callback(caddy.wait)
        stack.callback(caddy.terminate)
        client = stack.enter_context(httpx.Client(base_url=f"https://127.0.0.1:{port}", transport=httpx.HTTPTransport(verify=False, retries=8)))
        for service, server in servers.items():
            assert client.get(f"/{service}/due").text == str(server.server_port)
            for kept in ("live", "ready", "ready?broker=false", "started", "metrics", "%6detrics", "x/../metrics", "/metrics", "./metrics"):
                assert (kept, client.get(f"/{service}/{kept}").text) == (kept, "")
        assert client.get("/").text == client.get("/static/site.css").text == str(servers["registration"].server_port)


@proxy.needed
def test_who_comes_without_tls_is_sent_to_the_address_with_it(secrets, tmp_path):
    """A clerk types the name alone."""
    plain = free_port()
    caddy = proxy.start(tmp_path, secrets, free_port(), {service: [free_port()] for service in SERVICES}, plain=plain)
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as client:
            answer = client.get(f"http://127.0.0.1:{plain}/reporting/due?campaign=x")
    finally:
        caddy.terminate()
        caddy.wait()
    assert (answer.status_code, answer.headers["location"]) == (301, "https://127.0.0.1/reporting/due?campaign=x")


@proxy.needed
def test_where_no_service_answers_people_and_programs_are_told_so_and_when_to_come_again(tmp_path, monkeypatch):
    monkeypatch.setattr(proxy, "TRIED_FOR", "200ms")
    port = free_port()
    caddy = proxy.start(tmp_path, proxy.make_secrets(tmp_path / "secrets"), port, {service: [free_port()] for service in SERVICES})
    try:
        with httpx.Client(base_url=f"https://127.0.0.1:{port}", transport=httpx.HTTPTransport(verify=False, retries=8)) as client:
            person, programmed = client.post("/reporting/rounds/t6", data={"a": "1"}), client.get("/evaluation/api/league")
            asked = client.get("/evaluation/league", headers={"accept": "application/json"})
            inside = client.get("/reporting/live")
    finally:
        caddy.terminate()
        caddy.wait()
    for answer in (person, programmed, asked):
        assert (answer.status_code, answer.headers["retry-after"], answer.headers["cache-control"]) == (503, "5", "no-store")
    assert person.headers["content-type"] == "text/html; charset=utf-8"
    assert 'role="alert"' in person.text
    assert "vẫn được giữ trong trình duyệt" in person.text
    assert [fault["field"] for fault in programmed.json()["faults"]] == [""]
    assert asked.json() == programmed.json()
    assert (inside.status_code, inside.text) == (404, "")


@proxy.needed
async def test_the_proxy_shows_a_runbook_to_whoever_an_alarm_has_called_and_nothing_beside(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNBOOKS_FOLDER", str(DEPLOY / "runbooks"))
    port = free_port()
    process = proxy.start(tmp_path, proxy.make_secrets(tmp_path / "secrets"), port, {service: [free_port()] for service in SERVICES})
    try:
        async with httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=False) as client:
            await asyncio.to_thread(wait, f"{client.base_url}/runbooks/vi/OutboxOld.md", 10)
            shown = await client.get("/runbooks/vi/OutboxOld.md")
            assert shown.text == (DEPLOY / "runbooks" / "vi" / "OutboxOld.md").read_text(encoding="utf-8")
            assert shown.headers["content-type"] == "text/plain; charset=utf-8", "shown, not saved"
            assert [(await client.get(f"/runbooks/{path}")).status_code for path in ("", "vi/", "nothing.md")] == [404] * 3
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)
    assert "./runbooks:/srv/runbooks:ro" in compose()["services"]["proxy"]["volumes"]
    assert "{$RUNBOOKS_FOLDER:/srv/runbooks}" in (DEPLOY / "proxy" / "Caddyfile").read_text(encoding="utf-8")


def unknown_parts(collector: dict) -> set[str]:
    """Parts that a pipeline names and nobody declares, and parts that no pipeline uses. A connector ends one pipeline and begins another."""
    used = {part for pipe in collector["service"]["pipelines"].values() for kind in ("receivers", "processors", "exporters") for part in pipe.get(kind, [])}
    declared = {name for kind in ("receivers", "processors", "exporters", "connectors") for name in collector[kind]}
    pipes = collector["service"]["pipelines"].values()
    halves = {c for c in collector["connectors"] if not (any(c in p["exporters"] for p in pipes) and any(c in p["receivers"] for p in pipes))}
    return (used ^ declared) | halves


def test_the_collector_counts_every_span_before_it_samples():
    collector = yaml.safe_load((DEPLOY / "collector" / "collector.yaml").read_text(encoding="utf-8"))
    assert unknown_parts(collector) == set()
    counted = collector["service"]["pipelines"]["traces/counted"]
    assert "tail_sampling" not in counted["processors"]
    assert {"spanmetrics", "servicegraph"} <= set(counted["exporters"])
    collector["service"]["pipelines"]["metrics"]["receivers"].remove("servicegraph")
    assert unknown_parts(collector) == {"servicegraph"}


def test_as_shipped_every_trace_is_kept_so_that_every_dot_and_every_link_finds_its_own():
    """A trace is kept when any policy wants it; an operator who lowers the share reads beside it what is lost."""
    collector = yaml.safe_load((DEPLOY / "collector" / "collector.yaml").read_text(encoding="utf-8"))
    policies = collector["processors"]["tail_sampling"]["policies"]
    assert [one["probabilistic"]["sampling_percentage"] for one in policies if one["type"] == "probabilistic"] == [100]
    assert "`sampling_percentage`" in (DEPLOY / "README.md").read_text(encoding="utf-8")
