"""Reads single values strictly: only what is unambiguous is taken, anything else says how to write it."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from services.registration.loading.faults import nearest
from shared.messages import Message

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,6})?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_YEARS = range(1800, 2200)
_LOCAL_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")


class UnreadableError(Exception):
    """A text that is not what its field needs."""

    def __init__(self, message: Message, cure: Message) -> None:
        super().__init__(message.vi)
        self.message = message
        self.cure = cure


def words(text: str) -> str:
    """Any text but an empty one."""
    if not text.strip():
        raise UnreadableError(Message("Để trống."), Message("Ghi nội dung hoặc bỏ dòng này."))
    return text


def number(text: str) -> Decimal:
    """An exact decimal with a point, of at most 15 digits before and 6 after it."""
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    message = Message('"{written}" không phải là số đọc được.', written=text[:40])
    if re.fullmatch(r"-?\d{1,15},\d{1,6}", text):
        raise UnreadableError(message, Message("Ghi {right} (dấu chấm thập phân).", right=text.replace(",", ".")))
    raise UnreadableError(message, Message("Ghi số dạng 1234.5, không có dấu ngăn cách hàng nghìn."))


def whole(text: str) -> int:
    """A whole number of at most nine digits."""
    if re.fullmatch(r"-?\d{1,9}", text):
        return int(text)
    raise UnreadableError(
        Message('"{written}" không phải là số nguyên.', written=text[:40]), Message("Ghi số nguyên, ví dụ 2.")
    )


def yes_no(text: str) -> bool:
    """A truth value: true or false, as YAML writes them."""
    if text in ("true", "false"):
        return text == "true"
    raise UnreadableError(
        Message('"{written}" không phải là true hay false.', written=text[:40]), Message("Ghi true hoặc false.")
    )


def day(text: str) -> date:
    """A calendar day, yyyy-mm-dd, near enough to reckon with; "for ever" is an empty cell, not the year 9999."""
    try:
        if _DAY.fullmatch(text) and (read := date.fromisoformat(text)).year in _YEARS:
            return read
    except ValueError:
        pass
    raise UnreadableError(Message('"{written}" không phải là một ngày có thật.', written=text[:40]), _day_cure(text))


def _day_cure(text: str) -> Message:
    if found := _LOCAL_DAY.fullmatch(text):
        d, m, y = found.groups()
        return Message("Ghi {right} (năm-tháng-ngày).", right=f"{y}-{int(m):02d}-{int(d):02d}")
    return Message("Ghi theo dạng năm-tháng-ngày, ví dụ 2023-10-30.")


def instant(text: str) -> datetime:
    """A point in time with its offset from UTC; returned in UTC."""
    example = Message("Ghi theo dạng 2023-10-30T17:00:00+07:00.")
    read = _parsed(text)
    if read is None or read.year not in _YEARS:
        raise UnreadableError(Message('"{written}" không phải là một thời điểm.', written=text[:40]), example)
    if read.tzinfo is None:
        raise UnreadableError(Message('"{written}" không ghi múi giờ.', written=text[:40]), example)
    return read.astimezone(UTC)


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


READERS: dict[Any, Callable[[str], Any]] = {
    str: words, Decimal: number, int: whole, bool: yes_no, date: day, datetime: instant
}  # fmt: skip


def one_of(text: str, choices: Iterable[str]) -> str:
    """One of a closed list of words."""
    names = list(choices)
    if text in names:
        return text
    raise UnreadableError(Message('Không dùng được "{written}" ở đây.', written=text[:40]), nearest(text, names))
