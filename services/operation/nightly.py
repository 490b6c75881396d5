"""`thidua backup --nightly 02:30`: a backup each night at this hour of Lai Châu; the newest `KEEP` are kept."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from pathlib import Path

from services.excuses import sentences
from services.operation import archives
from shared.clock import LOCAL
from shared.security import wall_now

log = logging.getLogger(__name__)

KEEP = 14
AGAIN = timedelta(minutes=10)
LEFTOVERS, ABANDONED = ".thidua-", timedelta(hours=12)


def following(now: datetime, at: time) -> datetime:
    """The next instant after `now` at which it is `at` in Lai Châu."""
    today = datetime.combine(now.astimezone(LOCAL).date(), at, LOCAL)
    return today if today > now else today + timedelta(days=1)


def prune(folder: Path, keep: int = KEEP) -> list[Path]:
    """Remove all but the newest `keep` and what was left half-way; returns the former. Names sort by time."""
    archives.sweep(folder, LEFTOVERS, ABANDONED)
    old = sorted(folder.glob("thidua-*.tar.gz"))[:-keep]
    for path in old:
        path.unlink()
    return old


async def run(once: Callable[[], Awaitable[Path]], at: time) -> None:
    """`once` night after night, without end; one that fails is tried again after `AGAIN`."""
    due = following(wall_now(), at)
    log.info("waiting for %s", due.isoformat())
    while True:
        await asyncio.sleep(max(0.0, (due - wall_now()).total_seconds()))
        try:
            log.info("made %s", await once())
            due = following(wall_now(), at)
        except Exception as error:
            told = sentences(error)
            log.error("no backup: %s", " ".join(told) or error, exc_info=not told)
            due = wall_now() + AGAIN
