"""What pydantic finds wrong with a request, in words for the sender: the field, the problem, the cure."""

from collections.abc import Mapping
from typing import Any

from shared.messages import Fault, Message

NUMBER = Message("Giá trị này không phải là số."), Message("Hãy gửi số, ví dụ 12.5, hoặc chuỗi “12,5”.")
WHOLE = Message("Giá trị này không phải là số nguyên."), None
DAY = Message("Ngày không đúng."), Message("Hãy ghi theo dạng năm-tháng-ngày, ví dụ 2023-10-30.")
INSTANT = Message("Thời điểm không đúng."), Message("Hãy ghi đủ ngày, giờ và múi giờ, ví dụ 2023-10-30T17:00:00+07:00.")
TEXT = Message("Giá trị này phải là chuỗi ký tự."), None
LIST = Message("Giá trị này phải là danh sách."), None
THING = Message("Giá trị này phải là một đối tượng JSON."), None
TRUTH = Message("Giá trị này phải là true hoặc false."), None
WORD = Message("Không có giá trị này để chọn.")

PROBLEMS: Mapping[str, tuple[Message, Message | None]] = {
    "missing": (Message("Thiếu trường này."), None),
    "json_invalid": (Message("Nội dung không phải JSON hợp lệ."), None),
    "extra_forbidden": (Message("Không có trường này; hãy bỏ đi."), None),
    "decimal_parsing": NUMBER, "decimal_type": NUMBER, "float_parsing": NUMBER, "float_type": NUMBER, "finite_number": NUMBER,
    "int_parsing": WHOLE, "int_type": WHOLE, "int_from_float": WHOLE, "int_parsing_size": WHOLE,
    "date_parsing": DAY, "date_type": DAY, "date_from_datetime_parsing": DAY, "date_from_datetime_inexact": DAY,
    "datetime_parsing": INSTANT, "datetime_type": INSTANT, "datetime_from_date_parsing": INSTANT, "timezone_aware": INSTANT,
    "string_type": TEXT, "list_type": LIST, "tuple_type": LIST, "dict_type": THING, "model_type": THING,
    "model_attributes_type": THING, "bool_parsing": TRUTH, "bool_type": TRUTH,
}  # fmt: skip
LIMITS: Mapping[str, tuple[str, Message]] = {
    "string_too_long": ("max_length", Message("Văn bản quá dài.")),
    "string_too_short": ("min_length", Message("Văn bản quá ngắn.")),
    "too_long": ("max_length", Message("Danh sách quá dài.")),
    "too_short": ("min_length", Message("Danh sách quá ngắn.")),
    "greater_than_equal": ("ge", Message("Giá trị quá nhỏ.")),
    "greater_than": ("gt", Message("Giá trị quá nhỏ.")),
    "less_than_equal": ("le", Message("Giá trị quá lớn.")),
    "less_than": ("lt", Message("Giá trị quá lớn.")),
}


def fault_of(found: Mapping[str, Any]) -> Fault:
    """The fault for one of pydantic's findings; the field is written like values.0.value."""
    field = ".".join(str(part) for part in found["loc"][1:]) or str(found["loc"][0] if found["loc"] else "")
    return Fault(field, *_told(found["type"], found.get("ctx", {}), found["msg"]))


def _told(kind: str, context: Mapping[str, Any], text: str) -> tuple[Message, Message | None]:
    if kind in PROBLEMS:
        return PROBLEMS[kind]
    if kind in LIMITS:
        name, problem = LIMITS[kind]
        return problem, Message("Giới hạn là {limit}.", limit=context.get(name))
    if kind in {"enum", "literal_error"}:
        return WORD, Message("Hãy chọn một trong: {words}.", words=str(context.get("expected", "")).replace(" or ", ", "))
    return Message("Giá trị không hợp lệ ({reason}).", reason=text), None
