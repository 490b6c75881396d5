"""Debian's rabbitmq-server, one node of our own on free ports."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from shared.bundled import _die_with_parent, free_port

PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"
STARTS_SECONDS = 60


def installed() -> bool:
    return shutil.which(PROGRAM) is not None


def release() -> str:
    """The release that is installed, by the name of its folder; nothing when none is."""
    return next((folder.name.partition("-")[2] for folder in Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*")), "")


def _environment(folder: Path, port: int, mapper: int) -> dict[str, str]:
    folder.mkdir()
    (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n", encoding="utf-8")
    return {
        "HOME": str(folder), "RABBITMQ_NODENAME": f"bench{port}@localhost", "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"), "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder), "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"), "RABBITMQ_PID_FILE": str(folder / "pid"),
        "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": str(mapper),
    }  # fmt: skip


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """The address of a node that keeps its data in `folder`, with a port mapper that ends with it: Erlang's own would stay behind."""
    port, mapper = free_port(), free_port()
    environment = os.environ | _environment(folder, port, mapper)
    processes = [await _start(folder, environment, "epmd", "-port", str(mapper), "-address", "127.0.0.1")]
    try:
        await asyncio.wait_for(_answering(mapper, processes[0]), STARTS_SECONDS)
        processes.append(await _start(folder, environment, PROGRAM))
        await asyncio.wait_for(_answering(port, processes[1]), STARTS_SECONDS)
        yield f"amqp://guest:guest@127.0.0.1:{port}"
    finally:
        for process in reversed(processes):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _start(folder: Path, environment: dict[str, str], *command: str) -> asyncio.subprocess.Process:
    with (folder / "server.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=environment, preexec_fn=_die_with_parent
        )


async def _answering(port: int, process: asyncio.subprocess.Process) -> None:
    while process.returncode is None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.1)
    raise OSError(f"a server of RabbitMQ ended with status {process.returncode}")
