"""Opens a campaign's files: UTF-8 and NFC, or a fault at the line that is not."""

import re
import unicodedata
from pathlib import Path

from services.registration.loading.faults import Faults, Place
from shared.messages import Message

_WORD = re.compile(r"[^\s,;:\"'{}\[\]]+")
_HIDDEN = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_text(path: Path, faults: Faults) -> str | None:
    """The file's text, or nothing when it is missing or not UTF-8 (with a fault)."""
    try:
        raw = path.read_bytes()
    except OSError:
        faults.add(
            Place(path.name, 1),
            Message("Không mở được tệp."),
            Message("Đặt tệp {file} vào thư mục này.", file=path.name),
        )
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        faults.add(Place(path.name, line), Message("Tệp không phải UTF-8."), Message("Lưu lại tệp với bảng mã UTF-8."))
        return None
    _check_nfc(path.name, text, faults)
    return text if _is_printable(path.name, text, faults) else None


def _check_nfc(file: str, text: str, faults: Faults) -> None:
    for number, line in enumerate(text.split("\n"), start=1):
        wrong = next((w for w in _WORD.findall(line) if not unicodedata.is_normalized("NFC", w)), None)
        if wrong:
            right = unicodedata.normalize("NFC", wrong)
            message = Message('"{word}" không ở dạng Unicode dựng sẵn (NFC).', word=wrong)
            faults.add(Place(file, number), message, Message('Gõ lại "{right}" hoặc lưu tệp ở dạng NFC.', right=right))


def _is_printable(file: str, text: str, faults: Faults) -> bool:
    """Whether the parsers can read every character; control characters come from broken transfers."""
    hidden = _HIDDEN.search(text)
    if hidden:
        message = Message("Có ký tự điều khiển ẩn (U+{code:04X}).", code=ord(hidden.group()))
        cure = Message("Xóa ký tự này và lưu lại tệp.")
        faults.add(Place(file, text.count("\n", 0, hidden.start()) + 1), message, cure)
    return hidden is None
