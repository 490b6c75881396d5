"""Bundles are carried to a host that has no image and no way out: the first start, a new version, the way back, and there again."""

import itertools
import re
import shutil
import subprocess
import tempfile
import time
import tomllib
from pathlib import Path

import pytest

from shared.settings import SERVICES
from tests.operation import composed
from tests.operation.composed import HOST, PASSWORD, REHEARSAL, Composed, lines_after
from tests.operation.conftest import BEFORE, COMPOSED, ROOT

pytestmark = COMPOSED

NOW = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
PARTS = {"nats", "postgres", *SERVICES, "proxy", "backup"}
FIGURES = """
    SELECT concat_ws(' ', 'reported', unit, round, revision, status, on_time, indicator, value, kind, as_of)
      FROM reporting.reports JOIN reporting.report_values USING (report, revision) WHERE campaign = '{campaign}'
    UNION ALL SELECT concat_ws(' ', 'scored', unit, cluster, score, grade, lines::text, on_time, due, report_revision) FROM evaluation.scores WHERE campaign = '{campaign}'
    UNION ALL SELECT concat_ws(' ', 'stands', unit, cluster, bucket, key) FROM evaluation.standings WHERE campaign = '{campaign}'
"""
LETTERS = "SELECT concat_ws(' ', letter, rule, unit, cause, revision, parameters::text) FROM notification.letters WHERE campaign = '{campaign}'"


@pytest.fixture(scope="module")
def media(before, image_before, image, tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A bundle of each version, the first with everything that a host needs, and the names of what is no image of ours."""
    folder = tmp_path_factory.mktemp("media")
    others = composed.stand_ins(folder)
    for version, tree, images in ((BEFORE, before, [image_before, *others.values()]), (NOW, ROOT, [image])):
        done = subprocess.run([str(tree / "deploy" / "bundle"), str(folder / f"{version}.tar"), *images], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder, others


class Host(Composed):
    """Empty, its network loopback alone: what it has, it has from bundles."""

    def __init__(self, folder: Path, media: Path, image: str, others: dict[str, str]) -> None:
        super().__init__(folder, image, others, project="thidua-host")
        self.media, self.known = media, {}
        self.hold_no_images()

    def type(self, lines: list[str], carried: str) -> float:
        """Lines of deploy/README.md with the versions of this test, while the bundle of one of them is at hand; how many seconds they took."""
        names = {"/opt/thidua": str(self.folder), "/media/thidua.tar": str(self.media / f"{carried}.tar"), "0.1.0": BEFORE, "0.2.0": NOW}
        began = time.monotonic()
        for line in lines:
            typed = re.sub("|".join(map(re.escape, names)), lambda found: names[found[0]], line)
            self.sh(typed, PASSWORD if "thidua password" in line else "")
        return time.monotonic() - began

    def rows(self, sql: str, campaign: str) -> set[str]:
        return set(self.query(" ".join(sql.format(campaign=campaign).split())).splitlines())

    def changed_in_the_last_hour(self, files: str, **images: str) -> float:
        """Take a version's files and images while the last hour of a campaign passes, in which every report is accepted and scored.

        What earlier campaigns showed once their round was closed, they show afterwards. How many seconds the change took. The hour is long enough that
        a busy machine too, on which a change takes a minute and a half, has all services back before the last report is due.
        """
        with self.start(f"{REHEARSAL} --minutes 2.4 --prepare 75 --answered 60") as rehearsal:
            assert rehearsal.stdout
            said = "".join(itertools.takewhile(lambda line: "the hour begins" not in line, rehearsal.stdout))
            self.known = {one: seen or (self.rows(FIGURES, one), self.rows(LETTERS, one)) for one, seen in self.known.items()}
            self.write(**images)
            took = self.type([files, "deploy/up"], NOW)
            told = rehearsal.stdout.read()
        assert rehearsal.returncode == 0, said + told
        assert "12 of 12 reports accepted" in told
        for one, (figures, letters) in self.known.items():
            assert self.rows(FIGURES, one) == figures != set()
            assert letters - self.rows(LETTERS, one) == set()
        self.known[re.search(r"dien-tap-[\d-]+\d", said)[0]] = None
        return took

    def runs(self, version: str, broker: str) -> str:
        """Every part is there and of that version, and the doctor, who has nothing to say, is told what."""
        running = self.containers()
        assert set(running) == PARTS
        ours = {part: image for part, image in running.items() if part not in {"postgres", "proxy"}}
        assert ours == {part: f"localhost/thidua:{broker if part == 'nats' else version}" for part in ours}
        told = self.sh("deploy/thidua doctor --language en")
        assert "NOT" not in told
        return told


@pytest.fixture(scope="module")
def host(media, image_before):
    made = Host(Path(tempfile.mkdtemp(prefix="td-")), media[0], image_before, media[1])  # podman wants short paths
    try:
        yield made
    finally:
        made.end()
        shutil.rmtree(made.folder, ignore_errors=True)


def test_an_empty_host_comes_up_from_the_bundle_alone(host, record_property):
    """The version before, by the lines of the README."""
    assert host.sh("podman images -q") == ""
    loaded = host.type(lines_after("below are typed:"), BEFORE)
    host.sh(f"deploy/init {HOST}")
    host.write()
    up, *lines, _ = lines_after("name them in `.env`. Then:")
    started = host.type([up], BEFORE)
    host.type([*lines, "deploy/thidua backup"], BEFORE)
    host.runs(BEFORE, broker=BEFORE)
    size = (host.media / f"{BEFORE}.tar").stat().st_size >> 20
    record_property("figure", f"bundle of {size} MiB: checked and loaded in {loaded:.0f} s, first deploy/up {started:.0f} s")


def test_a_new_version_is_taken_back_and_taken_again_and_nobodys_figures_change(host, record_property):
    """The version before meets the newer one's tables and streams, and the newer one what that one wrote meanwhile."""
    new, old = f"localhost/thidua:{NOW}", f"localhost/thidua:{BEFORE}"
    *carry, there = lines_after("also take its files over:")
    [back, _] = lines_after("**The way back.**")
    host.type(carry, NOW)
    seconds = [host.changed_in_the_last_hour(there, IMAGE=new)]
    host.runs(NOW, broker=NOW)
    seconds += [host.changed_in_the_last_hour(back, IMAGE=old, NATS_IMAGE=new)]
    assert host.runs(BEFORE, broker=NOW).count("a newer version's") == len(SERVICES)
    seconds += [host.changed_in_the_last_hour(there, IMAGE=new)]
    host.runs(NOW, broker=NOW)
    host.sh("deploy/thidua audit verify")
    record_property("figure", "containers replaced in the last hour: there {:.0f} s, back {:.0f} s, there again {:.0f} s".format(*seconds))


def test_where_the_tables_do_not_name_the_version_before_its_start_ends_with_a_sentence_and_no_service_is_touched(host):
    """As a later version leaves them when it takes away what the version before uses."""
    stood = host.sh("podman ps --format '{{.ID}} {{.Image}}'")
    host.query("DELETE FROM reporting.compatible_programs WHERE newest_revision <> (SELECT version_num FROM reporting.alembic_version)")
    host.write(IMAGE=f"localhost/thidua:{BEFORE}")
    told = host.sh("deploy/up", fails=True)
    assert "Cơ sở dữ liệu của reporting ở lược đồ" in told
    assert "mà bản này không biết" in told
    assert host.sh("podman ps --format '{{.ID}} {{.Image}}'") == stood
