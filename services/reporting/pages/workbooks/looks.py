"""How a report's workbook looks: what is to be filled in and what is wrong, and a sheet that reads well on a screen and on paper."""

from collections.abc import Sequence

from openpyxl.comments import Comment
from openpyxl.styles import Border, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from services.reporting.pages.workbooks.layout import COLUMNS, FILLED, FIRST_ROW, IDENTITY_ROW, KEYS_ROW
from shared.messages import Fault

WIDTHS = {"indicator": 24, "title": 48, "measure": 14, "kind": 14, "note": 44}
OTHERS_WIDTH = 16
THIN = Side(style="thin", color="9AA5B1")
FRAME = Border(left=THIN, right=THIN, top=THIN, bottom=THIN)
HEADING, TO_FILL, WRONG = (PatternFill("solid", fgColor=colour) for colour in ("DDE5EE", "FFF9DB", "F9C9C9"))


def mark(page: Worksheet, faults: Sequence[Fault], language: str) -> None:
    """A colour and a note for each cell that something is said about; the note says what the form says beside the field."""
    told: dict[tuple[int, str], list[str]] = {}
    for fault in faults:
        _, line, part = (*fault.field.split("."), "", "")[:3]
        if line.isdigit():
            told.setdefault((int(line), part if part in FILLED else "value"), []).append(fault.render(language))
    for (place, key), sentences in told.items():
        cell = page.cell(FIRST_ROW + place, COLUMNS.index(key) + 1)
        cell.fill = WRONG
        cell.comment = Comment("\n".join(sentences), "thidua", height=110, width=320)


def arrange(page: Worksheet) -> None:
    """Widths, a head that stays in sight, one page wide on paper, and the lock: without a password, for it guards against slips alone."""
    for column, key in enumerate(COLUMNS, 1):
        page.column_dimensions[get_column_letter(column)].width = WIDTHS.get(key, OTHERS_WIDTH)
    for row in (IDENTITY_ROW, KEYS_ROW):
        page.row_dimensions[row].hidden = True
    page.freeze_panes = f"{get_column_letter(COLUMNS.index('measure') + 1)}{FIRST_ROW}"
    page.print_title_rows = f"{FIRST_ROW - 1}:{FIRST_ROW - 1}"
    page.page_setup.orientation, page.page_setup.paperSize = "landscape", page.PAPERSIZE_A4
    page.page_setup.fitToHeight, page.sheet_properties.pageSetUpPr = 0, PageSetupProperties(fitToPage=True)
    page.protection.sheet = True
    page.protection.formatColumns = page.protection.formatRows = False
