"""What comes in at the door: JSON without two readings, numbers exact, texts in NFC; forms the same. Use `APIRouter(route_class=StrictRoute)`."""

import json
import re
import unicodedata
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import FormData

from shared.messages import Fault, Message, Refused

DEPTH = 50
INTEGER_DIGITS = 40
"""Longer integers become decimals: Python refuses to read very long ones, the domain refuses them by name."""
_UNSTORABLE = re.compile("[\x00\ud800-\udfff\ufffd]")


class NotJson(Refused):
    """The body is not JSON, or not JSON that has one meaning only."""

    status = 422


class NotDeclared(Refused):
    """The body is there but its content-type does not say JSON."""

    status = 415


def loads(body: bytes) -> Any:
    """The value of a JSON text. Decimals stay exact; strings and names are NFC. Raises `NotJson`, naming the field where it can.

    Refused: NaN and Infinity, a name twice in one object, nesting deeper than 50, halves of surrogate pairs, NUL, what is not UTF-8.
    """
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_float=_decimal, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_once)
    except UnicodeDecodeError:
        raise _refusal("", Message("Nội dung không phải UTF-8."), Message("Hãy gửi JSON mã hóa UTF-8.")) from None
    except json.JSONDecodeError as error:
        place = Message("Lỗi ở dòng {line}, cột {column}.", line=error.lineno, column=error.colno)
        raise _refusal("", Message("Nội dung không phải JSON hợp lệ."), place) from None
    except RecursionError:
        raise _too_deep() from None
    return _clean(value, "", 0)


def clean_text(text: str, field: str = "") -> str:
    """`text` in NFC with plain line ends. Raises `NotJson` for NUL, halves of surrogate pairs, and the mark of a byte that was no text."""
    if _UNSTORABLE.search(text):
        raise _refusal(field, Message("Văn bản có ký tự không hợp lệ."), Message("Hãy xóa ký tự điều khiển rồi gửi lại."))
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n")


def _refusal(field: str, problem: Message, cure: Message | None = None) -> NotJson:
    return NotJson(Fault(field, problem, cure))


def _too_deep() -> NotJson:
    return _refusal("", Message("JSON lồng nhau quá {depth} tầng.", depth=DEPTH))


class _NoNumber:
    """Stands where a number that cannot be read stood: while parsing, the field's name is not known yet."""

    def __init__(self, problem: Message, cure: Message) -> None:
        self.problem, self.cure = problem, cure


def _decimal(text: str) -> Decimal | _NoNumber:
    try:
        return Decimal(text)
    except ArithmeticError:
        return _NoNumber(Message("Số {number} quá lớn.", number=text[:40]), Message("Hãy kiểm tra lại, hoặc dùng đơn vị tính lớn hơn."))


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= INTEGER_DIGITS else Decimal(text)


def _constant(text: str) -> _NoNumber:
    return _NoNumber(Message("{value} không phải là số.", value=text), Message("Nếu chưa có số liệu, hãy gửi null."))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        key = unicodedata.normalize("NFC", name)
        if key in found:
            raise _refusal(key, Message("Trường này có hai lần trong một đối tượng."), Message("Hãy chỉ gửi một lần."))
        found[key] = value
    return found


def _clean(value: Any, field: str, depth: int) -> Any:
    if depth > DEPTH:
        raise _too_deep()
    if isinstance(value, _NoNumber):
        raise _refusal(field, value.problem, value.cure)
    if isinstance(value, str):
        return clean_text(value, field)
    if isinstance(value, list):
        return [_clean(item, _below(field, index), depth + 1) for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {clean_text(name, field): _clean(item, _below(field, name), depth + 1) for name, item in value.items()}
    return value


def _below(field: str, part: str | int) -> str:
    return f"{field}.{part}" if field else str(part)


class StrictRequest(Request):
    """A request whose JSON and forms are read strictly."""

    _strict: Any = None

    async def json(self) -> Any:
        """The body as `loads` reads it."""
        if self._strict is None:
            self._strict = loads(await self.body())
        return self._strict

    async def _get_form(self, **limits: Any) -> FormData:
        if self._form is None:
            form = await super()._get_form(**limits)
            pairs = form.multi_items()
            self._form = FormData([(clean_text(name), clean_text(v, name) if isinstance(v, str) else v) for name, v in pairs])
        return self._form


class StrictRoute(APIRoute):
    """A route that reads its body strictly, and before anything else, so that each refusal reaches the sender in words."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, given a `StrictRequest`."""
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            try:
                if request.method not in {"GET", "HEAD"} and await strict.body():
                    await self._check(strict)
                return await handle(strict)
            finally:
                await strict.close()  # files that came with a form, also with one that is refused

        return strictly

    async def _check(self, request: StrictRequest) -> None:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json" or kind.endswith("+json"):
            await request.json()
        elif kind in {"application/x-www-form-urlencoded", "multipart/form-data"}:
            await request.form()
        elif self.body_field is not None:
            raise NotDeclared(Fault("content-type", Message("Chưa nói nội dung là JSON."), Message("Hãy gửi content-type: application/json.")))
