"""Signed events, for partners that ask for it: Standard Webhooks headers with an Ed25519 signature (v1a) over id, time and exact body.

In structured mode alone: in binary mode type, source and time would travel beside what is signed, and could be exchanged on the way.
A trial is signed under `sandbox:<id>`: otherwise whoever sees it could send it on as an official event, or the other way round.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from shared.delivery import STRUCTURED
from shared.messages import Fault, Message

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
VERSION = "v1a,"
TRIAL = "sandbox:"
AGE_LIMIT = timedelta(minutes=5)
FIELD = SIGNATURE


def signed_content(id: str, timestamp: str, body: bytes) -> bytes:
    """What is signed: id, seconds since 1970 and the body as it travels, with dots between."""
    return f"{id}.{timestamp}.".encode() + body


def faults_of(
    headers: Mapping[str, str], body: bytes, event: str, keys: Sequence[str], arrived: datetime, *, sandbox: bool = False
) -> list[Fault]:
    """What is wrong with a signature. `event` is the id that the event gives itself; `arrived` the real time at which it came."""
    lower = {name.lower(): value for name, value in headers.items()}
    if faults := _form_faults(lower):
        return faults
    id, timestamp, given = (lower[name] for name in (ID, TIMESTAMP, SIGNATURE))
    if not sandbox and event.startswith(TRIAL):
        problem = Message("Mã bắt đầu bằng {prefix} chỉ để ký khi chạy thử.", prefix=TRIAL)
        return [Fault("id", problem, Message("Hãy dùng một mã khác."))]
    if id != (wanted := f"{TRIAL}{event}" if sandbox else event):
        return [Fault(ID, Message("Chữ ký thuộc một sự kiện khác."), Message("Hãy ký mã {id}.", id=wanted))]
    if not _is_fresh(timestamp, arrived):
        return [Fault(TIMESTAMP, Message("Chữ ký quá cũ hoặc ở tương lai."), Message("Hãy ký lại ngay trước khi gửi và kiểm tra đồng hồ."))]
    content = signed_content(id, timestamp, body)
    if not any(_holds(key, signature, content) for signature in given.split() for key in keys):
        return [Fault(FIELD, Message("Chữ ký không đúng."), Message("Hãy ký đúng nội dung gửi đi bằng khóa đã đăng ký."))]
    return []


def _form_faults(lower: Mapping[str, str]) -> list[Fault]:
    """There is a signature, and it covers the whole event."""
    if not all(lower.get(name) for name in (ID, TIMESTAMP, SIGNATURE)):
        cure = Message("Hãy gửi các tiêu đề {names}.", names=f"{ID}, {TIMESTAMP}, {SIGNATURE}")
        return [Fault(FIELD, Message("Sự kiện chưa được ký."), cure)]
    if not lower.get("content-type", "").lower().startswith(STRUCTURED):
        problem = Message("Sự kiện được ký phải nằm trọn trong nội dung (structured).")
        return [Fault("content-type", problem, Message("Hãy gửi {type} và ký toàn bộ nội dung đó.", type=STRUCTURED))]
    return []


def _is_fresh(timestamp: str, arrived: datetime) -> bool:
    number = int(timestamp) if timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12 else 0  # "²" is a digit and no number
    return abs(arrived.timestamp() - number) <= AGE_LIMIT.total_seconds()


def _holds(key: str, signature: str, content: bytes) -> bool:
    if not signature.startswith(VERSION):
        return False
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))
        public.verify(base64.b64decode(signature.removeprefix(VERSION), validate=True), content)
    except (InvalidSignature, ValueError):
        return False
    return True
