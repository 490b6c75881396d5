"""Who is asking: session tokens that every service verifies by itself with public keys from events, and rights by unit and role."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from fastapi import Depends, Request
from sqlalchemy import JSON, Boolean, Column, Integer, String, Table, Text, bindparam, select

from shared import units
from shared.database import Instant, ReadSession, WriteSession, fabric, insert_new, upsert
from shared.delivery import Meta
from shared.events.registration import KeyPublished, OfficerAppointed, OfficerDisabled, Role, SessionEnded
from shared.identity import new_id
from shared.messages import Fault, Forbidden, Message, NotFound, Refused

officers = Table(
    "known_officers",
    fabric,
    Column("officer", String(36), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("name", String(255), nullable=False),
    Column("post", String(255), nullable=False),
    Column("unit", String(36), nullable=False, index=True),
    Column("roles", JSON, nullable=False),
    Column("email", String(255)),
    Column("active", Boolean, nullable=False),
)
keys = Table(
    "known_keys",
    fabric,
    Column("key", String(36), primary_key=True),
    Column("public_pem", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
ended_sessions = Table("ended_sessions", fabric, Column("session", String(36), primary_key=True))

DAY = timedelta(hours=10)
"""A session lasts a working day."""
SECURE_COOKIE = "__Host-thidua"
PLAIN_COOKIE = "thidua"
ALGORITHM = "EdDSA"
TOKENS_KEPT = 4096
EVERYWHERE = frozenset({Role.SECRETARY, Role.MEMBER, Role.CHAIR, Role.AUDITOR, Role.OPERATOR})
"""Roles that see every unit."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Officer:
    """A signed-in officer: who, of which unit, in which roles; `session` and `csrf` belong to this sign-in."""

    id: str
    name: str
    post: str
    unit: str
    roles: frozenset[Role]
    revision: int
    session: str
    csrf: str

    def holds(self, *roles: Role) -> bool:
        """True when the officer holds at least one of the roles."""
        return not self.roles.isdisjoint(roles)

    def must_hold(self, *roles: Role) -> None:
        """Raise `Forbidden` unless the officer holds one of the roles."""
        if not self.holds(*roles):
            raise Forbidden(Fault("", Message("Vai trò của đồng chí không được làm việc này.")))


@dataclass(frozen=True, slots=True)
class System:
    """A machine that acts: the clock, a partner, the loader. Stands where an officer would in the audit trail."""

    id: str
    name: str
    unit: str = ""


class SignInNeeded(Refused):
    """There is no valid session: a page leads to the sign-in, the API answers 401."""

    status = 401


async def on_officer_appointed(event: OfficerAppointed, session: WriteSession, _: Meta | None = None) -> None:
    """Keep the newest state of an officer."""
    row = event.model_dump(mode="json") | {"active": True}
    await upsert(session, officers, [row], newer="revision")


async def on_officer_disabled(event: OfficerDisabled, session: WriteSession, _: Meta | None = None) -> None:
    """Refuse the officer from now on, also when the appointment itself has not been heard yet."""
    row = {
        "officer": event.officer, "revision": event.revision, "name": "", "post": "", "unit": "", "roles": [],
        "email": None, "active": False,
    }
    await upsert(session, officers, [row], newer="revision")


async def on_session_ended(event: SessionEnded, session: WriteSession, _: Meta | None = None) -> None:
    """Refuse the session's token from now on."""
    await insert_new(session, ended_sessions, [{"session": event.session}])


async def on_key_published(event: KeyPublished, session: WriteSession, _: Meta | None = None) -> None:
    """Keep a public key."""
    await upsert(session, keys, [event.model_dump(include={"key", "public_pem", "expires_at"})])


class SigningKey:
    """The private key that signs sessions; only registration (and the demo's player) holds it."""

    def __init__(self, pem: str) -> None:
        try:
            loaded = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            loaded = None
        if not isinstance(loaded, Ed25519PrivateKey):
            raise Refused.because(
                "Khóa ký phải là khóa Ed25519 dạng PEM: hãy xem THIDUA_SIGNING_KEY_FILE, hoặc tệp signing-key.pem trong thư mục dữ liệu."
            )
        self._key = loaded
        self.public_pem = loaded.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self.id = fingerprint(self.public_pem)

    def sign(self, content: bytes) -> bytes:
        """An Ed25519 signature, 64 bytes."""
        return self._key.sign(content)

    def issue(self, officer: Officer, wall: datetime) -> str:
        """A token for a working day from `wall` (the real time, not the campaign's)."""
        claims = {
            "sub": officer.id, "name": officer.name, "post": officer.post, "unit": officer.unit,
            "roles": sorted(officer.roles), "rev": officer.revision, "sid": officer.session, "csrf": officer.csrf,
            "iat": wall, "exp": wall + DAY,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self.id})

    def __repr__(self) -> str:
        return f"SigningKey({self.id})"


def fingerprint(public_pem: str) -> str:
    """A short name for a public key: 16 hexadecimal digits of its hash."""
    return hashlib.sha256(public_pem.encode()).hexdigest()[:16]


def signed_in(officer: str, revision: int, *, name: str, post: str, unit: str, roles: Any) -> Officer:
    """An officer with a session and a CSRF word of their own."""
    return Officer(
        officer, name, post, unit, frozenset(Role(r) for r in roles), revision, new_id(), secrets.token_urlsafe(24)
    )


async def verify(session: ReadSession, token: str) -> Officer:
    """The officer a token speaks for. Raises `SignInNeeded` when it is forged, expired, ended, or the officer's rights changed."""
    try:
        kid, officer, opened = _unverified(token)
        known = await _known(session, kid, officer, opened)
        claims = _claims(token, known.pem or "")
        if claims["exp"] <= wall_now().timestamp():
            raise jwt.ExpiredSignatureError
    except (jwt.PyJWTError, ValueError) as error:
        raise SignInNeeded.because("Phiên làm việc không còn hiệu lực. Đồng chí hãy đăng nhập lại.") from error
    if known.ended or known.active is False or (known.revision or 0) > claims["rev"]:
        raise SignInNeeded.because("Phiên làm việc không còn hiệu lực. Đồng chí hãy đăng nhập lại.")
    roles = frozenset(Role(r) for r in claims["roles"])
    return Officer(
        claims["sub"], claims["name"], claims["post"], claims["unit"], roles, claims["rev"], claims["sid"], claims["csrf"]
    )


@lru_cache(maxsize=TOKENS_KEPT)
def _unverified(token: str) -> tuple[str, str, str]:
    """What a token says of itself: key, officer, session. Enough to look up by, not to believe."""
    said = jwt.decode(token, options={"verify_signature": False})
    return str(jwt.get_unverified_header(token).get("kid", "")), str(said.get("sub", "")), str(said.get("sid", ""))


@lru_cache(maxsize=TOKENS_KEPT)
def _claims(token: str, pem: str) -> dict[str, Any]:
    """A token's claims, its signature checked once; expiry and revocation are checked at every request."""
    claims: dict[str, Any] = jwt.decode(token, pem, algorithms=[ALGORITHM], options={"require": ["exp", "sub", "sid"]})
    return claims


_OWN = officers.c.officer == bindparam("officer")
_KNOWN = select(
    select(keys.c.public_pem)
    .where(keys.c.key == bindparam("key"), keys.c.expires_at > bindparam("wall", type_=Instant))
    .scalar_subquery()
    .label("pem"),
    select(officers.c.revision).where(_OWN).scalar_subquery().label("revision"),
    select(officers.c.active).where(_OWN).scalar_subquery().label("active"),
    select(ended_sessions.c.session)
    .where(ended_sessions.c.session == bindparam("session"))
    .scalar_subquery()
    .label("ended"),
)
"""Built once: every request asks this."""


async def _known(session: ReadSession, key: str, officer: str, signed_in: str) -> Any:
    """Public key, officer's state and whether the session ended, in one round trip: every request asks this."""
    asked = {"wall": wall_now(), "key": key, "officer": officer, "session": signed_in}
    return (await session.execute(_KNOWN, asked)).one()


def is_private(request: Request) -> bool:
    """True when nobody on the way can read along: over https, or within this machine."""
    return request.url.scheme == "https" or request.url.hostname in LOOPBACK


def token_of(request: Request) -> str | None:
    """The session token of a request: `Authorization: Bearer`, or the cookie."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token
    return request.cookies.get(SECURE_COOKIE) or request.cookies.get(PLAIN_COOKIE)


async def current_officer(request: Request) -> Officer:
    """FastAPI dependency: the signed-in officer. A changing request by cookie must carry the session's CSRF word."""
    token = token_of(request)
    if not token:
        raise SignInNeeded.because("Đồng chí cần đăng nhập.")
    async with request.app.state.service.database.read() as session:
        officer = await verify(session, token)
    request.state.officer = officer
    if request.method not in {"GET", "HEAD", "OPTIONS"} and "authorization" not in request.headers:
        await _check_csrf(request, officer)
    return officer


async def _check_csrf(request: Request, officer: Officer) -> None:
    given = request.headers.get("x-csrf")
    if given is None and request.headers.get("content-type", "").startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        given = str((await request.form()).get("csrf", ""))
    if not secrets.compare_digest((given or "").encode(), officer.csrf.encode()):
        raise Forbidden(Fault("csrf", Message("Trang đã cũ hoặc yêu cầu đến từ nơi khác. Đồng chí hãy tải lại trang rồi làm lại.")))


SignedIn = Annotated[Officer, Depends(current_officer)]
"""Annotate a route's parameter with this to require a session."""


async def may_see(session: ReadSession, officer: Officer, unit: str, on: date) -> bool:
    """Own unit, a descendant, or any unit for those who see all."""
    if officer.holds(*EVERYWHERE) or officer.unit == unit:
        return True
    return officer.unit in await units.ancestors(session, unit, on)


async def must_see(session: ReadSession, officer: Officer, unit: str, on: date) -> None:
    """Raise `NotFound` for a unit that is not the officer's to see: the same answer as for one that does not exist."""
    if not await may_see(session, officer, unit, on):
        raise NotFound(Fault("unit", Message("Không có đơn vị này trong phạm vi của đồng chí.")))


def must_act_for(officer: Officer, unit: str, *roles: Role) -> None:
    """Raise unless the officer holds a role in that very unit: a superior does not write as its subordinate."""
    if officer.unit != unit:
        raise NotFound(Fault("unit", Message("Không có đơn vị này trong phạm vi của đồng chí.")))
    officer.must_hold(*roles)


async def visible_units(session: ReadSession, officer: Officer, on: date) -> set[str] | None:
    """The units an officer sees: None for all, else the own unit and its descendants."""
    if officer.holds(*EVERYWHERE):
        return None
    return {officer.unit} | await units.descendants(session, officer.unit, on)


async def officers_of(session: ReadSession, unit: str, *roles: Role) -> list[Any]:
    """Active officers of a unit who hold one of the roles, by name."""
    found = await session.execute(select(officers).where(officers.c.unit == unit, officers.c.active).order_by(officers.c.name))
    return [row for row in found if not roles or set(row.roles) & set(roles)]


def wall_now() -> datetime:
    """The real time, for sessions only: they last a working day whatever the campaign's clock says."""
    return datetime.now(UTC)
