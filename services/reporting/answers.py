"""A request repeated with the same Idempotency-Key has one effect and gets the first answer again."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple

from services.reporting.forms import is_sound
from services.reporting.models import answers
from shared.database import WriteSession, add, row_of
from shared.inbox import lock
from shared.messages import Conflict, Fault, Message, Refused

KEY_LIMIT = 128


class Request(NamedTuple):
    """Who asks what: the officer, the key (empty: every request counts), and the body as it came."""

    officer: str
    key: str
    body: bytes


async def once(session: WriteSession, request: Request, work: Callable[[], Awaitable[dict[str, Any]]], now: datetime) -> dict[str, Any]:
    """Do `work` unless the same request was answered before. Raises `Conflict` when the key was used for another body."""
    if not request.key:
        return await work()
    if len(request.key) > KEY_LIMIT or not is_sound(request.key):
        cure = Message("Hãy dùng một khóa không quá {limit} ký tự.", limit=KEY_LIMIT)
        raise Refused(Fault("idempotency-key", Message("Khóa chống gửi trùng không hợp lệ."), cure))
    await lock(session, [f"answer|{request.officer}|{request.key}"])
    before = await row_of(session, answers, officer=request.officer, key=request.key)
    digest = hashlib.sha256(request.body).hexdigest()
    if before is None:
        answer = await work()
        row = {"officer": request.officer, "key": request.key, "request_hash": digest, "answer": answer, "at": now}
        await add(session, answers, row)
        return answer
    if before.request_hash != digest:
        cure = Message("Nội dung mới cần một khóa mới.")
        raise Conflict(Fault("idempotency-key", Message("Khóa này đã dùng cho một nội dung khác."), cure))
    return dict(before.answer)
