"""A CSV file as rows that know their line; lines that begin with # are comments."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from services.registration.loading.faults import Faults, Place, nearest
from services.registration.loading.files import read_text
from services.registration.loading.scalars import UnreadableError
from shared.messages import Message

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """One line of a table: its cells by column, trimmed; empty cells are empty texts."""

    file: str
    line: int
    cells: dict[str, str]
    faults: Faults

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def place(self, column: str) -> Place:
        """Where a cell stands."""
        return Place(self.file, self.line, column)

    def add(self, column: str, message: Message, cure: Message) -> None:
        """Note a fault in a cell."""
        self.faults.add(self.place(column), message, cure)

    def required(self, column: str) -> str | None:
        """The cell's text; a fault when it is empty."""
        if not self[column]:
            self.add(
                column, Message('Thiếu "{name}".', name=column), Message('Ghi giá trị vào cột "{name}".', name=column)
            )
        return self[column] or None

    def read(self, column: str, reader: Callable[[str], T]) -> T | None:
        """The cell read by `reader`; nothing when it is empty or, with a fault, when it cannot be read."""
        try:
            return reader(self[column]) if self[column] else None
        except UnreadableError as wrong:
            self.add(column, wrong.message, wrong.cure)
            return None


def read_table(path: Path, columns: tuple[str, ...], faults: Faults) -> list[Row] | None:
    """The rows of a file with exactly these columns in any order, or nothing when it cannot be read as such."""
    text = read_text(path, faults)
    if text is None:
        return None
    lines = [
        (n, cells) for n, line in enumerate(text.split("\n"), start=1) if (cells := _cells(path.name, n, line, faults))
    ]
    first, header = lines[0] if lines else (1, [])
    if not _header_is_sound(Place(path.name, first), header, columns, faults):
        return None
    whole = _whole(lines[1:], path.name, len(header), faults)
    return [Row(path.name, n, dict(zip(header, cells, strict=True)), faults) for n, cells in whole]


def _cells(file: str, number: int, line: str, faults: Faults) -> list[str]:
    """The trimmed cells of one line; each line is read alone, so that an open quote spoils no other line."""
    if not line.strip() or line.startswith("#"):
        return []
    try:
        return [cell.strip() for cell in next(csv.reader([line.rstrip("\r")], strict=True))]
    except csv.Error:
        faults.add(
            Place(file, number),
            Message("Dấu ngoặc kép chưa đóng hoặc đặt sai chỗ."),
            Message('Đóng ngoặc kép; dấu " trong ô viết thành "".'),
        )
        return []


def _header_is_sound(place: Place, header: list[str], columns: tuple[str, ...], faults: Faults) -> bool:
    missing = [name for name in columns if name not in header]
    strange = [name for n, name in enumerate(header) if name not in columns or name in header[:n]]
    for name in strange:
        faults.add(
            place._replace(field=name), Message('Không có cột nào tên "{name}".', name=name), nearest(name, missing)
        )
    for name in missing:
        cure = Message("Dòng tiêu đề phải có các cột: {names}.", names=",".join(columns))
        faults.add(place._replace(field=name), Message('Thiếu cột "{name}".', name=name), cure)
    return not missing and not strange


def _whole(
    lines: Iterable[tuple[int, list[str]]], file: str, width: int, faults: Faults
) -> Iterable[tuple[int, list[str]]]:
    for number, cells in lines:
        if len(cells) == width:
            yield number, cells
        else:
            message = Message("Dòng có {found} ô, tiêu đề có {width} cột.", found=len(cells), width=width)
            faults.add(
                Place(file, number), message, Message("Thêm hoặc bớt dấu phẩy; ô có dấu phẩy phải đặt trong ngoặc kép.")
            )
