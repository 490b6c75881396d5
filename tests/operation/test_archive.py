"""The archive of a finished campaign is read with sha256sum and a spreadsheet alone; the ranking's hash is that of a file in it."""

import argparse
import asyncio
import base64
import csv
import hashlib
import subprocess
import tarfile
import tempfile

import pytest

from services.operation import archive
from services.operation.commands import archive as command
from services.simulation.story import SECRETARY
from shared.messages import Refused
from tests.journeys.conftest import staged

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
    assert told in (inside / "README.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(("value", "cell"), [("=1+1", "'=1+1"), ("@x", "'@x"), ("-cmd|x", "'-cmd|x"), ("-12.5", "-12.5"), ("Xã Tà Tổng", "Xã Tà Tổng"), (None, "")])
def test_no_text_of_the_archive_is_a_formula_in_a_spreadsheet(value, cell):
    assert archive._cell(value) == cell
