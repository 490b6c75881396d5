"""What must hold before a service starts on a broker that is not its own: each gate passes, or refuses in a sentence that says the cure.

A broker that is away, or a cluster that is still choosing its leader, is no fault: it is waited for.
"""

import asyncio
import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError, ServiceUnavailableError
from pydantic import BaseModel, ValidationError

from shared import broker, migrations, restoring, streams
from shared.database import Database, is_outage
from shared.inbox import Hears
from shared.messages import Refused
from shared.settings import Settings

log = logging.getLogger(__name__)

OLDEST = "2.14.3"
"""Every server before it has published holes."""
PATIENCE_SECONDS = 60.0
REST_SECONDS = 0.5
MONITOR_SECONDS = 3.0
CLOCKS_APART = timedelta(seconds=2)


class StorageSettings(BaseModel):
    """How a server writes. Under `sync_always` its `sync_interval` has no effect and still shows two minutes."""

    sync_always: bool = False
    max_storage: int = 0


class Stored(BaseModel):
    """How much lies on a server's disk, bytes."""

    storage: int = 0


class Meta(BaseModel):
    """The group of all servers with JetStream in a cluster."""

    cluster_size: int = 1


class JetStream(BaseModel):
    """JetStream as a server runs it; without `config` it does not."""

    config: StorageSettings | None = None
    stats: Stored = Stored()
    meta: Meta = Meta()

    @property
    def left(self) -> float:
        """The part of what it may store that is still free, 0 to 1; all of it where it stores nothing."""
        return 1 - self.stats.storage / self.config.max_storage if self.config and self.config.max_storage else 1.0


class Server(BaseModel):
    """What a server says of itself on its monitoring page `/varz`: the settings in force, whatever its file says."""

    server_id: str
    server_name: str
    version: str
    jetstream: JetStream = JetStream()
    config_load_time: datetime | None = None
    """When it read its files last."""


async def check(settings: Settings, hears: Sequence[Hears], patience: float = PATIENCE_SECONDS) -> None:
    """Pass every gate, or raise `Refused` with the first that does not open; what only does not answer yet has `patience` seconds."""
    named(settings)
    last = asyncio.get_running_loop().time() + patience
    while True:
        try:
            return await _examine(settings, hears)
        except (nats.errors.NoServersError, nats.errors.TimeoutError, ServiceUnavailableError, httpx.TransportError) as error:
            if asyncio.get_running_loop().time() > last:
                raise _silent(error) from None
        await asyncio.sleep(REST_SECONDS)


async def migrated(settings: Settings, service: str, patience: float = PATIENCE_SECONDS) -> None:
    """The service's tables are those that this program knows, or a newer one's, and whole; a database that is away is waited for."""
    database = Database(settings.database_of(service), service)
    last = asyncio.get_running_loop().time() + patience
    try:
        while True:
            try:
                return await _whole(database)
            except Exception as error:
                if not is_outage(error) or asyncio.get_running_loop().time() > last:
                    raise
            await asyncio.sleep(REST_SECONDS)
    finally:
        await database.close()


async def _whole(database: Database) -> None:
    await restoring.must_be_over(database)
    standing = await migrations.standing_of(database)
    match standing.place:
        case "none":
            raise Refused.because("Cơ sở dữ liệu của {service} chưa có các bảng của bản này: hãy chạy thidua migrate.", service=database.service)
        case "behind":
            raise Refused.because(
                "Việc chuyển đổi cơ sở dữ liệu của {service} dừng ở {present}, bản này cần {wanted}: hãy chạy lại thidua migrate, việc dở dang sẽ được làm tiếp.",
                service=database.service, present=standing.revision, wanted=migrations.head_of(database.service),
            )  # fmt: skip
        case "foreign":
            raise migrations.foreign(database.service, standing.revision)
        case "newer":
            log.warning("the tables of %s are a newer program's (%s); this one runs on them", database.service, standing.revision)


async def _examine(settings: Settings, hears: Sequence[Hears]) -> None:
    connection = await broker.open_once(settings, hears[0].service if len(hears) == 1 else "")
    try:
        told: dict[str, Any] = connection._server_info  # noqa: SLF001 - nats-py makes public only a part of what a server tells
        recent(told.get("server_name", ""), told["version"])
        servers, silent = await _servers(_addresses(settings))
        complete(servers, told["server_id"], silent)
        for server in servers:
            recent(server.server_name, server.version)
            durable_on_disk(server)
        await provisioned(connection, hears, settings.replicas)
    finally:
        await connection.close()


def named(settings: Settings) -> None:
    """The broker, and where to read its settings, are named."""
    if not settings.nats_url:
        raise Refused.because("THIDUA_NATS_URL còn trống: hãy ghi địa chỉ máy chủ NATS, ví dụ nats://broker:4222.")
    if not _addresses(settings):
        raise Refused.because(
            "Không xác minh được máy chủ NATS có ghi xuống đĩa trước khi xác nhận hay không: hãy mở trang giám sát (http) trong cấu hình của nó và "
            "ghi địa chỉ vào THIDUA_NATS_MONITOR_URL, ví dụ http://broker:8222."
        )


def recent(server: str, version: str) -> None:
    """The server is not older than `OLDEST`; a preview of that version is."""
    if _rank(version) < _rank(OLDEST):
        raise Refused.because(
            "Máy chủ NATS {server} là bản {version}, có lỗ hổng đã công bố: hãy nâng nats-server lên {oldest} trở lên.",
            server=server, version=version, oldest=OLDEST,
        )  # fmt: skip


def complete(servers: Sequence[Server], connected: str, silent: int = 0) -> None:
    """The monitoring pages are those of this broker, and of all its servers that store something; `silent` of them are down."""
    known = {server.server_id for server in servers}
    storing = {server.server_id for server in servers if server.jetstream.config}
    if connected in known and not storing:
        raise _without_jetstream()
    size = max(server.jetstream.meta.cluster_size for server in servers)
    if connected not in known or len(storing) + silent < size:
        raise Refused.because(
            "THIDUA_NATS_MONITOR_URL không phải của mọi máy chủ mà THIDUA_NATS_URL dẫn tới ({found} trong {size} máy chủ có JetStream): hãy ghi địa chỉ "
            "giám sát của từng máy chủ trong cụm, cách nhau bằng dấu phẩy.",
            found=len(storing) + silent if connected in known else 0, size=size,
        )  # fmt: skip


def durable_on_disk(server: Server) -> None:
    """What the server acknowledges is on its disk: with any other interval a power cut takes acknowledged events along."""
    if server.jetstream.config and not server.jetstream.config.sync_always:
        raise Refused.because(
            "Máy chủ NATS {server} xác nhận khi chưa ghi xuống đĩa: hãy đặt sync_interval: always trong mục jetstream của cấu hình nats-server rồi "
            "khởi động lại nó.",
            server=server.server_name,
        )  # fmt: skip


async def provisioned(connection: Client, hears: Sequence[Hears], replicas: int) -> None:
    """Streams and durables are there, as declared, in enough copies. Partners are those whose streams are there."""
    jetstream = connection.jetstream()
    clients = await streams.clients_of(jetstream)
    for wanted in streams.stream_configs(clients, replicas):
        await _stream(jetstream, wanted)
    for place in streams.durables(hears, clients):
        await _durable(jetstream, place)


async def _stream(jetstream: JetStreamContext, wanted: StreamConfig) -> None:
    try:
        present = (await jetstream.stream_info(str(wanted.name))).config
    except NotFoundError:
        raise Refused.because("Chưa có luồng {stream}: hãy chạy thidua provision.", stream=wanted.name) from None
    differing = streams.stream_dangers(present, wanted)
    _accept(f"stream {wanted.name}", streams.stream_differences(present, wanted), differing)
    if differing:
        raise Refused.because(
            "Luồng {stream} khác với khai báo ở {fields}: hãy chạy thidua provision.", stream=wanted.name, fields=", ".join(differing)
        )
    if (present.num_replicas or 1) < (wanted.num_replicas or 1):
        raise Refused.because(
            "Luồng {stream} có {found} bản sao, THIDUA_REPLICAS cần {wanted}: hãy chạy thidua provision với cùng THIDUA_REPLICAS.",
            stream=wanted.name, found=present.num_replicas, wanted=wanted.num_replicas,
        )  # fmt: skip


async def _durable(jetstream: JetStreamContext, place: streams.Durable) -> None:
    name = f"{place.stream}/{place.service}"
    try:
        present = (await jetstream.consumer_info(place.stream, place.service)).config
    except NotFoundError:
        raise Refused.because("Chưa có bộ nhận {durable} trên máy chủ NATS: hãy chạy thidua provision.", durable=name) from None
    wanted = streams.durable_config(place)
    differing = streams.durable_dangers(present, wanted)
    _accept(f"durable {name}", streams.durable_differences(present, wanted), differing)
    if differing:
        raise Refused.because(
            "Bộ nhận {durable} khác với khai báo ở {fields}: hãy chạy thidua provision.", durable=name, fields=", ".join(differing)
        )


def _accept(what: str, differing: Sequence[str], dangers: Sequence[str]) -> None:
    """While programs are replaced one by one, an older one meets what a newer one declared; to provision again would undo it."""
    if more := [name for name in differing if name not in dangers]:
        log.warning("%s has other bounds than this program declares, in %s: a newer program's declaration, let it be", what, ", ".join(more))


async def _servers(addresses: Sequence[str]) -> tuple[list[Server], int]:
    """The servers that answer, and how many do not. A minority may be down: the cluster serves without them, and so must we."""
    answers = await asyncio.gather(*map(_server, addresses), return_exceptions=True)
    servers = [answer for answer in answers if isinstance(answer, Server)]
    failed = [answer for answer in answers if isinstance(answer, BaseException)]
    for error in failed:
        if not isinstance(error, httpx.TransportError) or len(failed) * 2 >= len(addresses):
            raise error
        log.warning("a broker's monitoring page does not answer; the others are judged without it: %s", error)
    return servers, len(failed)


async def _server(address: str) -> Server:
    try:
        async with httpx.AsyncClient(timeout=MONITOR_SECONDS) as client:
            answer = await client.get(f"{address}/varz")
        return Server.model_validate_json(answer.content)
    except ValidationError:
        raise _unreadable(address) from None


def _unreadable(address: str) -> Refused:
    return Refused.because(
        "Không đọc được trang giám sát của nats-server tại {address}: hãy sửa THIDUA_NATS_MONITOR_URL hoặc mở trang đó (http).", address=address
    )


def _silent(error: Exception) -> Exception:
    """What to say of what never answered."""
    if isinstance(error, httpx.TransportError):
        return _unreadable(str(error.request.url).removesuffix("/varz"))
    if isinstance(error, nats.errors.NoServersError):
        return error
    return _without_jetstream()


def _without_jetstream() -> Refused:
    return Refused.because("JetStream của máy chủ NATS không trả lời: hãy bật jetstream trong cấu hình, hoặc chờ cụm chọn xong máy chủ dẫn đầu.")


def _addresses(settings: Settings) -> list[str]:
    return [address.strip().rstrip("/") for address in settings.nats_monitor_url.split(",") if address.strip()]


def _rank(version: str) -> tuple[int, int, int, bool]:
    """By this versions are ordered; what is none comes first."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)(-.+)?", version)
    return (int(found[1]), int(found[2]), int(found[3]), found[4] is None) if found else (0, 0, 0, False)


async def servers_of(settings: Settings) -> tuple[list[Server], int]:
    """What each server of the broker says of itself, and how many do not answer."""
    return await _servers(_addresses(settings))


async def behind(settings: Settings, file: Path) -> list[str]:
    """The servers that have not read their files again since this one was written."""
    written = datetime.fromtimestamp((await asyncio.to_thread(file.stat)).st_mtime, UTC) - CLOCKS_APART
    servers, _ = await servers_of(settings)
    return [server.server_name for server in servers if server.config_load_time and server.config_load_time < written]
