"""A small local mail server that keeps what it receives as files: where the demo's e-mails arrive."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, Envelope, Session

from shared.identity import new_id

logging.getLogger("mail.log").setLevel(logging.WARNING)  # it tells every line of every conversation at INFO

START_SECONDS = 20.0
KEPT = 500
"""How many of the last mails stay."""


class Sink:
    """Takes mail on loopback and stores each as `<id>.eml` in `folder`; names sort by arrival. `port` 0 takes a free one."""

    def __init__(self, folder: Path, host: str = "127.0.0.1", port: int = 0, kept: int = KEPT) -> None:
        self.folder, self.host, self.port, self.kept = folder, host, port, kept
        self.received = 0
        self._server: asyncio.Server | None = None
        self._conversations: WeakSet[SMTP] = WeakSet()

    @property
    def url(self) -> str:
        """The address for `THIDUA_SMTP_URL`."""
        return f"smtp://{self.host}:{self.port}"

    async def start(self) -> None:
        """Listen."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._names = sorted(path.name for path in self.folder.glob("*.eml"))
        self._server = await asyncio.get_running_loop().create_server(self._converse, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def _converse(self) -> SMTP:
        conversation = SMTP(self, loop=asyncio.get_running_loop(), hostname="thidua", ident="thidua")
        self._conversations.add(conversation)
        return conversation

    async def stop(self) -> None:
        """Listen no longer, and hang up on whoever has not said goodbye."""
        if self._server:
            self._server.close()
            self._server = None
        for conversation in self._conversations:
            if conversation.transport is not None:
                conversation.transport.close()
        await asyncio.sleep(0)  # a transport closes its socket on the loop's next turn

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802 - aiosmtpd's interface
        """Store one message; the oldest beyond the limit goes."""
        name = f"{new_id()}.eml"
        content = envelope.content
        (self.folder / name).write_bytes(content if isinstance(content, bytes) else (content or "").encode())
        self._names.append(name)
        self.received += 1
        while len(self._names) > self.kept:
            (self.folder / self._names.pop(0)).unlink(missing_ok=True)
        return "250 OK"


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """A sink in a process of its own, which takes its share of the work to another core; gives its address for `THIDUA_SMTP_URL`."""
    command = (sys.executable, "-m", "services.notification.sink", str(folder))
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True)
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018 - both were asked for
    try:
        yield (await asyncio.wait_for(process.stdout.readline(), START_SECONDS)).decode().strip()
    finally:
        process.stdin.close()  # its end is the sign to stop, also when we are killed
        await process.wait()


async def _run(folder: Path) -> None:
    sink = Sink(folder)
    await sink.start()
    print(sink.url, flush=True)  # noqa: T201 - how the starter learns the address
    await asyncio.to_thread(sys.stdin.read)
    await sink.stop()


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1])))
