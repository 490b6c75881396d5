"""One data folder, one process: a second `thidua up` is refused in a sentence before it has touched anything."""

import asyncio
import os
import subprocess
import sys

import pytest

from services.commands import with_broker
from services.local import Local
from services.occupied import MARK, occupied
from shared import settings as configuration
from shared.messages import Refused
from tests.operation.programs import ended


async def test_a_second_up_on_a_data_folder_in_use_is_refused_with_the_first_ones_process(tmp_path):
    async with Local(configuration.load({}, data=tmp_path)) as whole:
        config = (tmp_path / "nats" / "nats.conf").read_text()
        told = f"Thư mục {tmp_path} đang do tiến trình {os.getpid()} dùng: hãy dừng tiến trình đó, hoặc chọn thư mục khác (--data hoặc THIDUA_DATA)."
        for word in ("up", "demo"):
            given = ("--keep" if word == "demo" else "--data", str(tmp_path))
            assert await ended("services", word, *given) == (1, [told])
        assert (tmp_path / "nats" / "nats.conf").read_text() == config
        async with with_broker(configuration.load({}, data=tmp_path)) as complete:
            assert complete.nats_url == whole.settings.nats_url, "a command goes to the broker that runs"


async def test_a_command_starts_no_second_broker_on_the_store_of_one_that_cannot_be_found(tmp_path):
    with occupied(tmp_path), pytest.raises(Refused, match="THIDUA_DATA"):
        async with with_broker(configuration.load({}, data=tmp_path)):
            pass
    assert not (tmp_path / "nats").exists()


async def test_a_process_that_was_killed_holds_the_folder_no_longer(tmp_path):
    hold = f"from pathlib import Path; from services.occupied import occupied; import time\nwith occupied(Path({str(tmp_path)!r})): print(flush=True); time.sleep(60)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", hold, stdout=subprocess.PIPE)
    await process.stdout.readline()
    with pytest.raises(Refused, match=str(process.pid)), occupied(tmp_path):
        pass
    process.kill()
    await process.wait()
    with occupied(tmp_path):
        assert (tmp_path / MARK).read_text() == str(os.getpid())
