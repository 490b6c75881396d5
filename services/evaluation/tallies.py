"""Counts kept as rows: a transaction that moves units from one place to another changes the counts of both by the difference."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect

from shared.database import WriteSession, on_sqlite

Place = tuple[Any, ...]


def count(session: WriteSession, table: Table, place: Place, amounts: Mapping[str, int]) -> None:
    """Add amounts to the columns of a table's row; `place`: the values of its primary key. Written once per transaction."""
    session.info.setdefault("tallies", []).append((table, place, dict(amounts)))
    session.at_commit(_write)


async def _write(session: WriteSession) -> None:
    """The last and shortest step of the transaction, in the order of the keys: replicas wait for each other's rows, and never in a circle."""
    changes: dict[str, dict[Place, dict[str, int]]] = {}
    tables: dict[str, Table] = {}
    for table, place, amounts in session.info.pop("tallies", ()):
        tables[table.name] = table
        sums = changes.setdefault(table.name, {}).setdefault(place, dict.fromkeys(_counted(table), 0))
        for name, amount in amounts.items():
            sums[name] += amount
    for name in sorted(changes):
        keys = [column.name for column in tables[name].primary_key]
        rows = [dict(zip(keys, place, strict=True)) | sums for place, sums in sorted(changes[name].items()) if any(sums.values())]
        if rows:
            await session.execute(_addition(tables[name], sqlite=on_sqlite(session)), rows)


def _counted(table: Table) -> list[str]:
    return [column.name for column in table.c if not column.primary_key]


@cache
def _addition(table: Table, *, sqlite: bool) -> Any:
    statement: Any = (sqlite_dialect if sqlite else postgresql).insert(table)
    sums = {name: table.c[name] + statement.excluded[name] for name in _counted(table)}
    return statement.on_conflict_do_update(index_elements=[column.name for column in table.primary_key], set_=sums)
