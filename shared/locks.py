"""Locks by name that last until the transaction ends: what must not happen twice at the same moment."""

from collections.abc import Iterable

from sqlalchemy import ARRAY, String, bindparam, text

from shared.database import WriteSession, on_sqlite

MANY = 500
"""Whoever wants more keys holds all there are: all transactions of a PostgreSQL server together have room for some ten thousand locks."""
EVERY = ""
"""Held by all, shared by those who hold a few keys."""

_LOCK = text(
    "SELECT CASE held.key WHEN '' THEN pg_advisory_xact_lock_shared(hashtextextended(current_schema() || held.key, 0))"
    " ELSE pg_advisory_xact_lock(hashtextextended(current_schema() || held.key, 0)) END"
    " FROM unnest(CAST(:keys AS text[])) WITH ORDINALITY AS held(key, place) ORDER BY held.place"
).bindparams(bindparam("keys", type_=ARRAY(String)))
_LOCK_EVERY = text("SELECT pg_advisory_xact_lock(hashtextextended(current_schema(), 0))")


async def lock(session: WriteSession, keys: Iterable[str]) -> None:
    """Hold each key until the transaction ends, in sorted order. SQLite has one writer and needs none of it.

    What waits to be written is written first: whoever reads under a lock must see it.
    """
    await session.flush()
    held: set[str] = session.info.setdefault("locks", set())
    new = sorted(set(keys) - held)  # a batch of events asks for the same ones again and again
    if not new or EVERY in held or on_sqlite(session):
        return
    if len(held) + len(new) > MANY:
        await session.execute(_LOCK_EVERY)
        held.add(EVERY)
    else:
        await session.execute(_LOCK, {"keys": [EVERY, *new]})
        held.update(new)
