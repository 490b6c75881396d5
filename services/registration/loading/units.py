"""units.csv: every unit with its dated attributes, identifiers and cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from services.registration.loading.faults import Faults
from services.registration.loading.identifiers import identifier
from services.registration.loading.periods import Period
from services.registration.loading.scalars import SLUG, UnreadableError, day, one_of, whole
from services.registration.loading.tables import Row, read_table
from shared.events.campaign import UnitKind
from shared.events.registration import Identifier, UnitVersion
from shared.messages import Message

COLUMNS = (
    "key", "identifiers", "name", "kind", "parent", "cluster", "position", "valid_from", "valid_to", "sample", "note",
)  # fmt: skip
SAMPLE = ("unit", "codes")


@dataclass(frozen=True)
class UnitRow:
    """A unit as its rows describe it; the parents in `versions` are keys of other units, not yet ids.

    `sample`: the unit is invented; `sample_codes`: the unit is real, its dinh-danh codes are samples.
    """

    key: str
    versions: tuple[UnitVersion, ...]
    identifiers: tuple[Identifier, ...]
    cluster: str | None
    position: int
    sample: bool
    sample_codes: bool
    note: str

    def at(self, day: date) -> UnitVersion | None:
        """Its attributes on a day, if it exists then."""
        return next((v for v in self.versions if Period(v.valid_from, v.valid_to).holds(day)), None)


@dataclass(frozen=True)
class Line:
    """A sound row: one version of a unit."""

    row: Row
    key: str
    version: UnitVersion
    identifiers: tuple[Identifier, ...]
    position: int

    @property
    def period(self) -> Period:
        """The days on which this row counts."""
        return Period(self.version.valid_from, self.version.valid_to)


@dataclass(frozen=True)
class Directory:
    """The table: all rows, and those sound enough to be checked against one another."""

    rows: list[Row]
    lines: list[Line]

    def keys(self) -> set[str]:
        """Every unit the table names, also in rows with faults."""
        return {row["key"] for row in self.rows}

    def named(self) -> set[str]:
        """Every identifier the table names, as scheme:value."""
        return {text for row in self.rows for text in row["identifiers"].split()}

    def units(self) -> tuple[UnitRow, ...]:
        """The units in the order of the table."""
        grouped: dict[str, list[Line]] = {}
        for line in self.lines:
            grouped.setdefault(line.key, []).append(line)
        return tuple(_unit(lines) for lines in grouped.values())


def _unit(lines: list[Line]) -> UnitRow:
    first = lines[0]
    return UnitRow(
        key=first.key,
        versions=tuple(line.version for line in sorted(lines, key=lambda line: line.period.first)),
        identifiers=tuple(one for line in lines for one in line.identifiers),
        cluster=next((line.row["cluster"] for line in lines if line.row["cluster"]), None),
        position=first.position,
        sample=any(line.row["sample"] == "unit" for line in lines),
        sample_codes=any(line.row["sample"] == "codes" for line in lines),
        note="; ".join(line.row["note"] for line in lines if line.row["note"]),
    )


def read_units(path: Path, faults: Faults) -> Directory | None:
    """The table, each row checked by itself."""
    rows = read_table(path, COLUMNS, faults)
    if rows is None:
        return None
    return Directory(rows, [line for row in rows if (line := _line(row))])


def _line(row: Row) -> Line | None:
    key, name, kind_name = row.required("key"), row.required("name"), row.required("kind")
    _check_key(row)
    row.read("sample", partial(one_of, choices=SAMPLE))
    kind = row.read("kind", _kind) if kind_name else None
    first = row.read("valid_from", day) if row.required("valid_from") else None
    last = row.read("valid_to", day)
    identifiers = tuple(_identifiers(row, kind, first, last))
    position = row.read("position", whole) if row.required("position") else None
    backwards = bool(first and last and last < first)
    if backwards:
        cure = Message("Ghi ngày từ {day:%Y-%m-%d} trở đi hoặc để trống.", day=first)
        row.add("valid_to", Message("Ngày hết hiệu lực ở trước ngày có hiệu lực."), cure)
    if not (key and name and kind and first) or position is None or backwards or (row["valid_to"] and not last):
        return None
    version = UnitVersion(valid_from=first, valid_to=last, name=name, kind=kind, parent=row["parent"] or None)
    return Line(row, key, version, identifiers, position)


def _kind(text: str) -> UnitKind:
    return UnitKind(one_of(text, [kind.value for kind in UnitKind]))


def _check_key(row: Row) -> None:
    if row["key"] and not SLUG.fullmatch(row["key"]):
        cure = Message("Chỉ dùng chữ thường không dấu, chữ số và dấu gạch nối, ví dụ xa-ta-tong.")
        row.add("key", Message('Khóa "{key}" sai dạng.', key=row["key"]), cure)


def _identifiers(row: Row, kind: UnitKind | None, first: date | None, last: date | None) -> Iterator[Identifier]:
    row.required("identifiers")
    for text in row["identifiers"].split():
        try:
            scheme, value = identifier(text, kind)
            yield Identifier(scheme=scheme, value=value, valid_from=first, valid_to=last)
        except UnreadableError as wrong:
            row.add("identifiers", wrong.message, wrong.cure)
