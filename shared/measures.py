"""What is measured of a service and its surroundings when somebody asks: for gauges, for alarms, for `thidua doctor`."""

import asyncio
import contextlib
import ipaddress
import json
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
PORTS = {"https": 443, "wss": 443, "ws": 80, "nats": 4222, "tls": 4222, "postgresql": 5432, "postgres": 5432}
SSL_REQUEST = bytes((0, 0, 0, 8, 4, 210, 22, 47))
"""PostgreSQL's: its length, and the code that stands where a version else does."""
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


async def certificate_expiry(address: str) -> datetime | None:
    """Until when the certificate is good that whoever listens at `address` shows; None when it speaks without TLS."""
    shown = await certificate(address)
    return shown.not_valid_after_utc if shown else None


async def certificate(address: str) -> x509.Certificate | None:
    """The certificate that a web, NATS or PostgreSQL server shows, trusted or not; None when it speaks without TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return await _shown(address, context)


async def distrust(address: str) -> str:
    """Why this machine, with its own roots and those in SSL_CERT_FILE, would not trust whom it finds at `address`; empty when it would."""
    context = ssl.create_default_context()
    context.check_hostname = False
    try:
        await _shown(address, context)
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    return ""


def is_for(shown: x509.Certificate, host: str) -> bool:
    """Whether a certificate names this host: an address as it is, a name whole or with a star for its first part."""
    try:
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    known = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    return not known.isdisjoint({host.lower(), f"*.{host.lower().partition('.')[2]}"})


async def _shown(address: str, context: ssl.SSLContext) -> x509.Certificate | None:
    parts = urlsplit(address if "//" in address else f"nats://{address}")
    protocol = parts.scheme.partition("+")[0]
    async with asyncio.timeout(ASK_SECONDS):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port or PORTS[protocol])
        try:
            if not await _goes_on_in_tls(protocol, reader, writer):
                return None
            await writer.start_tls(context, server_hostname=parts.hostname)
            presented: ssl.SSLObject = writer.get_extra_info("ssl_object")
        finally:
            writer.close()
    return x509.load_der_x509_certificate(presented.getpeercert(binary_form=True) or b"")


async def _goes_on_in_tls(protocol: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Whether TLS follows what is said before it: nothing on the web, a greeting by NATS, a question to PostgreSQL."""
    if protocol.startswith("postgres"):
        writer.write(SSL_REQUEST)
        return await reader.readexactly(1) == b"S"
    if protocol in {"nats", "tls"}:
        greeting = json.loads((await reader.readline()).removeprefix(b"INFO "))
        return bool(greeting.get("tls_required") or greeting.get("tls_available"))
    return protocol != "ws"
