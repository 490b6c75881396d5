"""deploy/bundle with an engine that holds images by name alone: what the one file carries, and what it says when something is missing."""

import json
import os
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest

from tests.operation.kubernetes import DEPLOY, run

OURS, OTHER = "localhost/thidua:0", "docker.io/library/postgres:17"
PODMAN = """#!/bin/sh
case "$1 $2" in
    "image exists") case "$3" in *missing*) exit 1 ;; esac ;;
    "save "*) while [ "$1" != -o ]; do shift; done; echo "$3" >"$2" ;;
    "create "*) echo "$2" | tr / _ ;;
    "cp "*) case "$2" in *thidua:*:/*) echo '{"bomFormat": "CycloneDX"}' >"$3" ;; *) exit 1 ;; esac ;;
    "load "*) echo "loaded $(cat "$4")" ;;
esac
"""
VERSION = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "bin").mkdir()
    engine = tmp_path / "bin" / "podman"
    engine.write_text(PODMAN)
    engine.chmod(0o755)
    return os.environ | {"PATH": f"{engine.parent}:{os.environ['PATH']}"}


def bundled(environment: dict[str, str], folder: Path, *images: str) -> subprocess.CompletedProcess[str]:
    return run(str(DEPLOY / "bundle"), str(folder / "all.tar"), *images, env=environment)


@pytest.fixture
def bundle(environment, tmp_path) -> Path:
    done = bundled(environment, tmp_path, OURS, OTHER)
    assert done.returncode == 0, done.stderr
    assert f"{OTHER} carries no bill of materials" in done.stderr
    subprocess.run(["tar", "-xf", "all.tar"], cwd=tmp_path, check=True)
    return tmp_path / f"thidua-{VERSION}"


def test_the_bundle_lies_in_a_folder_of_its_version_and_says_what_it_holds(bundle):
    text = (bundle / "README.md").read_text()
    assert VERSION in text
    assert OURS in text
    assert OTHER in text
    assert json.loads(next((bundle / "sbom").iterdir()).read_text())["bomFormat"] == "CycloneDX"
    assert subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=bundle, check=False).returncode == 0


def test_a_setting_that_was_changed_does_not_keep_images_from_loading_and_a_changed_image_does(bundle, environment):
    (bundle / "deploy" / "prometheus" / "prometheus.yml").write_text("of one's own")
    done = run("./load", cwd=bundle, env=environment)
    assert done.returncode == 0, done.stderr
    assert f"loaded {OURS}" in done.stdout
    assert f"loaded {OTHER}" in done.stdout
    next((bundle / "images").iterdir()).write_text("changed")
    assert run("./load", cwd=bundle, env=environment).returncode != 0


def test_whoever_unpacks_a_bundle_as_root_has_files_that_root_alone_may_change(environment, tmp_path):
    """Whoever packed it, and however generous that account is with rights."""
    done = run("sh", "-c", f"umask 0; {DEPLOY}/bundle {tmp_path}/all.tar {OURS}", env=environment)
    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "all.tar") as packed:
        members = packed.getmembers()
    assert {(one.uid, one.gid, one.uname) for one in members} == {(0, 0, "")}
    assert [one.name for one in members if one.mode & 0o022] == []
    assert [one.name for one in members if not one.mode & 0o044] == []


def test_a_bundle_without_our_image_or_with_one_that_is_not_here_is_refused_in_a_sentence(environment, tmp_path):
    assert "no bill of materials was found" in bundled(environment, tmp_path, OTHER).stderr
    assert "there is no image missing:1 here" in bundled(environment, tmp_path, "missing:1").stderr
    assert not (tmp_path / "all.tar").exists()
