"""successions.csv: which units became which, when and by which legal act."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from services.registration.loading.faults import Faults
from services.registration.loading.scalars import day
from services.registration.loading.tables import Row, read_table
from services.registration.loading.units import Directory, Line
from shared.messages import Message

COLUMNS = ("predecessor", "successor", "date", "legal_act", "note")


@dataclass(frozen=True)
class SuccessionRow:
    """The units `predecessors` (keys) became `successor` (a key) on `date`."""

    predecessors: tuple[str, ...]
    successor: str
    date: date
    legal_act: str


def read_successions(path: Path, directory: Directory | None, faults: Faults) -> tuple[SuccessionRow, ...]:
    """The mergers, in the order of their successors; a merger is all rows with the same successor, day and act."""
    merged: dict[tuple[str, date, str], list[str]] = {}
    taken: dict[str, int] = {}
    for row in read_table(path, COLUMNS, faults) or ():
        filled = [row.required(column) for column in ("predecessor", "successor", "date", "legal_act")]
        moment = row.read("date", day)
        if directory:
            _check_units(row, moment, directory, taken)
        if all(filled) and moment:
            merged.setdefault((row["successor"], moment, row["legal_act"]), []).append(row["predecessor"])
    return tuple(SuccessionRow(tuple(old), new, moment, act) for (new, moment, act), old in merged.items())


def _check_units(row: Row, moment: date | None, directory: Directory, taken: dict[str, int]) -> None:
    for column in ("predecessor", "successor"):
        if row[column]:
            row.faults.refer(row.place(column), row[column], directory.keys(), Message("đơn vị"))
    if row["predecessor"] and (first := taken.setdefault(row["predecessor"], row.line)) != row.line:
        message = Message('"{key}" đã được sắp xếp ở dòng {line}.', key=row["predecessor"], line=first)
        row.add("predecessor", message, Message("Giữ lại một dòng: một đơn vị chỉ nhập vào một đơn vị mới."))
    if moment:
        _check_days(row, moment, directory.lines)


def _check_days(row: Row, moment: date, lines: list[Line]) -> None:
    eve = moment - timedelta(days=1)
    ends = [line.period.last for line in lines if line.key == row["predecessor"]]
    starts = [line.period.first for line in lines if line.key == row["successor"]]
    if ends and eve not in ends:
        message = Message('"{key}" không kết thúc vào ngày trước khi sắp xếp.', key=row["predecessor"])
        row.add("date", message, Message("Ghi valid_to của đơn vị cũ là {day:%Y-%m-%d} hoặc sửa ngày này.", day=eve))
    if starts and moment not in starts:
        message = Message('"{key}" không bắt đầu vào ngày sắp xếp.', key=row["successor"])
        row.add(
            "date", message, Message("Ghi valid_from của đơn vị mới là {day:%Y-%m-%d} hoặc sửa ngày này.", day=moment)
        )
