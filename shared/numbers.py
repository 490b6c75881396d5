"""Numbers as Vietnamese officials write them: only what cannot be read in two ways is accepted, and a refusal says how to write it."""

import re
from decimal import Decimal

from shared.messages import Fault, Message, Refused

DIGITS = 18
"""The most digits of a value: enough for every amount of a country in đồng."""

_SIGN = str.maketrans({"\u2212": "-"})
_WHOLE = re.compile(r"[+-]?[0-9]+")
_ONE_MARK = re.compile(r"([+-]?)([0-9]+)[.,]([0-9]+)")
_GROUPS = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+(,[0-9]+)?")
_ENGLISH = re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?")
_EXAMPLE = "12,5"


def parse(text: str, field: str = "value") -> Decimal:
    """The number that `text` says, exactly. Raises `Refused` that names `field` and says what to write instead.

    Accepted: 1234 · 1234,5 · 1.234,5 · 1.234.567 · 12.5 · -3,2. Refused: 1.234 and 1,234 (a thousand or a fraction?),
    1,234.5 (English grouping), exponents, spaces inside, units, words, other scripts' digits, more than 18 digits.
    """
    written = text.strip().translate(_SIGN)
    problem = _refusal(written)
    if problem:
        raise Refused(Fault(field, *problem))
    plain = written.replace(".", "").replace(",", ".") if _GROUPS.fullmatch(written) else written.replace(",", ".")
    value = limited(Decimal(plain), field)
    return abs(value) if value.is_zero() else value


def limited(value: Decimal, field: str = "value") -> Decimal:
    """`value` itself when it is a finite number of at most 18 digits; raises `Refused` otherwise. For numbers that came as JSON."""
    if not value.is_finite():
        raise Refused(Fault(field, Message("Giá trị này không phải là số."), _write(_EXAMPLE)))
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    if max(len(digits), len(digits) + exponent, -exponent) > DIGITS:
        raise Refused(Fault(field, *_too_long()))
    return value


def write(value: Decimal) -> str:
    """`value` for an input field: no grouping, decimal comma; a form that `parse` reads back as the same number.

    >>> write(Decimal("1234.5")), write(Decimal("1.234"))
    ('1234,5', '1,2340')
    """
    text = format(value, "f")
    return (text + "0" if _is_ambiguous(text) else text).replace(".", ",")


def _is_ambiguous(written: str) -> bool:
    """One mark before exactly three digits: 1.234 may be a thousand or a fraction. 0,125 and 1234,567 may not."""
    found = _ONE_MARK.fullmatch(written)
    return found is not None and len(found[3]) == 3 and len(found[2]) <= 3 and not found[2].startswith("0")


def _refusal(written: str) -> tuple[Message, Message] | None:
    """Problem and cure of a text that is no unambiguous number; None when it is one."""
    if not written:
        return Message("Chưa ghi số."), _write(_EXAMPLE)
    if sum(char.isdecimal() for char in written) > DIGITS:
        return _too_long()
    if _is_ambiguous(written):
        return _ask(written)
    if _WHOLE.fullmatch(written) or _ONE_MARK.fullmatch(written) or _GROUPS.fullmatch(written):
        return None
    if _ENGLISH.fullmatch(written):
        plain = written.replace(",", "").replace(".", ",")
        return Message("“{written}” viết theo lối Anh, dấu phẩy ngăn hàng nghìn.", written=written), _write(plain)
    return _malformed(written)


def _ask(written: str) -> tuple[Message, Message]:
    whole, fraction = re.split("[.,]", written)
    return (
        Message("“{written}” có thể hiểu theo hai cách.", written=written),
        Message(
            "Nếu là số nguyên, hãy ghi {whole}; nếu là số thập phân, hãy ghi {fraction}.",
            whole=whole + fraction, fraction=f"{whole},{fraction}0",
        ),
    )


def _malformed(written: str) -> tuple[Message, Message]:
    if any(char.isdecimal() and not char.isascii() for char in written):
        return Message("Số có chữ số của hệ chữ khác."), Message("Hãy ghi bằng các chữ số 0 đến 9.")
    joined = "".join(written.split())
    if joined != written and _refusal(joined) is None:
        return Message("Trong số có khoảng trắng."), _write(joined)
    if re.fullmatch(r"[+-]?[0-9.,]+[eE][+-]?[0-9]+", written):
        return Message("Không nhận số viết dạng lũy thừa."), Message("Hãy ghi đủ các chữ số, ví dụ 1200000.")
    if re.fullmatch(r"[+-]?[0-9.,]*[0-9]\s*[^0-9.,]+", written):
        return Message("Sau số có chữ hoặc ký hiệu."), Message("Chỉ ghi số; đơn vị tính đã có ở cột bên cạnh.")
    return Message("“{written}” không phải là số.", written=_short(written)), _write(_EXAMPLE)


def _short(written: str) -> str:
    return written if len(written) <= 40 else written[:40] + "…"


def _write(example: str) -> Message:
    return Message("Hãy ghi như sau: {example}", example=example)


def _too_long() -> tuple[Message, Message]:
    return Message("Số có hơn {digits} chữ số.", digits=DIGITS), Message("Hãy kiểm tra lại, hoặc dùng đơn vị tính lớn hơn.")
