"""What stands where in a report's workbook, and whose it is."""

from collections.abc import Mapping
from typing import NamedTuple

from services.reporting.pages.words import KINDS
from shared.messages import LANGUAGES, Message

MARK = "thidua-bao-cao"
VERSION = "1"
IDENTITY_ROW = 1
"""Hidden: the mark, the layout's version, then the identity."""
KEYS_ROW = 9
"""Hidden: what each column is, in words that do not change with the reader's language; below it the headings, then the indicators."""
FIRST_ROW = KEYS_ROW + 2
COLUMNS = ("indicator", "title", "measure", "before", "target", "given", "value", "kind", "as_of", "note")
FILLED = ("value", "kind", "as_of", "note")
"""The columns whose cells are to be filled in; all others are locked."""
HEADINGS = {
    "indicator": Message("Mã"), "title": Message("Chỉ tiêu"), "measure": Message("Đơn vị tính"), "before": Message("Kỳ trước"),
    "target": Message("Mục tiêu"), "given": Message("Đã báo cáo"), "value": Message("Giá trị"), "kind": Message("Loại số liệu"),
    "as_of": Message("Ngày số liệu"), "note": Message("Ghi chú"),
}  # fmt: skip
ROWS_READ, COLUMNS_READ = 1000, 26
"""Beyond these nothing is read: no campaign has so many indicators."""

KIND_OF: Mapping[str, str] = {
    word.casefold(): kind for kind, words in KINDS.items() for word in (kind.value, *(words.render(language) for language in LANGUAGES))
}
"""The kind of a figure by its word in either language."""


class Identity(NamedTuple):
    """Whose workbook it is; `revision` is that of the report when it was made, 0 where there was none."""

    campaign: str
    unit: str
    round: str
    revision: int
