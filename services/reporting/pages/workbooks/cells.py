"""A workbook's cells as texts, in the writing of the form. Read piece by piece: no tree is built, no workbook costs more than its size."""

import contextlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from xml.sax.handler import ContentHandler

import defusedxml.sax
from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.utils import column_index_from_string
from openpyxl.utils.escape import unescape

from services.reporting.pages.workbooks.digits import shown
from services.reporting.pages.workbooks.layout import COLUMNS_READ, ROWS_READ

Rows = Mapping[int, Mapping[int, str]]
"""Texts by row and column, both from 1; empty cells are not there."""

_ADDRESS = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


def rows(sheet: bytes, strings: Sequence[str], formats: Sequence[str], wanted: str) -> Rows:
    """The cells of a sheet whose first cell says `wanted`; empty for any other sheet. Raises `ValueError` and its like for a broken one."""
    listening = _Cells(strings, formats, wanted)
    with contextlib.suppress(_Enough):
        _listen(sheet, listening)
    return listening.rows if listening.is_wanted() else {}


def strings(part: bytes) -> list[str]:
    """The texts that cells share."""
    listening = _Strings()
    _listen(part, listening)
    return listening.found


def formats(part: bytes) -> list[str]:
    """The number format of each style of a cell."""
    listening = _Formats()
    _listen(part, listening)
    return [listening.own.get(number, BUILTIN_FORMATS.get(number, "General")) for number in listening.used]


class _Enough(Exception):
    """Nothing of what follows is wanted."""


def _listen(part: bytes, listening: ContentHandler) -> None:
    """A DTD is refused, and with it every entity, internal or external."""
    defusedxml.sax.parseString(part, listening, forbid_dtd=True)


class _Listening(ContentHandler):
    """Hears elements by their names without prefix, and the text right inside them when they end."""

    def __init__(self) -> None:
        super().__init__()
        self._said: list[str] = []

    def startElement(self, name: str, attrs: Mapping[str, str]) -> None:  # type: ignore[override]  # noqa: N802 - SAX's own names
        self._said.clear()
        self.begin(name.rpartition(":")[2], attrs)

    def characters(self, content: str) -> None:
        self._said.append(content)

    def endElement(self, name: str) -> None:  # noqa: N802
        self.end(name.rpartition(":")[2], "".join(self._said))
        self._said.clear()

    def begin(self, name: str, attrs: Mapping[str, str]) -> None:
        """An element begins."""

    def end(self, name: str, text: str) -> None:
        """An element ends."""


class _Strings(_Listening):
    """A text may come in pieces of different looks (`t` in `r`); how a Japanese word is pronounced (`rPh`) is no part of it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._pieces: list[str] = []
        self._aside = False

    def begin(self, name: str, attrs: Mapping[str, str]) -> None:
        del attrs
        if name == "si":
            self._pieces.clear()
        self._aside = self._aside or name == "rPh"

    def end(self, name: str, text: str) -> None:
        if name == "t" and not self._aside:
            self._pieces.append(text)
        elif name == "rPh":
            self._aside = False
        elif name == "si":
            self.found.append(unescape("".join(self._pieces)))


class _Formats(_Listening):
    def __init__(self) -> None:
        super().__init__()
        self.own: dict[int, str] = {}
        self.used: list[int] = []
        self._in_cells = False

    def begin(self, name: str, attrs: Mapping[str, str]) -> None:
        if name == "numFmt":
            self.own[int(attrs["numFmtId"])] = attrs["formatCode"]
        elif name == "cellXfs":
            self._in_cells = True
        elif name == "xf" and self._in_cells:
            self.used.append(int(attrs.get("numFmtId", "0")))

    def end(self, name: str, text: str) -> None:
        del text
        if name == "cellXfs":
            self._in_cells = False


class _Cells(_Listening):
    def __init__(self, strings: Sequence[str], formats: Sequence[str], wanted: str) -> None:
        super().__init__()
        self.rows: dict[int, dict[int, str]] = {}
        self._strings, self._formats, self._wanted = strings, formats, wanted
        self._row = self._column = 0
        self._kind, self._format = "n", "General"
        self._value: str | None = None
        self._formula: str | None = None

    def is_wanted(self) -> bool:
        return self.rows.get(1, {}).get(1) == self._wanted

    def begin(self, name: str, attrs: Mapping[str, str]) -> None:
        if name == "row":
            self._row, self._column = int(attrs.get("r", self._row + 1)), 0
            if self._row > ROWS_READ or (self._row > 1 and not self.is_wanted()):
                raise _Enough
        elif name == "c":
            found = _ADDRESS.fullmatch(attrs.get("r", ""))
            self._column = column_index_from_string(found[1]) if found else self._column + 1
            self._kind, self._format = attrs.get("t", "n"), self._formats[int(attrs.get("s", "0"))] if self._formats else "General"
            self._value = self._formula = None

    def end(self, name: str, text: str) -> None:
        if name == "v":
            self._value = text
        elif name == "t":
            self._value = (self._value or "") + text
        elif name == "f":
            self._formula = text
        elif name == "c" and self._column <= COLUMNS_READ:
            self._keep(unicodedata.normalize("NFC", self._text()).replace("\r", "").replace("\n", " ").strip())

    def _keep(self, text: str) -> None:
        if text:
            self.rows.setdefault(self._row, {})[self._column] = text

    def _text(self) -> str:
        """What the cell says. A formula without a result is said itself: taken for an empty cell it would be lost without a word."""
        value = (self._value or "").strip()
        if not value:
            return f"={self._formula}" if self._formula is not None and self._kind != "str" else ""
        if self._kind == "s":
            return self._strings[int(value)]
        if self._kind == "n":
            return shown(value, self._format)
        if self._kind == "d":
            return f"{datetime.fromisoformat(value):%d/%m/%Y}"
        if self._kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        return unescape(value)
