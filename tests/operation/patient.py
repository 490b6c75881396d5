"""An installation in which everything is right, and nothing is left out, for the doctor to look at."""

import asyncio
import contextlib
import json
import ssl
from datetime import UTC, datetime, timedelta

import nats
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from services import local
from services.registration import keys
from shared import measures, streams
from shared import settings as configuration
from shared.bundled import free_port
from tests.fabric.servers import nats_server
from tests.journeys.test_trace import Collector
from tests.operation.certificates import certified

NOW = datetime.now(UTC)


@contextlib.asynccontextmanager
async def https(folder, days: int, host: str = "localhost"):
    """A server whose certificate is good for so many days, and for this host."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certified(folder, days, host))
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextlib.contextmanager
def mail_server():
    controller = Controller(Sink(), hostname="127.0.0.1", port=free_port(), ready_timeout=60)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{controller.port}"
    finally:
        controller.stop()


def back_up(folder, age: timedelta) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"thidua-{datetime.now(UTC) - age:{measures.STAMP}}.tar.gz").touch()


@contextlib.asynccontextmanager
async def listening(settings, *absent: str):
    """A pull request at each durable, as a running service has them; a service itself would mend what these tests break."""
    connection = await nats.connect(settings.nats_url)
    try:
        for place in streams.durables([local.hears_of(service) for service in configuration.SERVICES if service not in absent], []):
            request = json.dumps({"batch": 1, "expires": 120_000_000_000}).encode()
            await connection.publish(f"$JS.API.CONSUMER.MSG.NEXT.{place.stream}.{place.service}", request, reply=await heard(connection))
        await connection.flush()
        yield
    finally:
        await connection.close()


async def heard(connection) -> str:
    """An address at which the connection is interested in answers."""
    inbox = connection.new_inbox()
    await connection.subscribe(inbox)
    return inbox


@contextlib.asynccontextmanager
async def in_health(tmp_path):
    """The settings of an installation in which everything is right, and nothing is left out."""
    async with nats_server(tmp_path / "nats") as broker, https(tmp_path, 90) as page:
        with Collector().running() as collector, mail_server() as mail:
            back_up(tmp_path / "backups", timedelta(hours=2))
            made = configuration.load(
                {}, data=tmp_path / "data", nats_url=broker.nats, nats_monitor_url=broker.monitor, public_url=page, smtp_url=mail,
                otlp_endpoint=collector.url, backups=tmp_path / "backups",
            )  # fmt: skip
            await local.migrate_all(made)
            await local.provision(made)
            keys.signing_key(made)
            async with listening(made):
                yield made
