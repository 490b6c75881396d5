"""What tests of containers and of upgrades have in common: the image, built once, the version before, and what has to be there."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from shared.settings import SERVICES

NEEDED = ("buildah", "podman", "runc", "debootstrap", "unshare", "ip")
MISSING = [tool for tool in NEEDED if not shutil.which(tool)]
CONTAINERS = [
    pytest.mark.deploy,
    pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}: make tools"),
    pytest.mark.skipif(os.geteuid() != 0, reason="building with chroot isolation and containers on the host's network need root"),
]
NETWORKS = [tool for tool in ("/usr/lib/podman/netavark", "/usr/lib/podman/aardvark-dns", "nsenter", "iptables") if not shutil.which(tool)]
COMPOSED = [*CONTAINERS, pytest.mark.slow, pytest.mark.skipif(bool(NETWORKS), reason=f"missing: {', '.join(NETWORKS)}: make tools")]
ROOT = Path(__file__).parents[2]
BEFORE = "0.0.9"
"""What the version before is called."""


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


@pytest.fixture(scope="session")
def before(tmp_path_factory) -> Path:
    """The repository as it was before the schema last changed."""
    changed = git("log", "-1", "--format=%H", "--", *(f"services/{service}/migrations/versions" for service in SERVICES))
    parent = git("rev-parse", "--verify", "-q", f"{changed}^") if changed else ""
    if not parent:
        pytest.skip("the history does not reach back to the schema before this one")
    folder = tmp_path_factory.mktemp("before")
    tree = subprocess.run(["git", "archive", parent], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=tree.stdout, check=True)
    return folder


def built(tree: Path) -> str:
    """The image that a tree's own script makes of it."""
    done = subprocess.run([str(tree / "deploy" / "build-image"), "--debootstrap", "bookworm"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="session")
def image() -> str:
    return built(ROOT)


@pytest.fixture(scope="session")
def image_before(before) -> str:
    project = before / "pyproject.toml"
    project.write_text(re.sub(r'(?m)^version = ".*"', f'version = "{BEFORE}"', project.read_text(encoding="utf-8")), encoding="utf-8")
    (before / ".venv").symlink_to(ROOT / ".venv")
    return built(before)
