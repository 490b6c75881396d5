"""Reads what came from outside, field by field, and gathers every fault instead of stopping at the first."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from shared import numbers
from shared.clock import LOCAL
from shared.messages import Fault, Message, Refused

TEXT_LIMIT = 2000
NEVER = datetime(1, 1, 2, tzinfo=LOCAL)
"""Stands for an instant that could not be read; the fault beside it keeps the request out."""
_UNSOUND = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DAY = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")


class Reading:
    """One object under inspection; `faults` grows with each field that cannot be read. `at` is put before field names."""

    def __init__(self, data: Any, at: str = "", faults: list[Fault] | None = None) -> None:
        self.at = at
        self.faults = [] if faults is None else faults
        self.data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        self.is_object = isinstance(data, Mapping)
        if not self.is_object:
            self.fault("", Message("Ở đây phải là một đối tượng JSON."), Message("Hãy viết dạng {example}.", example='{"…": …}'))

    def name(self, field: str) -> str:
        """A field's full name, for example values.0.value."""
        return f"{self.at}.{field}".strip(".")

    def fault(self, field: str, problem: Message, cure: Message | None = None) -> None:
        """Note that a field is wrong. Of what is no object at all nothing more is said."""
        if self.is_object or not field:
            self.faults.append(Fault(self.name(field), problem, cure))

    def text(self, field: str, *, limit: int = TEXT_LIMIT, required: bool = True) -> str:
        """A text in NFC without spaces around; empty when it is missing or wrong."""
        given = self.data.get(field)
        if given is None or given == "":
            if required:
                self.fault(field, Message("Thiếu trường này."))
            return ""
        if not isinstance(given, str):
            self.fault(field, Message("Phải là chữ."), Message("Hãy đặt trong dấu ngoặc kép."))
            return ""
        return self._sound(field, given, limit)

    def _sound(self, field: str, given: str, limit: int) -> str:
        if not is_sound(given):
            self.fault(field, Message("Có ký tự không hợp lệ (nửa cặp thay thế hoặc ký tự điều khiển)."), Message("Hãy gõ lại."))
            return ""
        text = unicodedata.normalize("NFC", given).strip()
        if len(text) > limit:
            self.fault(field, Message("Dài hơn {limit} ký tự.", limit=limit), Message("Hãy rút gọn."))
            return ""
        return text

    def number(self, field: str) -> Decimal | None:
        """An exact number from a JSON number or a text; None when it is null, missing or wrong."""
        given = self.data.get(field)
        if given is None or (isinstance(given, str) and not given.strip()):
            return None
        try:
            if isinstance(given, str):
                return numbers.parse(given, self.name(field))
            if isinstance(given, Decimal | int) and not isinstance(given, bool):
                return numbers.limited(Decimal(given), self.name(field))
        except Refused as refusal:
            self.faults.extend(refusal.faults)
            return None
        self.fault(field, Message("Phải là số."), Message('Hãy ghi số, ví dụ 12.5 hoặc "12,5".'))
        return None

    def decimal(self, field: str) -> Decimal | None:
        """An exact number as machines write it: a JSON number, or a text with a decimal point. Missing or null is a fault."""
        given = self.data.get(field)
        if given is None:
            self.fault(field, Message("Thiếu trường này."))
        elif isinstance(given, str):
            return self._machine_text(field, given)
        else:
            return self.number(field)
        return None

    def _machine_text(self, field: str, given: str) -> Decimal | None:
        if not _PLAIN.fullmatch(given):
            self.fault(field, Message("“{written}” không phải là số.", written=sound(given, 40)), Message("Hãy ghi như sau: {example}", example="12.5"))
            return None
        try:
            return numbers.limited(Decimal(given), self.name(field))
        except Refused as refusal:
            self.faults.extend(refusal.faults)
            return None

    def day(self, field: str) -> date | None:
        """A day written dd/mm/yyyy or yyyy-mm-dd; None when it is missing or wrong."""
        given = self.text(field, limit=10)
        if not given:
            return None
        try:
            found = _DAY.fullmatch(given)
            return date(int(found[3]), int(found[2]), int(found[1])) if found else date.fromisoformat(given)
        except ValueError:
            self.fault(field, Message("Không có ngày này."), Message("Hãy ghi ngày/tháng/năm, ví dụ 14/07/2023."))
            return None

    def instant(self, field: str) -> datetime:
        """An instant in ISO 8601; without an offset it is meant in Asia/Ho_Chi_Minh. The beginning of time when it is missing or wrong."""
        given = self.text(field, limit=40)
        try:
            found = datetime.fromisoformat(given) if given else NEVER
        except ValueError:
            self.fault(field, Message("Không đọc được thời điểm này."), Message("Hãy ghi dạng {example}.", example="2023-11-02T17:00:00+07:00"))
            return NEVER
        return found if found.tzinfo else found.replace(tzinfo=LOCAL)

    def choice(self, field: str, choices: Iterable[str], default: str = "", told: Iterable[str] = ()) -> str:
        """One of `choices`; the default, if there is one, stands for a missing field. Empty when it is wrong. `told`: their names for people."""
        given = self.text(field, limit=64, required=not default)
        listed = list(choices)
        if not given or given in listed:
            return given or default
        self.fault(field, Message("Không có lựa chọn “{given}”.", given=given), Message("Hãy dùng một trong: {choices}.", choices=", ".join(told or listed)))
        return ""

    def each(self, field: str) -> list["Reading"]:
        """The objects of a list, to be read in turn; their faults come here too."""
        given = self.data.get(field)
        if not isinstance(given, list):
            self.fault(field, Message("Phải là một danh sách."), Message("Hãy viết dạng {example}.", example="[…]"))
            return []
        return [Reading(item, self.name(f"{field}.{place}"), self.faults) for place, item in enumerate(given)]

    def inner(self, field: str) -> "Reading":
        """A nested object; its faults come here too."""
        return Reading(self.data.get(field) if self.is_object else {}, self.name(field), self.faults if self.is_object else [])

    def done(self) -> None:
        """Raise `Refused` with all faults, if there are any."""
        if self.faults:
            raise Refused(*self.faults)


def is_sound(text: str) -> bool:
    """False for text that no database keeps and no page shows: lone surrogates, NUL and other control characters."""
    return _UNSOUND.search(text) is None


def sound(text: str, limit: int) -> str:
    """`text` made fit to be kept: unsound characters replaced, cut to `limit`."""
    return _UNSOUND.sub("\ufffd", text[:limit])
