"""What is measured of a service and its surroundings when somebody asks: for gauges, for alarms, for `thidua doctor`."""

import asyncio
import re
import shutil
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from sqlalchemy import func, select

from shared.database import Database
from shared.outbox import outbox

ASK_SECONDS = 5.0
BACKUP = re.compile(r"thidua-(\d{8}T\d{6}Z)\.tar\.gz")
STAMP = "%Y%m%dT%H%M%SZ"


def disk_free(folder: Path) -> float:
    """The part of the disk below `folder` (or the nearest folder that is there) that is free, 0 to 1."""
    there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    usage = shutil.disk_usage(there)
    return usage.free / usage.total


async def outbox_age(database: Database) -> timedelta:
    """How long the oldest event that is not yet published has waited; zero when none waits."""
    async with database.read() as session:
        oldest = await session.scalar(select(func.min(outbox.c.recorded)).where(outbox.c.sent.is_(None)))
    return datetime.now(UTC) - oldest if oldest else timedelta(0)


def newest_backup(folder: Path) -> datetime | None:
    """When the newest archive in a folder was begun, by its name; None when there is none."""
    found = [match[1] for path in folder.glob("thidua-*.tar.gz") if (match := BACKUP.fullmatch(path.name))]
    return datetime.strptime(max(found), STAMP).replace(tzinfo=UTC) if found else None


async def certificate_expiry(address: str) -> datetime:
    """Until when the certificate of an https address is good. Whether it is trusted is the browser's to judge."""
    parts = urlsplit(address)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with asyncio.timeout(ASK_SECONDS):
        _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context, server_hostname=parts.hostname)
    presented: ssl.SSLObject = writer.get_extra_info("ssl_object")
    certificate = x509.load_der_x509_certificate(presented.getpeercert(binary_form=True) or b"")
    writer.close()
    return certificate.not_valid_after_utc
