"""Who may come in: partners' keys and pace as registration tells them, and the answer to a key that is shown at the door."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from hmac import compare_digest
from typing import Any

from sqlalchemy import select

from services.reporting.models import admissions
from shared.database import ReadSession, WriteSession, row_of, rows_among, upsert
from shared.events.registration import PartnerAdmitted, PartnerRevoked
from shared.messages import Fault, Message, Refused


class KeyNeeded(Refused):
    """No key, or none that holds, was shown at the door."""

    status = 401


async def admit(event: PartnerAdmitted, session: WriteSession) -> None:
    """Keep a partner's keys, whole; only the newest state counts, in whatever order it is heard."""
    row = event.model_dump(mode="json", include={"client", "revision", "keys", "quota", "signing_keys"})
    await upsert(session, admissions, [row | {"revoked": False}], newer="revision")


async def revoke(event: PartnerRevoked, session: WriteSession) -> None:
    """Shut a partner out, also when its admission has not been heard yet."""
    row = {"client": event.client, "revision": event.revision, "keys": [], "quota": 0, "signing_keys": [], "revoked": True}
    await upsert(session, admissions, [row], newer="revision")


async def of_client(session: ReadSession, client: str) -> Any:
    """A partner's row, or None when it was never given keys."""
    return await row_of(session, admissions, client=client)


async def among(session: ReadSession, clients: Iterable[str]) -> dict[str, Any]:
    """The rows of those of these partners who were ever given keys, by client."""
    return {row.client: row for row in await rows_among(session, admissions, "client", clients)}


async def clients(session: ReadSession) -> list[str]:
    """The client names of all who were ever admitted."""
    return list(await session.scalars(select(admissions.c.client).order_by(admissions.c.client)))


async def holder(session: ReadSession, api_key: str, wall: datetime) -> str:
    """The client whose key this is. `wall` is the real time, by which keys live. Raises `KeyNeeded`, and does not say why."""
    client = api_key.split(".")[1] if api_key.count(".") == 2 else ""
    row = await of_client(session, client)
    digest = hashlib.sha256(api_key.encode()).hexdigest()
    for key in row.keys if row else ():
        if compare_digest(key["secret_sha256"], digest) and (key["expires_at"] is None or datetime.fromisoformat(key["expires_at"]) > wall):
            return client
    raise KeyNeeded(Fault("authorization", Message("Khóa không có hoặc không còn hiệu lực."), Message("Hãy gửi authorization: Bearer và khóa của hệ thống.")))
