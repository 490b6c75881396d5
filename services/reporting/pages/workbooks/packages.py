"""What is asked of a file before anything in it is read: its size, packed and unpacked, and that it is a workbook without macros."""

import io
import zipfile
import zlib
from collections.abc import Mapping

from shared.messages import Fault, Message, Refused

FIELD = "workbook"
FILE_LIMIT = 1_000_000
"""Bytes. A workbook of ours has 10 kB; one that a person worked in for months, some hundred."""
UNPACKED_LIMIT = 2_000_000
"""Bytes of everything in it: what reading costs grows with them, and a packed file of 10 kB may hold as much as it likes."""
PARTS_LIMIT = 200
ZIP, OLD = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Excel packs in no other way, and others may ask for memory before the first byte."""
ENCRYPTED = 0x1


def parts(content: bytes) -> Mapping[str, bytes]:
    """The parts of a workbook that hold its cells, by name in small letters. Raises `Refused` with what is wrong and its cure."""
    _must_look_like_one(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            listed = package.infolist()
            _must_be_small(listed)
            _must_be_plain(listed)
            return {entry.filename.lower(): package.read(entry) for entry in listed if _holds_cells(entry.filename.lower())}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, ValueError, NotImplementedError, zlib.error):
        raise broken() from None


def refusal(problem: Message, cure: Message | None = None) -> Refused:
    """A refusal of the file as a whole."""
    return Refused(Fault(FIELD, problem, cure))


def broken() -> Refused:
    """The refusal of what cannot be read at all."""
    return refusal(Message("Không đọc được tệp này: tệp hỏng hoặc không đúng chuẩn .xlsx."), Message("Hãy mở bằng Excel, lưu lại rồi gửi."))


def _must_look_like_one(content: bytes) -> None:
    if not content:
        raise refusal(Message("Chưa chọn tệp, hoặc tệp rỗng."), Message("Hãy chọn biểu mẫu .xlsx đã điền."))
    if len(content) > FILE_LIMIT:
        raise refusal(Message("Tệp lớn hơn 1 MB."), _copy())
    if content.startswith(OLD):
        raise refusal(
            Message("Đây là tệp Excel kiểu cũ (.xls) hoặc tệp có mật khẩu."),
            Message("Hãy mở bằng Excel và lưu lại dạng .xlsx, không đặt mật khẩu."),
        )
    if not content.startswith(ZIP):
        raise refusal(Message("Đây không phải tệp Excel (.xlsx)."), Message("Hãy chọn biểu mẫu .xlsx đã điền."))


def _must_be_small(listed: list[zipfile.ZipInfo]) -> None:
    """By the sizes that the file itself declares: more than these is never unpacked."""
    if len(listed) > PARTS_LIMIT or sum(entry.file_size for entry in listed) > UNPACKED_LIMIT:
        raise refusal(Message("Tệp giải nén ra lớn bất thường."), _copy())


def _must_be_plain(listed: list[zipfile.ZipInfo]) -> None:
    names = {entry.filename.lower() for entry in listed}
    if "xl/workbook.xml" not in names:
        raise refusal(Message("Đây không phải tệp Excel (.xlsx)."), Message("Hãy chọn biểu mẫu .xlsx đã điền."))
    if any(name.endswith("vbaproject.bin") for name in names):
        raise refusal(Message("Tệp có macro nên không được nhận."), Message("Hãy lưu lại dạng .xlsx, không có macro."))
    if len(names) < len(listed) or any(entry.flag_bits & ENCRYPTED or entry.compress_type not in METHODS for entry in listed):
        raise broken()


def _holds_cells(name: str) -> bool:
    sheet = name.removeprefix("xl/worksheets/")
    return name in {"xl/sharedstrings.xml", "xl/styles.xml"} or (sheet != name and sheet.endswith(".xml") and "/" not in sheet)


def _copy() -> Message:
    return Message("Hãy tải biểu mẫu mới, chép số liệu vào đó rồi gửi lại.")
