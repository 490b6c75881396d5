"""Which programs run on a service's tables is written beside them with every revision: so an older program knows that it runs on a newer one's."""

from alembic.script import Script
from sqlalchemy import Column, Connection, MetaData, String, Table, delete, insert, inspect, select

_programs = Table("compatible_programs", MetaData(), Column("newest_revision", String, primary_key=True))
"""A program runs on the tables when the newest revision that it knows is here. Programs of all versions read and write it: it stays as it is."""
TABLE = _programs.name


def programs(past: list[Script]) -> list[str]:
    """The newest revisions of the programs that run on the tables; `past` are the revisions that made them, oldest first.

    All of them, for a schema only grows, but for those before a `floor`: a revision that takes away what older programs use names there the first
    revision whose program no longer uses it.
    """
    known = [script.revision for script in past]
    floors = [known.index(script.module.floor) for script in past if hasattr(script.module, "floor")]
    return known[max(floors, default=0) :]


def write(connection: Connection, revisions: list[str]) -> None:
    """Say it anew, in the caller's transaction."""
    _programs.create(connection, checkfirst=True)
    connection.execute(delete(_programs))
    if revisions:
        connection.execute(insert(_programs), [{"newest_revision": revision} for revision in revisions])


def read(connection: Connection) -> set[str]:
    """What was said last; empty when nothing was."""
    return set(connection.scalars(select(_programs.c.newest_revision))) if inspect(connection).has_table(TABLE) else set()
