"""Locks by name that last until the transaction ends: what must not happen twice at the same moment."""

from collections.abc import Iterable

from sqlalchemy import ARRAY, String, bindparam, text

from shared.database import WriteSession

_LOCK = text(
    "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || held.key, 0))"
    " FROM unnest(CAST(:keys AS text[])) WITH ORDINALITY AS held(key, place) ORDER BY held.place"
).bindparams(bindparam("keys", type_=ARRAY(String)))


async def lock(session: WriteSession, keys: Iterable[str]) -> None:
    """Hold each key until the transaction ends, in sorted order. SQLite has one writer and needs none of it.

    What waits to be written is written first: whoever reads under a lock must see it.
    """
    await session.flush()
    if session.get_bind().dialect.name == "postgresql":
        held: set[str] = session.info.setdefault("locks", set())
        if new := sorted(set(keys) - held):  # a batch of events asks for the same ones again and again
            await session.execute(_LOCK, {"keys": new})
            held.update(new)
