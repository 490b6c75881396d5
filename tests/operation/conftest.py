"""What tests of containers have in common: the image, built once, and what has to be there."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NEEDED = ("buildah", "podman", "runc", "debootstrap", "unshare", "ip")
MISSING = [tool for tool in NEEDED if not shutil.which(tool)]
CONTAINERS = [
    pytest.mark.deploy,
    pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}: make tools"),
    pytest.mark.skipif(os.geteuid() != 0, reason="building with chroot isolation and containers on the host's network need root"),
]


@pytest.fixture(scope="session")
def image() -> str:
    builder = Path(__file__).parents[2] / "deploy" / "build-image"
    done = subprocess.run([str(builder), "--debootstrap", "bookworm"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
