"""A whole installation of containers on loopback: the image's broker and four services behind Caddy, PostgreSQL beside it.

`python -m tests.operation.containers IMAGE FOLDER [--units N]` runs it and a rehearsal against it, and prints what the rehearsal said. It is
meant to be run inside a network namespace that has nothing but loopback.
"""

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from shared.bundled import free_port
from shared.settings import SERVICES
from tests.faults.postgres import Postgres, own_postgres
from tests.operation import proxy

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
LIMITS = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096", "--runtime", "runc")
ANY_USER = "54321:10001"
READY_SECONDS = 90


def podman(*words: str, check: bool = True, **more) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["podman", *words], capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0 or not check, f"podman {' '.join(words)}: {done.stderr[-3000:]}{done.stdout[-3000:]}"
    return done


class Installation:
    """Containers of one image and what they stand on; everything it starts, it ends."""

    def __init__(self, image: str, folder: Path, postgres: int) -> None:
        self.image, self.folder, self.mark = image, folder, f"thidua-test-{os.getpid()}"
        self.ports = {name: free_port() for name in ("nats", "monitor", "proxy", *SERVICES)}
        self.secrets = folder / "secrets"
        self.postgres = postgres
        self.proxy: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.ports['proxy']}"

    def prepare(self) -> None:
        """Secrets as deploy/init makes them, roles as deploy/postgres makes them, addresses of this machine."""
        proxy.make_secrets(self.secrets)
        for service in SERVICES:
            given = (self.secrets / f"{service}.database-url").read_text()
            (self.secrets / f"{service}.database-url").write_text(given.replace("@postgres:5432", f"@127.0.0.1:{self.postgres}"))
        password = (self.secrets / "nats.password").read_text().strip()
        (self.secrets / "nats-url").write_text(f"nats://thidua:{password}@127.0.0.1:{self.ports['nats']}")
        for name in ("data", "backups", "streams"):
            (self.folder / name).mkdir()
            (self.folder / name).chmod(0o777)
        text = (DEPLOY / "nats" / "broker.conf").read_text()
        for port, name in (("4222", "nats"), ("8222", "monitor")):
            text = text.replace(f'"0.0.0.0:{port}"', f'"127.0.0.1:{self.ports[name]}"')
        (self.folder / "nats").mkdir()
        (self.folder / "nats" / "broker.conf").write_text(text)

    def environment(self) -> list[str]:
        run = "/run/secrets"
        named = {f"THIDUA_{service.upper()}_DATABASE_URL_FILE": f"{run}/{service}.database-url" for service in SERVICES} | {
            "THIDUA_NATS_URL_FILE": f"{run}/nats-url", "THIDUA_NATS_MONITOR_URL": f"http://127.0.0.1:{self.ports['monitor']}",
            "THIDUA_SIGNING_KEY_FILE": f"{run}/signing-key.pem", "THIDUA_PUBLIC_URL": self.address, "THIDUA_BACKUPS": "/backups",
            "THIDUA_HOST": "127.0.0.1", "SERVER_NAME": "nats",
        }  # fmt: skip
        return [word for name, value in named.items() for word in ("-e", f"{name}={value}")]

    def box(self, *more: str, data: str = "data") -> list[str]:
        """As deploy/compose.yaml boxes a service in: no root, no writable root, no capability, no network but the host's loopback."""
        return [
            "--network", "host", *LIMITS, "--read-only", "--user", ANY_USER, "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
            "--tmpfs", "/tmp:size=64m,mode=1777", "-v", f"{self.secrets}:/run/secrets:ro", "-v", f"{self.folder}/{data}:/data",
            "-v", f"{self.folder}/backups:/backups", "--no-healthcheck", *self.environment(), *more,
        ]  # fmt: skip

    def job(self, *words: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """A command in a container of its own; its output."""
        return podman("run", "--rm", *(["-i"] if stdin else []), *self.box(), self.image, *words, check=check, input=stdin)

    def start(self, name: str, *words: str, image: str = "", more: tuple[str, ...] = ()) -> None:
        podman("run", "-d", "--name", f"{self.mark}-{name}", *self.box(*more), image or self.image, *words)

    def start_broker(self) -> None:
        mounted = {f"{self.folder}/nats/broker.conf": "broker.conf", f"{self.secrets}/broker": "secrets"}
        mounts = [word for outside, within in mounted.items() for word in ("-v", f"{outside}:/etc/nats/{within}:ro")]
        boxed = self.box("--entrypoint", "/opt/thidua/bin/nats-server", *mounts, data="streams")
        podman("run", "-d", "--name", f"{self.mark}-nats", *boxed, self.image, "-c", "/etc/nats/broker.conf")
        wait(f"http://127.0.0.1:{self.ports['monitor']}/healthz")

    def start_service(self, service: str, port: int | None = None, name: str = "", image: str = "") -> None:
        self.start(name or service, "run", service, image=image, more=("-e", f"THIDUA_PORT={port or self.ports[service]}"))

    def stop(self) -> None:
        """End every container that was started here, and the proxy."""
        if self.proxy is not None:
            self.proxy.terminate()
            self.proxy.wait()
        names = podman("ps", "-a", "--filter", f"name={self.mark}", "--format", "{{.Names}}").stdout.split()
        for name in names:
            (self.folder / f"{name}.log").write_text(podman("logs", name, check=False).stderr)
            podman("rm", "-f", "-t", "5", name, check=False)

    def stop_gently(self, service: str) -> float:
        """As an engine stops it, by SIGTERM; how many seconds that took. It must not have to be killed."""
        began = time.monotonic()
        podman("stop", "-t", "30", f"{self.mark}-{service}")
        status = podman("inspect", "--format", "{{.State.ExitCode}}", f"{self.mark}-{service}").stdout.strip()
        assert status in {"0", "143"}, f"{service} ended with {status}"
        return time.monotonic() - began

    def figures(self) -> list[str]:
        """What each service takes of memory and processor since it started."""
        names = {"process_resident_memory_bytes": ("MiB of memory", 1 << 20), "process_cpu_seconds_total": ("s of processor time", 1)}
        pages = {service: httpx.get(f"http://127.0.0.1:{self.ports[service]}/{service}/metrics", timeout=30).text for service in SERVICES}
        lines = [(service, line.split()) for service, page in pages.items() for line in page.splitlines() if line.split()[0] in names]
        return [f"figure {service}: {float(value) / names[name][1]:.0f} {names[name][0]}" for service, (name, value) in lines]

    def up(self) -> None:
        """Everything, in the order of deploy/compose.yaml."""
        self.start_broker()
        self.job("migrate")
        self.job("provision")
        for service in SERVICES:
            self.start_service(service)
        for service in SERVICES:
            wait(f"http://127.0.0.1:{self.ports[service]}/{service}/ready")
            podman("exec", f"{self.mark}-{service}", "/opt/thidua/bin/python", "-m", "shared.probe", "ready")
        self.proxy = proxy.start(self.folder, self.secrets, self.ports["proxy"], {service: [self.ports[service]] for service in SERVICES})
        wait(f"{self.address}/registration/sign-in")


def wait(address: str, seconds: float = READY_SECONDS) -> None:
    """Until it answers 200."""
    last = time.monotonic() + seconds
    said: object = ""
    while time.monotonic() < last:
        with contextlib.suppress(httpx.TransportError):
            answer = httpx.get(address, verify=False, timeout=5)
            if answer.status_code == 200:
                return
            said = answer.text[:500]
        time.sleep(0.2)
    raise AssertionError(f"{address} not ready: {said}")


def listen(postgres: Postgres, port: int) -> None:
    """Have it answer on loopback too, for containers do not see its socket."""
    postgres._control("-m", "fast", "stop")
    socket_folder = postgres.url.rpartition("host=")[2]
    postgres._control("-o", f"-h 127.0.0.1 -p {port} -k {socket_folder}", "-l", str(postgres.server.log), "start")


@contextlib.contextmanager
def installation(image: str, folder: Path):
    """An installation on a PostgreSQL of its own, made ready but not started; ended afterwards."""
    with own_postgres() as server:
        made = Installation(image, folder, free_port())
        listen(server, made.postgres)
        made.prepare()
        environment = os.environ | {
            "PATH": f"{server.server.bin_path}:{os.environ['PATH']}", "SECRETS": str(made.secrets), "PGHOST": "127.0.0.1",
            "PGPORT": str(made.postgres), "PGUSER": "postgres", "PGDATABASE": "postgres",
        }  # fmt: skip
        subprocess.run(["psql", "-c", "CREATE DATABASE thidua"], env=environment, check=True, capture_output=True)
        environment["PGDATABASE"] = "thidua"
        subprocess.run(["sh", str(DEPLOY / "postgres" / "roles.sh")], env=environment, check=True, capture_output=True)
        try:
            yield made
        finally:
            made.stop()


def outside_is_reachable() -> bool:
    """True when a packet could leave this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation: routing alone is asked
        except OSError:
            return False
    return True


def main() -> int:
    given = argparse.ArgumentParser()
    given.add_argument("image")
    given.add_argument("folder", type=Path)
    given.add_argument("--units", type=int, default=20)
    wanted = given.parse_args()
    assert not outside_is_reachable(), "there is a way out: run me in a network namespace without one"
    with installation(wanted.image, wanted.folder) as made:
        made.up()
        done = made.job("rehearse", "--address", made.address, "--insecure", "--units", str(wanted.units), "--minutes", "0.5", "--prepare", "110", check=False)
        print(done.stdout)
        print(done.stderr, file=sys.stderr)
        print("\n".join(made.figures()))
        print(made.job("backup").stdout)
        doctor = made.job("doctor", "--language", "en", check=False)
        print(doctor.stdout)
        print(f"figure SIGTERM: {max(made.stop_gently(service) for service in SERVICES):.1f} s to the end of the slowest service")
        return done.returncode


if __name__ == "__main__":
    sys.exit(main())
