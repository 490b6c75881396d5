"""A partner's message as a CloudEvent, binary or structured: what it says of itself, its data, and every fault; never an exception."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from services.reporting.forms import is_sound
from shared.clock import LOCAL
from shared.delivery import STRUCTURED, Inbound, attributes_of
from shared.events.contract import inbound_types
from shared.messages import Fault, Message, Refused
from shared.web.strict_json import loads

BODY_LIMIT = 2_000_000
ID_LIMIT = 128
SANDBOX = "sandbox"
UNREADABLE = "unreadable"
"""Where an event goes at the HTTP door that does not say its type: it is refused there, and its sender sees it."""
NO_TYPE = f"inbound.{UNREADABLE}"
AHEAD = timedelta(minutes=5)
"""How far a sender's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What could be read of a message. `id` is empty when it has none that can be used."""

    client: str
    id: str
    type: str
    body_hash: str
    data: Any = None
    sandbox: bool = False
    happened: datetime | None = None
    faults: list[Fault] = field(default_factory=list)

    @property
    def account(self) -> str:
        """On whose account its pace is counted: what is tried out takes nothing from what is said in earnest."""
        return account_of(self.client, sandbox=self.sandbox)


def account_of(client: str, *, sandbox: bool) -> str:
    """The name under which a client's pace is counted, in earnest or in the sandbox."""
    return f"{SANDBOX}:{client}" if sandbox else client


def read(message: Inbound, arrived: datetime | None = None) -> Envelope:
    """Read a message strictly; what is wrong is in `faults`. `arrived`: when it came, for what it says of its own time."""
    faults: list[Fault] = []
    headers = {name.lower(): value for name, value in message.headers.items()}
    if headers.get("content-encoding", "identity").lower() != "identity":
        faults.append(Fault("content-encoding", Message("Không nhận nội dung nén."), Message("Hãy gửi nội dung không nén.")))
    attributes, data = _content(message, headers.get("content-type", "").lower(), faults)
    kind = _text(attributes.get("type")) if attributes else ""
    if attributes is None:
        attributes = {}
    else:
        _check_attributes(attributes, faults)
        _check_type(message.subject, kind, faults)
    identity = attributes.get("id")
    usable = isinstance(identity, str) and 0 < len(identity) <= ID_LIMIT and is_sound(identity)
    return Envelope(
        message.subject.split(".")[1], str(identity) if usable else "", kind, hashlib.sha256(message.body).hexdigest(), data,
        is_sandbox(message.subject), _happened(attributes.get("time"), arrived, faults), faults,
    )  # fmt: skip


def is_sandbox(subject: str) -> bool:
    """True for what a partner only tries out: `inbound.<client>.sandbox.…`."""
    return subject.split(".")[2:3] == [SANDBOX]


def _happened(given: Any, arrived: datetime | None, faults: list[Fault]) -> datetime | None:
    """When the event says it happened. It need not say so, but what it says must be a moment, and not one to come."""
    if given is None or given == "":
        return None
    found = _instant(given)
    if found is None:
        cure = Message("Hãy ghi dạng {example}.", example="2023-11-02T17:00:00+07:00")
        faults.append(Fault("time", Message("Không đọc được thời điểm này."), cure))
        return None
    if arrived and found > arrived + AHEAD:
        faults.append(Fault("time", Message("Thời điểm của sự kiện ở tương lai."), Message("Hãy kiểm tra đồng hồ của hệ thống gửi.")))
    return found


def _instant(given: Any) -> datetime | None:
    """A moment in UTC that can be shown in local time too: at both ends of the calendar there are some that cannot."""
    try:
        found = datetime.fromisoformat(given)
        return found.astimezone(LOCAL).astimezone(UTC) if found.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def _content(message: Inbound, content_type: str, faults: list[Fault]) -> tuple[Mapping[str, Any] | None, Any]:
    """Attributes and data. No attributes at all of a structured event that cannot be read: nothing is known of what it lacks."""
    structured = content_type.startswith(STRUCTURED)
    if content_type and not structured and not content_type.startswith("application/json"):
        faults.append(Fault("content-type", Message("Chỉ nhận JSON."), Message("Hãy gửi application/json hoặc {other}.", other=STRUCTURED)))
    body = _parsed(message.body, faults)
    if not structured:
        return _from_headers(message.headers, faults), body
    if not isinstance(body, dict):
        if body is not None:
            faults.append(Fault("", Message("Sự kiện phải là một đối tượng JSON.")))
        return None, None
    if "data" not in body:
        faults.append(Fault("data", Message("Thiếu trường này.")))
    return {name: value for name, value in body.items() if name != "data" and value is not None}, body.get("data")


def _from_headers(headers: dict[str, str], faults: list[Fault]) -> dict[str, str | None]:
    """The attributes of an event in binary mode; None for one that cannot be read, which is told here."""
    attributes = {name: decoded(value) for name, value in attributes_of(headers).items()}
    cure = Message("Hãy mã hóa phần trăm các byte UTF-8, ví dụ “{plain}” thành {encoded}.", plain="ế", encoded="%E1%BA%BF")
    faults.extend(Fault(name, Message("Tiêu đề ce-{name} không đọc được.", name=name), cure) for name, value in attributes.items() if value is None)
    return attributes


def decoded(value: str) -> str | None:
    """A header's value as CloudEvents writes it: ASCII with percent signs for the bytes of UTF-8. None for anything else, which has two readings."""
    try:
        return unquote(value, errors="strict") if value.isascii() else None
    except UnicodeDecodeError:
        return None


def _parsed(body: bytes, faults: list[Fault]) -> Any:
    if len(body) > BODY_LIMIT:
        faults.append(Fault("", Message("Nội dung lớn hơn 2 MB."), Message("Hãy chia nhỏ rồi gửi lại.")))
        return None
    try:
        return loads(body)
    except Refused as refusal:
        faults.extend(refusal.faults)
        return None


def _check_attributes(attributes: Mapping[str, Any], faults: list[Fault]) -> None:
    if attributes.get("specversion", "") not in ("1.0", None):
        faults.append(Fault("specversion", Message("Sự kiện không phải CloudEvents 1.0."), Message("Hãy ghi specversion là 1.0.")))
    for name in ("id", "source", "type"):
        value = attributes.get(name, "")
        if value is None:
            continue
        if value == "":
            faults.append(Fault(name, Message("Thiếu thuộc tính {name} của sự kiện.", name=name), Message("Hãy bổ sung theo CloudEvents 1.0.")))
        elif not isinstance(value, str) or not is_sound(value):
            faults.append(Fault(name, Message("Thuộc tính {name} phải là chữ hợp lệ.", name=name)))
        elif name == "id" and len(value) > ID_LIMIT:
            faults.append(Fault(name, Message("Mã sự kiện dài hơn {limit} ký tự.", limit=ID_LIMIT)))


def _check_type(subject: str, kind: str, faults: list[Fault]) -> None:
    """The subject and the type must both say the same contract, one that partners may publish."""
    said = ".".join(["inbound", *subject.split(".")[3 if is_sandbox(subject) else 2 :]])
    before = len(faults)
    if said == NO_TYPE and kind not in inbound_types():
        said = ""  # where the HTTP door lays what names no type that could be an address: nobody sent that
    for name, found in (("subject", said), ("type", kind)):
        if found and found not in inbound_types():
            faults.append(_unknown(name, found))
    if kind and said and said != kind and len(faults) == before:
        cure = Message("Hãy gửi đến đúng kênh của loại “{kind}”.", kind=kind)
        faults.append(Fault("subject", Message("Kênh gửi là của loại “{said}”.", said=said), cure))


def _unknown(name: str, found: str) -> Fault:
    stem, _, version = found.rpartition(".")
    same = [known for known in inbound_types() if known.rpartition(".")[0] == stem]
    if same:
        return Fault(name, Message("Phiên bản “{version}” chưa có.", version=version), Message("Hãy dùng {known}.", known=", ".join(same)))
    return Fault(name, Message("Không có loại sự kiện “{kind}”.", kind=found), Message("Các loại nhận được: {known}.", known=", ".join(inbound_types())))


def _text(value: Any) -> str:
    return value if isinstance(value, str) and is_sound(value) else ""
