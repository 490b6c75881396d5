"""Makes a report's workbook: what is known is locked, what is wanted is to be filled in, what is wrong has a colour and a note."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from openpyxl import Workbook
from openpyxl.styles import Alignment, Protection
from openpyxl.worksheet.worksheet import Worksheet

from services.reporting.forms import Reading
from services.reporting.pages.words import KINDS
from services.reporting.pages.workbooks import checks
from services.reporting.pages.workbooks.layout import (
    COLUMNS,
    FILLED,
    FIRST_ROW,
    HEADINGS,
    IDENTITY_ROW,
    KEYS_ROW,
    MARK,
    VERSION,
    Identity,
)
from services.reporting.pages.workbooks.looks import FRAME, HEADING, TO_FILL, arrange, mark
from services.reporting.rules.figures import Known
from services.reporting.sheets import Sheet
from shared.messages import Fault, Message
from shared.web import formats
from shared.web.workbooks import Value, packed, put

NUMBERS = ("before", "target", "given", "value")
DAY_FORMAT, TEXT_FORMAT = "dd/mm/yyyy", "@"
EXAMPLE = Decimal("1234.5")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a workbook is made of: a unit's sheet, what stands in its fields, and what is wrong there."""

    identity: Identity
    unit: str
    sheet: Sheet
    typed: Mapping[int, Mapping[str, str]]
    faults: Sequence[Fault]
    language: str

    def say(self, words: Message) -> str:
        """Words in the reader's language."""
        return words.render(self.language)


def made(draft: Draft) -> bytes:
    """The workbook as a file."""
    book = Workbook()
    page = book.active
    assert isinstance(page, Worksheet)
    page.title = draft.say(Message("Báo cáo"))
    _head(page, draft)
    for place, known in enumerate(draft.sheet.known.values()):
        _line(page, draft, place, known)
    for check in checks.of(draft.sheet, draft.language):
        page.add_data_validation(check)
    mark(page, draft.faults, draft.language)
    arrange(page)
    return packed(book)


def _head(page: Worksheet, draft: Draft) -> None:
    round, say = draft.sheet.round, draft.say
    for column, said in enumerate((MARK, VERSION, *draft.identity), 1):
        put(page, IDENTITY_ROW, column, str(said))
    window = Message("{start} đến {cutoff}", start=formats.day(round.window_start, draft.language), cutoff=formats.day(round.cutoff, draft.language))
    lines = (
        (Message("Báo cáo"), round.title.in_language(draft.language)),
        (Message("Phong trào"), draft.sheet.campaign.title.in_language(draft.language)),
        (Message("Đơn vị"), draft.unit),
        (Message("Số liệu từ"), say(window)),
        (Message("Hạn nộp"), formats.moment(round.deadline, draft.language)),
    )
    for row, (words, said) in enumerate(lines, IDENTITY_ROW + 1):
        put(page, row, 1, say(words), bold=True)
        put(page, row, 2, said)
    put(page, KEYS_ROW - 2, 1, say(_how(draft.faults)))
    put(page, KEYS_ROW - 1, 1, say(Message("Máy này viết một nghìn hai trăm ba mươi tư phẩy năm như ô bên phải; hãy gõ số theo cách đó.")))
    put(page, KEYS_ROW - 1, COLUMNS.index("value") + 1, EXAMPLE, format="#,##0.0")
    for column, key in enumerate(COLUMNS, 1):
        put(page, KEYS_ROW, column, key)
        heading = put(page, KEYS_ROW + 1, column, say(HEADINGS[key]), bold=True)
        heading.fill, heading.border = HEADING, FRAME
        heading.alignment = Alignment(wrap_text=True, vertical="top")


def _how(faults: Sequence[Fault]) -> Message:
    if faults:
        return Message("Ô tô đỏ cần xem lại; lý do và cách sửa ở ghi chú của ô. Sửa xong, gửi lại tệp này ở trang nhập báo cáo.")
    return Message("Điền các ô nền vàng, lưu lại rồi gửi tệp này ở trang nhập báo cáo. Chưa có số liệu thì để trống ô giá trị và nêu lý do ở ghi chú.")


def _line(page: Worksheet, draft: Draft, place: int, known: Known) -> None:
    code, row = known.indicator.code, FIRST_ROW + place
    measure = draft.sheet.campaign.unit_of_measure(known.indicator.unit_of_measure)
    before, given = draft.sheet.before.get(code), draft.sheet.given.get(code)
    said: dict[str, Value] = {
        "indicator": code,
        "title": known.indicator.title.in_language(draft.language),
        "measure": measure.title.in_language(draft.language) if measure else known.indicator.unit_of_measure,
        "before": before.value if before else None,
        "target": known.target,
        "given": given.value if given else None,
        **_filled(Reading(draft.typed[place]), draft.language),
    }
    for column, key in enumerate(COLUMNS, 1):
        cell = put(page, row, column, said[key], format=_format_of(key, known, said[key]))
        cell.border, cell.alignment = FRAME, Alignment(wrap_text=True, vertical="top")
        if key in FILLED:
            cell.fill, cell.protection = TO_FILL, Protection(locked=False)


def _filled(reading: Reading, language: str) -> dict[str, Value]:
    """What stands in the fields: as a number or a day where it can be read as one, as it was typed where not."""
    value, day, kind = reading.number("value"), reading.day("as_of"), reading.data["kind"]
    words = {code.value: title.render(language) for code, title in KINDS.items()}
    return {
        "value": reading.data["value"] if value is None else value,
        "kind": words.get(kind, kind),
        "as_of": day or reading.data["as_of"],
        "note": reading.data["note"],
    }


def _format_of(key: str, known: Known, said: Value) -> str:
    if key == "as_of":
        return DAY_FORMAT
    return _format(known.decimals, said if isinstance(said, Decimal) else None) if key in NUMBERS else TEXT_FORMAT


def _format(decimals: int, value: Decimal | None) -> str:
    """As many decimals as the unit of measure has, or the value where it has more: a workbook hides what its format has no place for."""
    exponent = value.as_tuple().exponent if value is not None else 0
    shown = max(decimals, -exponent if isinstance(exponent, int) else 0)
    return "#,##0" + ("." + "0" * shown if shown else "")
