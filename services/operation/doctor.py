"""`thidua doctor`: looks at everything an installation stands on and makes nothing of it; each line is right, or says what is not and the cure."""

import asyncio
import os
import platform
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from importlib import metadata
from pathlib import Path

import httpx

from services import local, partner_access
from services.notification import post
from services.operation import archives, examination, presence, servers
from services.operation.examination import ASK_SECONDS, Check, Finding
from shared import clock, deadletters, gates, measures, migrations, permissions, restoring
from shared.bundled import running_in
from shared.messages import Message, Refused
from shared.security import wall_now
from shared.settings import SERVICES, Settings

DISK_LEFT = 0.10
OUTBOX_AGE = timedelta(seconds=60)
BACKUP_AGE = timedelta(days=1)


async def examine(settings: Settings) -> list[Finding]:
    """All checks under these settings. The bundled broker is looked at where it runs."""
    bundled = "" if settings.nats_url else running_in(settings.data / local.BROKER_FOLDER)
    complete = settings.model_copy(update={"nats_url": bundled}) if bundled else settings
    return await examination.examine(checks(complete, bundled=bool(bundled)))


def checks(settings: Settings, *, bundled: bool = False) -> Iterator[Check]:
    """What there is to look at under these settings; what is not set up has no line. The bundled broker has no monitoring page."""
    database = Message("Hãy kiểm tra THIDUA_DATABASE_URL (hay THIDUA_REPORTING_DATABASE_URL…), và máy chủ PostgreSQL (hoặc thư mục dữ liệu).")
    named = Message("Hãy khởi động máy chủ NATS hoặc sửa THIDUA_NATS_URL.")
    yield Check("disk", partial(_disk, settings), Message("Hãy kiểm tra THIDUA_DATA."))
    yield Check("versions", _versions, database)
    yield Check("signing key", partial(_signing_key, settings), Message("Hãy kiểm tra THIDUA_SIGNING_KEY_FILE."))
    for service in SERVICES:
        here = (f"database {service}",)
        yield Check(*here, partial(_schema, settings, service), database, like=f"database {SERVICES[0]}")
        yield Check(f"database's version {service}", partial(servers.version_of_database, settings, service), database, here)
        yield Check(f"database's disk {service}", partial(servers.durable_database, settings, service), database, here)
        yield Check(f"outbox {service}", partial(_outbox, settings, service), database, here)
        yield Check(f"dead letters {service}", partial(_dead_letters, settings, service), database, here)
    yield Check("broker", partial(_broker, settings), named)
    there = ("broker",)
    monitor = Message("Hãy kiểm tra THIDUA_NATS_MONITOR_URL.")
    if settings.nats_url and not bundled:
        yield Check("broker's disk", partial(servers.durable_broker, settings), monitor, there)
    if (accounts := settings.broker_accounts) is not None:
        cure = Message("Hãy kiểm tra THIDUA_BROKER_ACCOUNTS.")
        yield Check("broker's partner file", partial(_partner_file, settings, accounts), cure, ("database registration", *there))
    if settings.nats_monitor_url:
        yield Check("broker's space", partial(servers.space_of_broker, settings), monitor, there)
    provisioned = Message("Hãy kiểm tra JetStream của máy chủ NATS và chạy thidua provision.")
    declared = [f"streams and durables {service}" for service in SERVICES]
    for name, service in zip(declared, SERVICES, strict=True):
        yield Check(name, partial(_provisioned, settings, service), provisioned, there, like=declared[0])
    for name, service in zip(declared, SERVICES, strict=True):
        yield Check(f"service {service}", partial(presence.present, settings, service), provisioned, (*there, name))
    yield Check("clock", partial(_clock, settings), provisioned, (*there, declared[0]))
    for spoken in servers.spoken_to(settings):
        yield Check(spoken.name, partial(servers.certificate, spoken.address), spoken.cure, spoken.on)
    if settings.smtp_url:
        yield Check("mail server", partial(_mail, settings), Message("Hãy kiểm tra THIDUA_SMTP_URL; thư được giữ lại và gửi sau."))
    if settings.otlp_endpoint:
        yield Check("traces", partial(_traces, settings.otlp_endpoint), Message("Hãy kiểm tra THIDUA_OTLP_ENDPOINT; các dịch vụ vẫn chạy bình thường."))
    if (folder := settings.backups) is not None:
        yield Check("backup", partial(_backup, folder), Message("Hãy kiểm tra THIDUA_BACKUPS."))


async def _disk(settings: Settings) -> str:
    left = measures.disk_free(settings.data)
    if left < DISK_LEFT:
        raise Refused.because("ổ đĩa của {folder} chỉ còn trống {left} %: hãy dọn hoặc mở rộng.", folder=settings.data, left=round(left * 100))
    if settings.data.exists() and not os.access(settings.data, os.W_OK):
        raise Refused.because("không ghi được vào {folder}: hãy cấp quyền ghi cho tài khoản chạy dịch vụ.", folder=settings.data)
    return f"{left:.0%} free"


async def _versions() -> str:
    return f"thidua {metadata.version('thidua')}, Python {platform.python_version()}"


async def _signing_key(settings: Settings) -> str:
    return f"key {archives.key_there(settings).id}"


async def _schema(settings: Settings, service: str) -> str:
    standing = await _standing(settings, service)
    present, wanted = standing.revision or "", migrations.head_of(service)
    match standing.place:
        case "none":
            raise Refused.because("chưa có bảng nào: hãy chạy thidua migrate {service}.", service=service)
        case "behind":
            raise Refused.because("lược đồ ở bản {present}, cần {wanted}: hãy chạy thidua migrate {service}.", present=present, wanted=wanted, service=service)
        case "foreign":
            raise migrations.foreign(service, present)
        case "newer":
            return f"{present}, a newer version's; this version ({wanted}) runs on it"
        case "current":
            return present


async def _standing(settings: Settings, service: str) -> migrations.Standing:
    try:
        async with servers.database_there(settings, service) as database:
            await restoring.must_be_over(database)
            return await migrations.standing_of(database)
    except FileNotFoundError:
        return migrations.Standing(None, "none")


async def _outbox(settings: Settings, service: str) -> str:
    async with servers.database_there(settings, service) as database:
        age = await measures.outbox_age(database)
    if age > OUTBOX_AGE:
        raise Refused.because("sự kiện chờ phát đã {seconds} giây: dịch vụ {service} có chạy và tới được NATS không?", seconds=int(age.total_seconds()), service=service)
    return "nothing waits" if not age else f"{age.total_seconds():.0f} s old"


async def _dead_letters(settings: Settings, service: str) -> str:
    async with servers.database_there(settings, service) as database, database.read() as session:
        number = await deadletters.count(session)
    if number:
        raise Refused.because("{number} sự kiện lỗi chờ xử lý: hãy chạy thidua dead-letters list {service}.", number=number, service=service)
    return "none"


async def _broker(settings: Settings) -> str:
    if not settings.nats_url:
        raise Refused.because("máy chủ NATS đi kèm không chạy: hãy chạy thidua up, hoặc đặt THIDUA_NATS_URL nếu dùng máy chủ riêng.")
    connection = await servers.connected(settings)
    version = str(connection._server_info["version"])  # noqa: SLF001 - nats-py makes public only a part of what a server tells
    await connection.close()
    gates.recent("NATS", version)
    return version


async def _partner_file(settings: Settings, file: Path) -> str:
    """The file equals the partners' table (our own public keys are taken from it: with a wrong one nobody signs in), and all servers have read it."""
    present = await asyncio.to_thread(file.read_text, "utf-8")
    held = permissions.holders(present)
    own = {user: next(iter(held[user]), "") for user in permissions.USERS if user in held}
    async with servers.database_there(settings, "registration") as database:
        current = len(own) == len(permissions.USERS) and present == await partner_access.rendered(database, own)
    if not current:
        raise Refused.because("{file} khác với danh sách hệ thống đối tác: {cure}", file=file, cure=_EXPORT)
    if behind := await gates.behind(settings, file):
        raise Refused.because("máy chủ NATS {servers} chưa đọc lại {file}: {cure}", servers=", ".join(behind), file=file, cure=_EXPORT)
    return f"as the table, {len(permissions.partners_in(present))} partners"


_EXPORT = Message("hãy chạy thidua partners export --reload, và xem thidua partners export --watch có còn chạy không.")


async def _provisioned(settings: Settings, service: str) -> str:
    connection = await servers.connected(settings)
    try:
        await gates.provisioned(connection, [local.hears_of(service)], settings.replicas)
    finally:
        await connection.close()
    return "as declared"


async def _clock(settings: Settings) -> str:
    connection = await servers.connected(settings)
    try:
        skew = await clock.ask(connection) - wall_now()
    finally:
        await connection.close()
    if abs(skew) > clock.SKEW_LIMIT:
        raise Refused.because("đồng hồ máy này lệch {seconds} giây so với máy chủ NATS: hãy bật NTP (chrony) trên mọi máy.", seconds=round(skew.total_seconds()))
    return f"{skew.total_seconds():+.3f} s from the broker's (where both are on one machine that is one clock: see chronyc tracking)"


async def _mail(settings: Settings) -> str:
    smtp = post.server(settings.smtp_url)
    await smtp.connect()
    await smtp.quit()
    return "answers"


async def _traces(endpoint: str) -> str:
    async with httpx.AsyncClient(timeout=ASK_SECONDS) as client:
        answer = await client.post(f"{endpoint.rstrip('/')}/v1/traces", content=b"", headers={"content-type": "application/x-protobuf"})
    if not answer.is_success:
        raise Refused.because("{endpoint} trả lời {status}: đây không phải cổng OTLP/HTTP; hãy sửa THIDUA_OTLP_ENDPOINT.", endpoint=endpoint, status=answer.status_code)
    return "taken"


async def _backup(folder: Path) -> str:
    made = measures.newest_backup(folder)
    if made is None:
        raise Refused.because("chưa có bản sao lưu nào trong {folder}: hãy chạy thidua backup.", folder=folder)
    age = wall_now() - made
    if age > BACKUP_AGE:
        raise Refused.because("bản sao lưu mới nhất đã {hours} giờ: hãy chạy thidua backup và xem lịch chạy.", hours=int(age.total_seconds() / 3600))
    return f"{age.total_seconds() / 3600:.1f} hours old"
