"""A filled-in workbook as what a person would have typed into the form; the form's own rules judge it then."""

from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax import SAXException

from defusedxml.common import DefusedXmlException

from services.reporting.pages.workbooks import cells, packages
from services.reporting.pages.workbooks.cells import Rows
from services.reporting.pages.workbooks.layout import COLUMNS, FILLED, IDENTITY_ROW, KIND_OF, MARK, VERSION, Identity
from shared.messages import Message

BROKEN = (SAXException, DefusedXmlException, ValueError, LookupError, ArithmeticError)
"""What reading a workbook that breaks the standard ends in; to its sender they are one."""


@dataclass(frozen=True, slots=True)
class Filled:
    """Whose workbook it is, and the texts of its cells by indicator and column (`FILLED`)."""

    identity: Identity
    typed: Mapping[str, dict[str, str]]


def read(content: bytes) -> Filled:
    """The workbook in `content`. Raises `Refused` with the cure for what is no workbook of ours; figures are not judged here."""
    parts = packages.parts(content)
    try:
        found = _rows(parts)
        return Filled(_identity(found[IDENTITY_ROW]), _typed(found))
    except BROKEN:
        raise packages.broken() from None


def _rows(parts: Mapping[str, bytes]) -> Rows:
    """The one sheet that bears our mark."""
    strings = cells.strings(parts["xl/sharedstrings.xml"]) if "xl/sharedstrings.xml" in parts else []
    formats = cells.formats(parts["xl/styles.xml"]) if "xl/styles.xml" in parts else []
    sheets = [cells.rows(part, strings, formats, MARK) for name, part in parts.items() if name.startswith("xl/worksheets/")]
    found = [sheet for sheet in sheets if sheet]
    if not found:
        raise packages.refusal(Message("Đây không phải biểu mẫu báo cáo của hệ thống."), _anew())
    if len(found) > 1:
        raise packages.refusal(Message("Tệp có hơn một trang báo cáo."), Message("Hãy chỉ giữ một trang rồi gửi lại."))
    return found[0]


def _identity(row: Mapping[int, str]) -> Identity:
    _, version, campaign, unit, round, revision = (row.get(column, "") for column in range(1, 7))
    if version != VERSION:
        raise packages.refusal(Message("Biểu mẫu này thuộc phiên bản cũ của hệ thống."), _anew())
    return Identity(campaign, unit, round, int(revision))


def _typed(rows: Rows) -> dict[str, dict[str, str]]:
    """Columns are found by their keys and rows by their indicators: who moved one has lost nothing."""
    start = next((number for number, row in rows.items() if number > IDENTITY_ROW and COLUMNS[0] in row.values()), 0)
    columns = {key: column for column, key in rows.get(start, {}).items()}
    if not columns.keys() >= {COLUMNS[0], *FILLED}:
        raise packages.refusal(Message("Biểu mẫu thiếu cột phải điền."), _anew())
    typed: dict[str, dict[str, str]] = {}
    for number, row in rows.items():
        code = row.get(columns[COLUMNS[0]], "") if number > start + 1 else ""
        if code in typed:
            raise packages.refusal(Message("Chỉ tiêu “{code}” có ở hai dòng.", code=code[:64]), Message("Chỉ giữ một dòng."))
        if code:
            typed[code] = {key: _said(key, row.get(columns[key], "")) for key in FILLED}
    return typed


def _said(key: str, text: str) -> str:
    return KIND_OF.get(text.casefold(), text) if key == "kind" else text


def _anew() -> Message:
    return Message("Hãy tải biểu mẫu Excel ở trang này, chép số liệu vào đó rồi gửi lại.")
