"""The nightly backup: at its hour of Lai Châu, once a night, and only the newest are kept."""

import asyncio
import os
from datetime import UTC, datetime, time, timedelta

from services import local
from services.command_line import parser
from services.commands import COMMANDS
from services.operation import nightly
from shared.measures import newest_backup
from shared.messages import Refused

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


async def test_without_an_hour_it_makes_one_now_and_removes_the_oldest(settings, tmp_path, capsys):
    """As the schedule of Kubernetes runs it, night after night in a container of its own."""
    await local.migrate_all(settings)
    await local.provision(settings)
    folder = tmp_path / "backups"
    folder.mkdir()
    names = [f"thidua-202011{night:02d}T193000Z.tar.gz" for night in range(1, nightly.KEEP + 1)]
    for name in names:
        (folder / name).touch()
    given = parser().parse_args(["backup", "--to", str(folder), "--keep", str(nightly.KEEP)])
    assert await COMMANDS["backup"](given, settings) == 0
    [*kept, newest] = sorted(path.name for path in folder.iterdir())
    assert kept == names[1:]
    assert (folder / newest).stat().st_size > 1000
    assert capsys.readouterr().out == f"{folder / newest}\n"


async def test_a_night_without_a_backup_is_told_in_a_sentence_and_tried_again_soon(monkeypatch, caplog):
    monkeypatch.setattr(nightly, "AGAIN", timedelta(0))
    made = asyncio.Event()
    failures = [Refused.because("chưa có bảng nào: hãy chạy thidua migrate {service}.", service="reporting"), ZeroDivisionError()]

    async def once():
        if failures:
            raise failures.pop(0)
        made.set()
        return "archive"

    monkeypatch.setattr(nightly, "following", lambda now, _: now)
    nights = asyncio.create_task(nightly.run(once, AT))
    async with asyncio.timeout(60):
        await made.wait()
    nights.cancel()
    told, own = caplog.records
    assert (told.getMessage(), bool(told.exc_info)) == ("no backup: chưa có bảng nào: hãy chạy thidua migrate reporting.", False)
    assert own.exc_info, "an error of the program's own keeps its traceback"
