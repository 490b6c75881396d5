"""In Kubernetes a container beside each broker keeps it up to the partners' table: rendered, valid, and given no more than it needs."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from services import local, partner_access
from services.command_line import parser
from shared import settings as configuration
from shared.bundled import free_port
from shared.settings import Settings
from tests.fabric.house import opened

DEPLOY = Path(__file__).parents[2] / "deploy"
TOOLS = Path(sys.executable).parent
KUBECTL = shutil.which("kubectl", path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")

pytestmark = pytest.mark.skipif(not KUBECTL, reason="kubectl is missing: make tools")


@pytest.fixture(params=["one", "three"])
def text(request, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    parts = {"resources": DEPLOY / "kubernetes" / "overlays" / request.param, "components": DEPLOY / "kubernetes" / "partners-watch"}
    own = {kind: [os.path.relpath(path, folder)] for kind, path in parts.items()}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(own))
    done = subprocess.run([str(KUBECTL), "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def pod(text):
    [broker] = [one for one in yaml.safe_load_all(text) if one and one["kind"] == "StatefulSet" and one["metadata"]["name"] == "nats"]
    return broker["spec"]["template"]["spec"]


def test_the_broker_reads_the_file_that_its_neighbour_keeps(pod):
    places = {one["name"]: {mount["name"]: mount["mountPath"] for mount in one["volumeMounts"]} for one in (*pod["initContainers"], *pod["containers"])}
    assert places["nats"]["accounts"] == "/etc/nats/secrets"
    assert places["partners"]["accounts"] == places["first-accounts"]["accounts"] == "/accounts"
    [accounts] = [volume for volume in pod["volumes"] if volume["name"] == "accounts"]
    assert "emptyDir" in accounts
    assert "secret" not in accounts, "a secret could not be written"
    assert pod["containers"][0]["name"] == "nats", "overlays patch the first container"
    assert pod["containers"][0]["args"][0] == "-c"


def test_the_neighbour_runs_a_command_and_has_settings_that_exist_and_no_rights(pod):
    [partners] = [one for one in pod["containers"] if one["name"] == "partners"]
    given = parser().parse_args(partners["args"])
    assert given.watch
    assert partners["ports"] == [{"name": "partners", "containerPort": given.metrics}]
    assert {one["name"].removesuffix("_FILE") for one in partners["env"]} <= {f"THIDUA_{name.upper()}" for name in Settings.model_fields}
    for one in (partners, *pod["initContainers"]):
        assert one["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        assert one["resources"]["limits"]
    [secret] = [volume["secret"] for volume in pod["volumes"] if volume["name"] == "registration-database"]
    assert [item["key"] for item in secret["items"]] == ["registration.database-url"]


def test_the_manifests_with_it_are_valid(text, tmp_path):
    validate = TOOLS / "kubernetes-validate"
    if not validate.exists():
        pytest.skip("kubernetes-validate is missing: make tools")
    (tmp_path / "all.yaml").write_text(text)
    done = subprocess.run([str(validate), "--strict", str(tmp_path / "all.yaml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_the_neighbour_tells_prometheus_whether_the_broker_is_up_to_the_table(tmp_path):
    async with opened(tmp_path) as house:
        file = tmp_path / "accounts.conf"
        given = configuration.load({}, data=tmp_path / "data", nats_url=house.url, broker_keys=tmp_path / "keys", broker_accounts=file)
        told = asyncio.Queue()
        watching = asyncio.create_task(partner_access.watch(given, partner_access.keyring(given), told.put_nowait))
        async with asyncio.timeout(60):
            assert await told.get() is False, "there are no tables yet"
            await local.migrate_all(given, ["registration"])
            while not await told.get():
                pass
        watching.cancel()


async def test_where_it_tells_it_is_that_one_series_under_the_name_of_the_alarm(tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "services", *f"partners export --watch --metrics {port} --keys {tmp_path} --to {tmp_path / 'accounts.conf'}".split()]
    environment = os.environ | {"THIDUA_DATA": str(tmp_path / "data"), "THIDUA_LOG_LEVEL": "warning"}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(60):
            assert b"not up to the partners' table" in await process.stderr.readline()
        async with httpx.AsyncClient() as client:
            lines = (await client.get(f"http://127.0.0.1:{port}/partners/metrics")).text.splitlines()
    finally:
        process.kill()
        await process.wait()
    assert [line for line in lines if not line.startswith("#")] == [f'thidua_broker_accounts_current{{file="{tmp_path / "accounts.conf"}"}} 0.0']
