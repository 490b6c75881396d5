"""The key that signs sessions: from the settings, or made once in the data folder; its public half goes to every service."""

import contextlib
import os
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import select

from shared import outbox, security
from shared.database import WriteSession
from shared.events.registration import KeyPublished
from shared.security import SigningKey
from shared.service import Service
from shared.settings import Settings

LIFE = timedelta(days=400)
RENEW_BEFORE = timedelta(days=30)


def path_of(settings: Settings) -> Path:
    """Where the private key lies when no setting names it."""
    return settings.data / "signing-key.pem"


def signing_key(settings: Settings) -> SigningKey:
    """The private key. Without a setting it lies in the data folder, readable by its owner only, and is made when absent."""
    if settings.signing_key:
        return SigningKey(settings.signing_key.get_secret_value())
    path = path_of(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(made)
    return SigningKey(path.read_text(encoding="ascii"))


async def publish(session: WriteSession, key: SigningKey, wall: datetime, now: datetime) -> None:
    """Tell every service the public half, unless they know it for a while yet. Keys live by the wall's time, as sessions do."""
    expires = await session.scalar(select(security.keys.c.expires_at).where(security.keys.c.key == key.id))
    if expires and expires - wall > RENEW_BEFORE:
        return
    event = KeyPublished(key=key.id, public_pem=key.public_pem, expires_at=wall + LIFE)
    await security.on_key_published(event, session)
    await outbox.record(session, event, now)


async def publish_at_start(service: Service) -> None:
    """A job of the service: done once, at start-up."""
    async with service.database.write() as session:
        await publish(session, service.extras["signing_key"], security.wall_now(), service.now())
