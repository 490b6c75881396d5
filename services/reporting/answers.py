"""A request repeated with the same Idempotency-Key has one effect and gets the first answer again."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select

from services.reporting.forms import is_sound
from services.reporting.models import answers
from shared.columns import among
from shared.database import ReadSession, WriteSession, insert_later
from shared.messages import Conflict, Fault, Message, Refused

KEY_LIMIT = 128
_GIVEN = select(answers).where(
    among(answers.c.officer, "officers"), among(answers.c.key, "keys")
)


class Request(NamedTuple):
    """Who asks what: the officer, the key (empty: every request counts), and the digest of the body as it came."""

    officer: str
    key: str
    digest: str

    @property
    def lock(self) -> str:
        """The key that is locked while the request is answered."""
        return f"answer|{self.officer}|{self.key}"


def asked(officer: str, key: str, body: bytes) -> Request:
    """A request; raises `Refused` for a key that cannot be kept."""
    if len(key) > KEY_LIMIT or not is_sound(key):
        cure = Message("Hãy dùng một khóa không quá {limit} ký tự.", limit=KEY_LIMIT)
        raise Refused(Fault("idempotency-key", Message("Khóa chống gửi trùng không hợp lệ."), cure))
    return Request(officer, key, hashlib.sha256(body).hexdigest())


async def given(session: ReadSession, requests: Iterable[Request]) -> dict[Request, dict[str, Any] | Conflict]:
    """The answers that some of these requests got before; a `Conflict` where the key was used for another body."""
    keyed = [request for request in requests if request.key]
    if not keyed:
        return {}
    named = {"officers": sorted({request.officer for request in keyed}), "keys": sorted({request.key for request in keyed})}
    rows = {(row.officer, row.key): row for row in await session.execute(_GIVEN, named)}
    found: dict[Request, dict[str, Any] | Conflict] = {}
    for request in keyed:
        row = rows.get((request.officer, request.key))
        if row is not None:
            found[request] = dict(row.answer) if row.request_hash == request.digest else _used()
    return found


def _used() -> Conflict:
    return Conflict(Fault("idempotency-key", Message("Khóa này đã dùng cho một nội dung khác."), Message("Nội dung mới cần một khóa mới.")))


def keep(session: WriteSession, request: Request, answer: dict[str, Any], now: datetime) -> None:
    """Keep the answer to a request that has a key."""
    if request.key:
        row = {"officer": request.officer, "key": request.key, "request_hash": request.digest, "answer": answer, "at": now}
        insert_later(session, answers, row)
