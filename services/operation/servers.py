"""What `thidua doctor` looks at on the servers of database and broker: do they write before they acknowledge, is there space, how long are certificates good."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.errors import NoServersError
from sqlalchemy import text
from sqlalchemy.engine import make_url

from services import local
from shared import broker, gates, measures
from shared.database import Database
from shared.messages import Message, Refused
from shared.security import wall_now
from shared.settings import SERVICES, Settings

CERTIFICATE_LEFT = timedelta(days=21)
STORE_LEFT = 0.10
OLDEST_POSTGRESQL = (14,)
SQLITE_DURABLE = {2: "FULL", 3: "EXTRA"}
NAMED = ("https://", "wss://", "tls://")
"""Where clients hold the name against the certificate. A database's do as PGSSLMODE says, those of nats:// where the broker insists on TLS."""
NEVER_OFF = ("fsync", "full_page_writes", "synchronous_commit")
"""With any of them off, PostgreSQL acknowledges what a power cut takes along, or tears a page that it cannot mend."""


@contextlib.asynccontextmanager
async def database_there(settings: Settings, service: str) -> AsyncIterator[Database]:
    """A service's database, to look at: raises `FileNotFoundError` rather than make an SQLite file."""
    address = make_url(settings.database_of(service))
    if address.get_backend_name() == "sqlite" and not await asyncio.to_thread(Path(address.database or "").exists):
        raise FileNotFoundError(address.database)
    async with local.database_of(settings, service) as database:
        yield database


async def connected(settings: Settings) -> Client:
    """A connection to the broker, where there is one: raises `NoServersError` where none is named and the bundled one does not run."""
    if not settings.nats_url:
        raise NoServersError
    return await broker.open_once(settings)


async def version_of_database(settings: Settings, service: str) -> str:
    """Of the server or, with SQLite, of the library."""
    async with database_there(settings, service) as database, database.reader.connect() as connection:
        known = connection.dialect.server_version_info or ()
    told = ".".join(map(str, known))
    if not database.sqlite and known < OLDEST_POSTGRESQL:
        raise Refused.because("PostgreSQL là bản {version}, đã hết hỗ trợ: hãy nâng lên {oldest} trở lên.", version=told, oldest=OLDEST_POSTGRESQL[0])
    return f"{'SQLite' if database.sqlite else 'PostgreSQL'} {told}"


async def durable_database(settings: Settings, service: str) -> str:
    """The values in force on a connection like the service's own, whatever the files say."""
    async with database_there(settings, service) as database, database.writer.connect() as connection:
        if database.sqlite:
            level = int(await connection.scalar(text("PRAGMA synchronous")) or 0)
            if level not in SQLITE_DURABLE:
                raise Refused.because("SQLite của {service} xác nhận khi chưa ghi xuống đĩa (synchronous={level}): cần FULL.", service=service, level=level)
            return f"synchronous {SQLITE_DURABLE[level]}, journal {await connection.scalar(text('PRAGMA journal_mode'))}"
        found = {name: str(await connection.scalar(text(f"SHOW {name}"))) for name in NEVER_OFF}
        takes_nothing = await connection.scalar(text("SHOW transaction_read_only")) == "on"
    if takes_nothing:
        raise Refused.because(
            "PostgreSQL của {service} chỉ cho đọc (transaction_read_only = on): đó là máy chủ dự phòng, hoặc default_transaction_read_only đang bật, như khi "
            "ổ đĩa của nó gần đầy: hãy trỏ tới máy chủ chính, thêm chỗ trống hoặc bỏ thiết lập đó.",
            service=service,
        )  # fmt: skip
    if off := [name for name, value in found.items() if value == "off"]:
        raise Refused.because(
            "PostgreSQL của {service} xác nhận khi chưa ghi chắc xuống đĩa ({off} = off): hãy đặt on trong postgresql.conf, hoặc bỏ ALTER ROLE/DATABASE "
            "… SET đã đổi nó, rồi nạp lại cấu hình.",
            service=service, off=", ".join(off),
        )  # fmt: skip
    return ", ".join(f"{name} {value}" for name, value in found.items())


async def durable_broker(settings: Settings) -> str:
    """Every server of the broker writes before it acknowledges."""
    gates.named(settings)
    servers, silent = await gates.servers_of(settings)
    for server in servers:
        gates.durable_on_disk(server)
    return f"{len(servers)} servers write before they acknowledge" + (f", {silent} silent" if silent else "")


async def space_of_broker(settings: Settings) -> str:
    """How much of what its servers may store is left; when it is used up, publishing ends and events wait in the outboxes."""
    servers, _ = await gates.servers_of(settings)
    left = {server.server_name: server.jetstream.left for server in servers if server.jetstream.config}
    for name, part in left.items():
        if part < STORE_LEFT:
            raise Refused.because(
                "Máy chủ NATS {server} chỉ còn {left} % chỗ lưu: hãy mở rộng ổ đĩa hoặc max_file_store trong mục jetstream.", server=name, left=round(part * 100)
            )
    return ", ".join(f"{name} {part:.0%} free" for name, part in left.items())


class Spoken(NamedTuple):
    """A server to which this installation speaks over the network, and the checks that tell when it is away."""

    name: str
    address: str
    cure: Message
    on: tuple[str, ...] = ()


def spoken_to(settings: Settings) -> Iterator[Spoken]:
    """Those that may be told by a certificate."""
    if settings.public_url.startswith("https://"):
        yield Spoken("certificate", settings.public_url, Message("Hãy kiểm tra THIDUA_PUBLIC_URL và máy chủ proxy."))
    cure = Message("Hãy kiểm tra địa chỉ và TLS của máy chủ đó.")
    for number, address in enumerate(filter(None, map(str.strip, settings.nats_url.split(",")))):
        yield Spoken(f"broker's certificate{f' {number + 1}' if number else ''}", address, cure, ("broker",))
    databases = {settings.database_of(service): service for service in reversed(SERVICES)}
    for address, service in databases.items():
        if urlsplit(address).hostname:
            yield Spoken(f"certificate of the database of {service}", address, cure, (f"database {service}",))


async def certificate(address: str) -> str:
    """How long the certificate is good that whoever listens at `address` shows, whether it is for that host, and what keeps this machine from trusting it.

    The last is told and no fault: people's browsers may know a root that this machine does not.
    """
    if (shown := await measures.certificate(address)) is None:
        if address.startswith(NAMED):
            raise Refused.because(
                "máy chủ ở đó không dùng TLS, dù địa chỉ ghi {scheme}: mật khẩu đi không mã hóa; hãy bật TLS ở đó hoặc sửa địa chỉ.",
                scheme=f"{address.partition('//')[0]}//",
            )  # fmt: skip
        return "speaks without TLS"
    left, host = shown.not_valid_after_utc - wall_now(), urlsplit(address if "//" in address else f"nats://{address}").hostname or ""
    if left < CERTIFICATE_LEFT:
        raise Refused.because("chứng thư TLS còn {days} ngày: hãy gia hạn và nạp lại máy chủ giữ nó (proxy, NATS, PostgreSQL).", days=left.days)
    if address.startswith(NAMED) and not measures.is_for(shown, host):
        raise Refused.because(
            "chứng thư TLS không phải của {host}: hãy cài chứng thư có tên này (subjectAltName) rồi nạp lại máy chủ giữ nó, hoặc sửa địa chỉ.", host=host
        )
    if doubt := await measures.distrust(address):
        return f"{left.days} days left; from here not trusted ({doubt}): is its chain whole, and its root known to this machine (SSL_CERT_FILE)?"
    return f"{left.days} days left"
