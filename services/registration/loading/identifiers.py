"""What the outside calls a unit: known schemes, each with its form."""

import re

from services.registration.loading.faults import nearest
from services.registration.loading.scalars import UnreadableError
from shared.events.campaign import UnitKind
from shared.messages import Message

_DVHC = {UnitKind.PROVINCE: 2, UnitKind.DISTRICT: 3, UnitKind.COMMUNE: 5}
_LONGEST_DINH_DANH = 35  # Decision 20/2020/QĐ-TTg
FORMS = {
    "dvhc": (re.compile(r"\d{2}|\d{3}|\d{5}"), "03463"),
    "dinh-danh": (re.compile(r"[A-Z0-9]+(\.[A-Z0-9]+)*"), "H35.01"),
    "dinh-danh-2016": (re.compile(r"[0-9A-Z]{3}\.[0-9A-Z]{2}\.[0-9A-Z]{2}\.[A-Z]\d{2}"), "000.00.01.H35"),
    "mst": (re.compile(r"\d{10}(-\d{3})?"), "0000000012"),
}


def identifier(text: str, kind: UnitKind | None) -> tuple[str, str]:
    """Scheme and value of `scheme:value`; refuses unknown schemes and values that cannot belong to such a unit."""
    scheme, colon, value = text.partition(":")
    if not colon or scheme not in FORMS:
        message = Message('"{written}" không có loại mã được biết.', written=text[:40])
        raise UnreadableError(
            message, nearest(scheme, sorted(FORMS)) if colon else Message("Ghi loại:mã, ví dụ dvhc:03463.")
        )
    form, example = FORMS[scheme]
    if not form.fullmatch(value) or (scheme == "dinh-danh" and len(value) > _LONGEST_DINH_DANH):
        raise UnreadableError(
            Message('Mã "{value}" sai dạng của loại {scheme}.', value=value[:40], scheme=scheme),
            Message("Ghi theo dạng {example}.", example=f"{scheme}:{example}"),
        )
    if kind:
        _suits(scheme, value, kind)
    return scheme, value


def _suits(scheme: str, value: str, kind: UnitKind) -> None:
    if scheme == "dvhc" and len(value) != _DVHC.get(kind):
        message = Message(
            'Mã đơn vị hành chính "{value}" không hợp với loại đơn vị "{kind}".', value=value, kind=kind.value
        )
        raise UnreadableError(message, Message("Tỉnh có 2 chữ số, huyện 3, xã 5; đơn vị khác không có mã này."))
    if scheme == "mst" and kind is not UnitKind.ENTERPRISE:
        message = Message("Mã số thuế chỉ dùng cho doanh nghiệp.")
        raise UnreadableError(message, Message("Dùng mã định danh hoặc mã đơn vị hành chính."))
