"""Partners come to the broker through what ends TLS beside it, as deploy/README.md tells them: their client begins with TLS."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import nats
import nats.errors
import pytest

from shared.broker import connected
from tests.operation.certificates import certified
from tests.operation.kubernetes import DEPLOY


async def pour(source: asyncio.StreamReader, into: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while part := await source.read(1 << 16):
            into.write(part)
            await into.drain()
    into.close()


@pytest.fixture
async def door(nats_url, tmp_path) -> AsyncIterator[tuple[str, ssl.SSLContext]]:
    """Its address, and how a partner checks its certificate; behind it stands a broker that speaks without TLS."""
    broker, file = urlsplit(nats_url), certified(tmp_path, 90)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await asyncio.open_connection(broker.hostname, broker.port)
        await asyncio.gather(pour(reader, behind[1]), pour(behind[0], writer))

    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(file)
    async with await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=served) as server:
        yield f"tls://localhost:{server.sockets[0].getsockname()[1]}", ssl.create_default_context(cafile=file)


async def test_a_client_that_begins_with_tls_says_and_hears(door):
    address, trusted = door
    assert "`tls_handshake_first=True` in nats-py" in (DEPLOY / "README.md").read_text(encoding="utf-8")
    client = await nats.connect(address, tls=trusted, tls_handshake_first=True, allow_reconnect=False)
    heard = await client.subscribe("there")
    await client.publish("there", b"and back")
    assert (await heard.next_msg(timeout=60)).data == b"and back"
    await client.close()


async def test_one_that_believes_another_authority_does_not_get_in(door):
    with pytest.raises(ssl.SSLError):
        await connected(door[0], tls=ssl.create_default_context(), tls_handshake_first=True, allow_reconnect=False, error_cb=silent)


async def silent(_: Exception) -> None:
    """What nats-py would log."""
