"""The nightly backup: at its hour of Lai Châu, once a night, and only the newest are kept."""

import os
from datetime import UTC, datetime, time, timedelta

from services import local
from services.operation import nightly
from shared.measures import newest_backup

AT = time(2, 30)


def test_it_is_due_at_its_hour_of_lai_chau():
    before, after = datetime(2026, 11, 25, 19, 0, tzinfo=UTC), datetime(2026, 11, 25, 19, 30, tzinfo=UTC)
    assert nightly.following(before, AT) == datetime(2026, 11, 25, 19, 30, tzinfo=UTC)
    assert nightly.following(after, AT) == datetime(2026, 11, 26, 19, 30, tzinfo=UTC)


def test_the_oldest_are_removed_and_nothing_else(tmp_path):
    first = datetime(2026, 11, 1, 19, 30, tzinfo=UTC)
    for night in range(nightly.KEEP + 2):
        (tmp_path / f"thidua-{first + timedelta(days=night):%Y%m%dT%H%M%SZ}.tar.gz").touch()
    (tmp_path / "notes.txt").touch()
    assert [path.name for path in nightly.prune(tmp_path)] == ["thidua-20261101T193000Z.tar.gz", "thidua-20261102T193000Z.tar.gz"]
    assert nightly.prune(tmp_path) == []
    assert newest_backup(tmp_path) == first + timedelta(days=nightly.KEEP + 1)
    assert (tmp_path / "notes.txt").exists()


def test_what_a_killed_backup_left_is_removed_and_one_that_is_being_made_is_not(tmp_path):
    left, made = tmp_path / ".thidua-backup-x1", tmp_path / ".thidua-backup-x2"
    for folder in (left, made):
        (folder / "streams").mkdir(parents=True)
    (tmp_path / ".thidua-20261101T193000Z.tar.gz.part").touch()
    then = (datetime.now(UTC) - nightly.ABANDONED - timedelta(minutes=1)).timestamp()
    for path in (left, tmp_path / ".thidua-20261101T193000Z.tar.gz.part"):
        os.utime(path, (then, then))
    nightly.prune(tmp_path)
    assert list(tmp_path.iterdir()) == [made]


async def test_without_an_hour_it_makes_one_now_and_removes_the_oldest(settings, tmp_path):
    """As the schedule of Kubernetes runs it, night after night in a container of its own."""
    await local.migrate_all(settings)
    await local.provision(settings)
    folder = tmp_path / "backups"
    folder.mkdir()
    names = [f"thidua-202011{night:02d}T193000Z.tar.gz" for night in range(1, nightly.KEEP + 1)]
    for name in names:
        (folder / name).touch()
    await nightly.once(settings, folder)
    [*kept, newest] = sorted(path.name for path in folder.iterdir())
    assert kept == names[1:]
    assert (folder / newest).stat().st_size > 1000
