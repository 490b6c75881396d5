"""Three brokers in a cluster; whatever goes between two of them or in from clients passes proxies, so that one can be cut off."""

import asyncio
import contextlib
import signal
from pathlib import Path

import nats

from shared.bundled import _die_with_parent, free_port, program
from tests.faults.proxy import Proxy

NODES = 3
READY_SECONDS = 40

CONFIGURATION = """\
listen: "127.0.0.1:{port}"
server_name: {name}
jetstream {{ store_dir: "{store}", sync_interval: always }}
cluster {{ name: road, listen: "127.0.0.1:{cluster}", no_advertise: true, routes: [{routes}] }}
"""


class Node:
    """One broker of the cluster."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.port, self.cluster_port = free_port(), free_port()
        self.proxies: list[Proxy] = []
        """All that leads to it or away from it."""
        self.client_proxy = Proxy(self.port)
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with (self.folder / "nats.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                program(), "-c", str(self.folder / "nats.conf"), stdout=log, stderr=log, preexec_fn=_die_with_parent
            )

    async def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            await self.process.wait()

    def cut(self) -> None:
        for proxy in self.proxies:
            proxy.cut = True

    def mend(self) -> None:
        for proxy in self.proxies:
            proxy.mend()


@contextlib.asynccontextmanager
async def cluster(folder: Path):
    """The nodes of a running cluster whose JetStream answers."""
    nodes = [Node(f"n{number}", folder / f"n{number}") for number in range(NODES)]
    async with contextlib.AsyncExitStack() as stack:
        for node in nodes:
            node.folder.mkdir(parents=True)
            node.proxies.append(await stack.enter_async_context(node.client_proxy))
            routes = []
            for other in nodes:
                if other is not node:
                    proxy = await stack.enter_async_context(Proxy(other.cluster_port))
                    node.proxies.append(proxy)
                    other.proxies.append(proxy)
                    routes.append(f'"nats://127.0.0.1:{proxy.port}"')
            (node.folder / "nats.conf").write_text(
                CONFIGURATION.format(
                    port=node.port, name=node.name, store=node.folder / "store", cluster=node.cluster_port, routes=", ".join(routes)
                ),
                encoding="utf-8",
            )
        for node in nodes:
            await node.start()
            stack.push_async_callback(node.stop)
        await _answering(nodes[0])
        yield nodes


def url_of(nodes: list[Node]) -> str:
    return ",".join(f"nats://127.0.0.1:{node.client_proxy.port}" for node in nodes)


async def _answering(node: Node) -> None:
    """A cluster that starts has no leader for a while, and says nothing until it has."""
    async with asyncio.timeout(READY_SECONDS):
        while True:
            with contextlib.suppress(Exception):
                connection = await nats.connect(f"nats://127.0.0.1:{node.port}", allow_reconnect=False, connect_timeout=1)
                try:
                    if (await connection.jetstream(timeout=1).account_info()) is not None:
                        return
                finally:
                    await connection.close()
            await asyncio.sleep(0.2)
