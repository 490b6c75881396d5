"""Caddy on loopback with the configuration of deploy/, in front of services wherever they listen."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from shared.bundled import free_port

ROOT = Path(__file__).parents[2]
CADDY = Path(sys.executable).parent / "caddy"
needed = pytest.mark.skipif(not CADDY.exists(), reason="caddy is missing: make tools")
TRIED_FOR = "15s"
"""How long a request waits for a service, as deploy/ has it."""


def start(folder: Path, secrets: Path, port: int, upstreams: Mapping[str, Sequence[int]], *, plain: int = 0) -> subprocess.Popen[bytes]:
    """Listening on `port`, and without TLS on `plain` (0: any); each service may be at several ports, of which some are down."""
    text = (ROOT / "deploy" / "proxy" / "Caddyfile").read_text(encoding="utf-8")
    file = folder / "Caddyfile"
    text = text.replace("lb_try_duration 15s", f"lb_try_duration {TRIED_FOR}")
    file.write_text(text.replace("admin localhost:2019", "admin off").replace("{$LISTEN::443}", "{$LISTEN}").replace("{$PLAIN::80}", "{$PLAIN}"), encoding="utf-8")
    named = {service.upper(): " ".join(f"127.0.0.1:{one}" for one in ports) for service, ports in upstreams.items()}
    files = {"LISTEN": f"127.0.0.1:{port}", "PLAIN": f"127.0.0.1:{plain or free_port()}", "TLS_CERT": str(secrets / "tls" / "tls.crt"), "TLS_KEY": str(secrets / "tls" / "tls.key"), "HOME": str(folder)}
    command = [str(CADDY), "run", "--config", str(file), "--adapter", "caddyfile"]
    with (folder / "proxy.log").open("wb") as log:
        return subprocess.Popen(command, env=os.environ | named | files, stdout=log, stderr=log)


def make_secrets(folder: Path) -> Path:
    """As deploy/init makes them for this machine."""
    subprocess.run(["sh", str(ROOT / "deploy" / "init"), "127.0.0.1", str(folder)], check=True, capture_output=True)
    return folder
