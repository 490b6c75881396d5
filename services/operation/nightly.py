"""`python -m services.operation.nightly 02:30`: a backup each night at this hour of Lai Châu, or one now without an hour; the newest `KEEP` are kept."""

import asyncio
import logging
import sys
from datetime import datetime, time, timedelta
from pathlib import Path

from services.operation import archives
from services.operation.backup import backup
from shared import settings as configuration
from shared.clock import LOCAL
from shared.security import wall_now
from shared.settings import Settings

log = logging.getLogger(__name__)

KEEP = 14
AGAIN = timedelta(minutes=10)
LEFTOVERS, ABANDONED = ".thidua-", timedelta(hours=12)


def following(now: datetime, at: time) -> datetime:
    """The next instant after `now` at which it is `at` in Lai Châu."""
    today = datetime.combine(now.astimezone(LOCAL).date(), at, LOCAL)
    return today if today > now else today + timedelta(days=1)


def prune(folder: Path) -> list[Path]:
    """Remove all but the newest `KEEP` and what was left half-way; returns the former. Names sort by time."""
    archives.sweep(folder, LEFTOVERS, ABANDONED)
    old = sorted(folder.glob("thidua-*.tar.gz"))[:-KEEP]
    for path in old:
        path.unlink()
    return old


async def once(settings: Settings, folder: Path) -> None:
    """A backup now; those before the newest `KEEP` go."""
    log.info("made %s", await backup(settings, folder))
    prune(folder)


async def run(settings: Settings, folder: Path, at: time) -> None:
    """Night after night; one that fails is tried again after `AGAIN`."""
    due = following(wall_now(), at)
    while True:
        await asyncio.sleep(max(0.0, (due - wall_now()).total_seconds()))
        try:
            await once(settings, folder)
            due = following(wall_now(), at)
        except Exception:
            log.exception("no backup")
            due = wall_now() + AGAIN


if __name__ == "__main__":
    given = configuration.load()
    logging.basicConfig(level=given.log_level.upper())
    into = given.backups or given.data / "backups"
    asyncio.run(run(given, into, time.fromisoformat(sys.argv[1])) if sys.argv[1:] else once(given, into))
