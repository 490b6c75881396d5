"""What the columns of an archive say, for whoever reads it when no program is left."""

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sqlalchemy import Table

HEAD = ("file", "column", "type", "key", "vi", "en")
WORDS = Path(__file__).with_suffix(".csv")


@cache
def words() -> dict[str, tuple[str, str]]:
    """The meaning of each column by its name, which is the same thing in all tables: Vietnamese, English."""
    with WORDS.open(encoding="utf-8", newline="") as file:
        return {row["column"]: (row["vi"], row["en"]) for row in csv.DictReader(file)}


def of(service: str, table: Table) -> Iterator[tuple[str, ...]]:
    """A row for each column of a table, as `HEAD` names them."""
    for column in table.c:
        key = "key" if column.primary_key else ""
        yield f"{service}/{table.name}.csv", column.name, str(column.type).lower(), key, *words()[column.name]
