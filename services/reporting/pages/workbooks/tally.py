"""What a workbook would change, counted before anything is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.reporting.forms import Reading
from services.reporting.pages.workbooks.reading import Filled
from services.reporting.rules.figures import titled
from services.reporting.sheets import Sheet
from shared.messages import Fault, Message


@dataclass(frozen=True, slots=True)
class Tally:
    """Lines by what they are against the unit's report as the system has it; `remarks` on what the workbook has too much or too little."""

    new: int
    changed: int
    same: int
    wrong: int
    remarks: tuple[Message, ...]


def tally(filled: Filled, sheet: Sheet, typed: Mapping[int, Mapping[str, str]], faults: Sequence[Fault], revision: int) -> Tally:
    """Count the lines of a form that a workbook filled in; a line with a fault counts as wrong alone."""
    wrong = {fault.field.split(".")[1] for fault in faults if "." in fault.field}
    right = [(sheet.given.get(code), typed[place]) for place, code in enumerate(sheet.known) if str(place) not in wrong]
    same = sum(1 for given, row in right if given is not None and _is_same(given, row))
    new = sum(1 for given, _ in right if given is None)
    return Tally(new, len(right) - new - same, same, len(wrong), tuple(_remarks(filled, sheet, revision)))


def _is_same(given: Any, row: Mapping[str, str]) -> bool:
    reading = Reading(row)
    said = reading.number("value"), reading.data["kind"], reading.day("as_of"), reading.text("note", required=False)
    return said == (given.value, given.kind, given.as_of, given.note)


def _remarks(filled: Filled, sheet: Sheet, revision: int) -> list[Message]:
    strange = [code for code in filled.typed if code not in sheet.known]
    missing = [titled(known.indicator) for code, known in sheet.known.items() if code not in filled.typed]
    changed = [Message("Báo cáo đã được nộp lại sau khi biểu mẫu này được tải về; hãy đối chiếu trước khi nộp đè lên.")]
    return [
        *changed[: filled.identity.revision != revision],
        *(Message("Tệp có dòng “{code}” không giao cho đơn vị; dòng này không được đọc.", code=code[:64]) for code in strange),
        *(Message("Tệp không có dòng {title}; ô của chỉ tiêu này giữ như đang có.", title=title) for title in missing),
    ]
