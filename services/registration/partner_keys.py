"""Keys of partner systems: issued, rotated with an overlap, shut out at once. Secrets are shown once; what stays lets nobody in."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select

from services.registration import rules
from services.registration.models import PartnerClient, PartnerCredential, PartnerSystem
from shared import audit, broker_keys, outbox
from shared.database import ReadSession, WriteSession
from shared.events.registration import PartnerAdmitted, PartnerKey, PartnerRevoked, Role
from shared.identity import new_id
from shared.inbox import lock
from shared.messages import Conflict, Fault, Message, NotFound, collect
from shared.security import Officer, System

QUOTA = 600
"""Events a minute, unless the operator says otherwise."""
OVERLAP = timedelta(days=7)
"""How long the keys before a rotation still hold."""
SECRET_BYTES = 32


class Secrets(NamedTuple):
    """What a partner gets in hand, once: nobody can read it again."""

    client: str
    key: str
    api_key: str
    nkey_seed: str
    nkey: str


@dataclass(frozen=True)
class Terms:
    """At which pace a system may come, whom to call about it, and with which keys it signs (none: it need not)."""

    quota: int = QUOTA
    contact: str = ""
    signing_keys: tuple[str, ...] = ()


async def admit(session: WriteSession, actor: Officer | System, client: str, terms: Terms | None, now: datetime) -> Secrets:
    """Let a registered system in on these terms, with its first keys, or with new ones after it was shut out. None: on the terms that it had."""
    must_operate(actor)
    row = await _held(session, client)
    _agree(row, terms or terms_of(row))
    row.revoked_at = None
    return await _issue(session, actor, row, now, now)


async def change(session: WriteSession, actor: Officer | System, client: str, terms: Terms, now: datetime) -> None:
    """Other terms from now on, by the same keys. A system that is shut out stays so: the terms are those on which it may be let in again."""
    must_operate(actor)
    if terms == Terms() and await session.get(PartnerClient, client) is None:
        return  # it was never let in, and would be on these terms anyway
    row = await _held(session, client)
    before = terms_of(row)
    _agree(row, terms)
    if terms == before:
        return
    if row.revoked_at is None:
        row.revision += 1
        await outbox.record(session, _admitted(row, await holding(session, client, now), now), now)
    await audit.record(session, actor, "partner.terms-changed", client, now, before=asdict(before), after=asdict(terms))


async def rotate(session: WriteSession, actor: Officer | System, client: str, overlap: timedelta, now: datetime) -> Secrets:
    """New keys; those before them hold for `overlap` yet. Raises `Conflict` for a system that is shut out: to let it in is another decision."""
    must_operate(actor)
    row = await _held(session, client)
    if row.revoked_at is not None:
        cure = Message("Nếu hệ thống được phép gửi tiếp, hãy cho vào lại: nút trên trang, hoặc thidua partners admit {client}.", client=client)
        raise Conflict(Fault("client", Message("Hệ thống “{client}” đã bị thu hồi, đổi khóa không cho vào lại.", client=client), cure))
    return await _issue(session, actor, row, now, now + overlap)


async def revoke(session: WriteSession, actor: Officer | System, client: str, now: datetime) -> None:
    """Shut a system out: none of its keys holds from now on."""
    must_operate(actor)
    row = await _held(session, client)
    row.revision, row.revoked_at = row.revision + 1, now
    await _end_keys(session, client, now)
    await outbox.record(session, PartnerRevoked(client=client, revision=row.revision, at=now), now)
    await audit.record(session, actor, "partner.revoked", client, now)


def must_operate(actor: Officer | System) -> None:
    """Raise `Forbidden` for an officer who is no operator."""
    if isinstance(actor, Officer):
        actor.must_hold(Role.OPERATOR)


def terms_of(row: PartnerClient) -> Terms:
    """On which terms a system may come."""
    return Terms(row.quota, row.contact, tuple(row.signing_keys))


def _agree(row: PartnerClient, terms: Terms) -> None:
    collect([*rules.quota_faults(terms.quota), *rules.signing_key_faults(terms.signing_keys)])
    row.quota, row.contact, row.signing_keys = terms.quota, terms.contact, list(terms.signing_keys)


async def _held(session: WriteSession, client: str) -> PartnerClient:
    """A registered system's row, held until the transaction ends; made when it has none yet."""
    if await session.scalar(select(PartnerSystem.client).where(PartnerSystem.client == client).limit(1)) is None:
        cure = Message("Hãy đăng ký hệ thống trước.")
        raise NotFound(Fault("client", Message("Không có hệ thống “{client}”.", client=client), cure))
    await lock(session, [f"partner|{client}"])
    row = await session.get(PartnerClient, client, populate_existing=True)
    if row is None:
        row = PartnerClient(client=client, revision=0, contact="", quota=QUOTA, signing_keys=[])
        session.add(row)
    return row


async def _issue(session: WriteSession, actor: Officer | System, row: PartnerClient, now: datetime, ends: datetime) -> Secrets:
    """A new key; those that hold end at `ends`."""
    await _end_keys(session, row.client, ends)
    made = _made(row.client)
    digest = hashlib.sha256(made.api_key.encode()).hexdigest()
    session.add(
        PartnerCredential(
            key=made.key, client=row.client, nkey=made.nkey, secret_sha256=digest, issued_at=now, issued_by=actor.name
        )
    )
    row.revision += 1
    await session.flush()
    await outbox.record(session, _admitted(row, await holding(session, row.client, now), now), now)
    await audit.record(session, actor, "partner.key-issued", row.client, now, key=made.key, earlier_until=ends)
    return made


def _made(client: str) -> Secrets:
    return Secrets(client, new_id(), f"thidua.{client}.{secrets.token_urlsafe(SECRET_BYTES)}", *broker_keys.new_seed())


async def _end_keys(session: WriteSession, client: str, at: datetime) -> None:
    """Whatever would hold beyond `at` ends then; what ends before keeps its end."""
    for key in await holding(session, client, at):
        key.expires_at = at


def _admitted(row: PartnerClient, keys: Sequence[PartnerCredential], now: datetime) -> PartnerAdmitted:
    listed = tuple(PartnerKey(key=k.key, nkey=k.nkey, secret_sha256=k.secret_sha256, expires_at=k.expires_at) for k in keys)
    return PartnerAdmitted(
        client=row.client, revision=row.revision, keys=listed, quota=row.quota, signing_keys=tuple(row.signing_keys), at=now
    )


async def holding(session: ReadSession, client: str, now: datetime) -> list[PartnerCredential]:
    """The keys of a system that hold at an instant, oldest first."""
    return [key for key in await issued(session, client) if key.expires_at is None or key.expires_at > now]


async def issued(session: ReadSession, client: str) -> list[PartnerCredential]:
    """All keys that a system ever had, oldest first."""
    query = select(PartnerCredential).where(PartnerCredential.client == client).order_by(PartnerCredential.key)
    return list(await session.scalars(query))


async def admissions(session: ReadSession) -> dict[str, PartnerClient]:
    """Every system that was let in, by client name; those shut out since have a `revoked_at`."""
    return {row.client: row for row in await session.scalars(select(PartnerClient).order_by(PartnerClient.client))}


async def shut_out(session: ReadSession) -> set[str]:
    """Who was let in once and may not come in now."""
    return set(await session.scalars(select(PartnerClient.client).where(PartnerClient.revoked_at.is_not(None))))


async def nkeys_of_all(session: ReadSession, now: datetime) -> dict[str, list[str]]:
    """The NATS keys that hold at an instant, by client name: what the broker's accounts are made from."""
    found: dict[str, list[str]] = {client: [] for client, row in (await admissions(session)).items() if row.revoked_at is None}
    for key in await session.scalars(select(PartnerCredential).order_by(PartnerCredential.key)):
        if key.client in found and (key.expires_at is None or key.expires_at > now):
            found[key.client].append(key.nkey)
    return found
