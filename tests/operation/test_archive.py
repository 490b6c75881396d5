"""The archive of a finished campaign is read with sha256sum and a spreadsheet alone; the ranking's hash is that of a file in it."""

import argparse
import asyncio
import base64
import csv
import hashlib
import json
import subprocess
import tarfile
import tempfile
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from services import local
from services.evaluation import models
from services.operation import archive, columns
from services.operation.commands import archive as command
from services.simulation.story import SECRETARY
from shared import migrations
from shared import settings as configuration
from shared.messages import Refused
from shared.settings import SERVICES
from tests.journeys.conftest import staged

NOW = datetime.now(UTC)
UNITS = ("xa-ta-tong", "xa-mu-ca")
FINISH = ("open_review", "freeze")


async def finish(stage) -> str:
    """To the frozen ranking, with two units taking part in the first round."""
    await stage.take_part(*UNITS)
    campaign = stage.scene.loaded.campaign
    for round in campaign.rounds:
        await stage.at(round.opens_at)
        if round == campaign.rounds[0]:
            for unit in UNITS:
                await stage.do("report", unit)
        await stage.at(round.deadline)
    await stage.at(campaign.ends_at)
    for kind in FINISH:
        await stage.hands.do(stage.acts[kind][0])
        await stage.rest()
    return (await stage.ask(SECRETARY, "GET", "/evaluation/api/rankings/current"))["ranking_hash"]


async def test_the_archive_is_read_without_the_program(tmp_path, broker, database_url, monkeypatch):
    async with staged(tmp_path / "data", broker, database_url) as stage:
        await stage.rest()
        (tmp_path / "work").mkdir()
        with pytest.raises(Refused, match="chưa xếp hạng"):
            await archive.archive(stage.scene.local.settings, "lai-chau-2023", tmp_path / "early.tar.gz", tmp_path / "work")
        told = await finish(stage)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))  # it gathers where it writes: a container's /tmp is small
        given = argparse.Namespace(campaign="lai-chau-2023", to=tmp_path / "2023.tar.gz")
        assert await command(given, stage.scene.local.settings) == 0
    inside = tmp_path / "inside"
    with tarfile.open(tmp_path / "2023.tar.gz") as tar:
        tar.extractall(inside, filter="data")

    def output(*words: str) -> str:
        return subprocess.run(words, cwd=inside, capture_output=True, text=True, check=True).stdout

    assert (await asyncio.to_thread(output, "sha256sum", "ranking.json")).split()[0] == told
    await asyncio.to_thread(output, "sha256sum", "--quiet", "-c", "SHA256SUMS")
    (inside / "signature").write_bytes(base64.b64decode((inside / "SHA256SUMS.sig").read_bytes()))
    verify = ("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "signer.pem", "-rawin", "-in", "SHA256SUMS", "-sigfile", "signature")
    assert "Verified Successfully" in await asyncio.to_thread(output, *verify)
    listed = dict(line.split("  ")[::-1] for line in (inside / "SHA256SUMS").read_text(encoding="utf-8").splitlines())
    assert {name: hashlib.sha256((inside / name).read_bytes()).hexdigest() for name in listed} == listed
    with (inside / "reporting" / "report_values.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    acts = [next(a for a in stage.acts["report"] if a.unit == unit) for unit in UNITS]
    assert len(rows) == sum(len(act.data["values"]) for act in acts)
    assert {row["indicator"] for row in rows} == {value["indicator"] for act in acts for value in act.data["values"]}
    assert (inside / "registration" / "audit.csv").stat().st_size > 1000
    assert told in (readme := (inside / "README.txt").read_text(encoding="utf-8"))
    assert readme.splitlines()[0] == f"HỒ SƠ LƯU TRỮ PHONG TRÀO lai-chau-2023 – {stage.scene.loaded.campaign.title.vi}"
    places = rows_of(inside / "ranking.csv")
    frozen = json.loads((inside / "ranking.json").read_text(encoding="utf-8"))
    assert sorted((row["cluster"], row["scheme"], row["identifier"].lstrip("'"), row["score"], row["rank"]) for row in places) == [
        (cluster, name["scheme"], name["value"], score, str(rank or "")) for cluster, name, score, rank in frozen
    ]
    assert {row["unit_name"] for row in places} >= {"Xã Tà Tổng", "Xã Mù Cả"}
    assert all(row["cluster_title"] for row in places)
    explained = {(row["file"], row["column"]) for row in rows_of(inside / "columns.csv") if row["vi"] and row["en"]}
    files = [path for path in inside.rglob("*.csv") if path.parent != inside]
    assert {(f"{path.parent.name}/{path.name}", column) for path in files for column in head_of(path)} == explained
    assert {row["officer"] for row in rows_of(inside / "registration" / "known_officers.csv")} >= {row["submitted_by"] for row in rows_of(inside / "registration" / "participations.csv") if row["submitted_by"]}
    assert "argon2" not in "".join(path.read_text(encoding="utf-8") for path in files)


def rows_of(file) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def head_of(file) -> list[str]:
    with file.open(encoding="utf-8", newline="") as lines:
        return next(csv.reader(lines))


@pytest.mark.parametrize("service", SERVICES)
def test_every_table_is_archived_with_all_its_columns_explained_or_left_out_for_a_reason(service):
    tables = {name for metadata in migrations.metadata_of(service) for name in metadata.tables}
    archived = {table.name: table for table, _ in archive._queries(service, "c")}
    assert tables - archived.keys() - archive.NO_RECORDS.keys() == set()
    assert [one.name for table in archived.values() for one in table.c if not all(columns.words().get(one.name, ("",)))] == []


def test_nothing_is_said_of_tables_and_columns_that_are_not_there():
    there = [table for service in SERVICES for metadata in migrations.metadata_of(service) for table in metadata.tables.values()]
    names = {table.name for table in there}
    assert (archive.NO_RECORDS.keys() | archive.WHOLE | archive.CHILDREN.keys()) - names == set()
    assert columns.words().keys() - {one.name for table in there for one in table.c} == set()


async def test_what_belongs_to_a_campaign_by_another_table_is_archived_with_it_alone(database_url, tmp_path):
    """A work's steps and a hold's lift say no campaign: they follow the work and the hold."""
    settings = configuration.load({"THIDUA_DATABASE_URL": database_url}, data=tmp_path)
    await local.migrate_all(settings, ["evaluation"])
    async with local.database_of(settings, "evaluation") as database:
        async with database.write() as session:
            for campaign in ("c", "other"):
                row = {"hold": f"hold-{campaign}", "campaign": campaign, "unit": "u", "since": NOW, "expires_on": NOW.date(), "reason": "r", "decided_by": "d"}
                await session.execute(insert(models.holds).values(row))
                await session.execute(insert(models.lifts).values(hold=f"hold-{campaign}", at=NOW, conclusion="k", decided_by="d"))
        async with database.read() as session:
            query = next(query for table, query in archive._queries("evaluation", "c") if table.name == "lifts")
            assert [row.hold for row in await session.execute(query)] == ["hold-c"]


@pytest.mark.parametrize(("value", "cell"), [("=1+1", "'=1+1"), ("@x", "'@x"), ("-cmd|x", "'-cmd|x"), ("-12.5", "-12.5"), (b"{}", "{}"), (b"=\xff", "'=\\xff"), ("Xã Tà Tổng", "Xã Tà Tổng"), (None, "")])
def test_no_text_of_the_archive_is_a_formula_in_a_spreadsheet(value, cell):
    assert archive._cell(value) == cell
