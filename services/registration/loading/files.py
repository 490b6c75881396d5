"""Opens a campaign's files: UTF-8 and NFC, or a fault at the line that is not."""

import unicodedata
from pathlib import Path

from services.registration.loading.faults import Faults, Place
from shared.messages import Message


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
    return text


def _check_nfc(file: str, text: str, faults: Faults) -> None:
    for number, line in enumerate(text.split("\n"), start=1):
        for word in line.split():
            if not unicodedata.is_normalized("NFC", word):
                faults.add(
                    Place(file, number),
                    Message('"{word}" không ở dạng Unicode dựng sẵn (NFC).', word=word),
                    Message('Gõ lại "{right}" hoặc lưu tệp ở dạng NFC.', right=unicodedata.normalize("NFC", word)),
                )
