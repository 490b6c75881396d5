"""A line of the log says when, where and in which trace; a trace store that is away does not bury the others."""

import asyncio
import logging
import os
import re
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta

import pytest

from services import logs
from services.logs import FORMAT, Lines, Seldom
from shared.bundled import free_port
from shared.telemetry import Telemetry

LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (INFO|WARNING|ERROR) ([\w.]+)( trace=[0-9a-f]{32})?: (.+)")


def record(name: str, at: float | None = None, text: str = "said %s") -> logging.LogRecord:
    made = logging.LogRecord(name, logging.WARNING, __file__, 1, text, ("so",), None)
    made.created = made.created if at is None else at
    return made


def test_a_line_has_its_time_in_utc_and_the_trace_in_which_it_was_written():
    telemetry = Telemetry("reporting")
    alone = LINE.fullmatch(Lines(FORMAT).format(record("shared.gauges")))
    assert (alone[2], alone[3], alone[4], alone[5]) == ("WARNING", "shared.gauges", None, "said so")
    assert abs(datetime.fromisoformat(alone[1]) - datetime.now(UTC)) < timedelta(seconds=10)
    with telemetry.span("deliver letter") as span:
        inside = LINE.fullmatch(Lines(FORMAT).format(record("shared.gauges")))
    assert inside[4] == f" trace={span.get_span_context().trace_id:032x}"
    telemetry.shutdown()


def test_of_the_exporters_lines_one_a_minute_is_told_and_all_others_pass():
    seldom, exporter = Seldom(logs.REPETITIVE), "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    told = [one for second in range(121) for _ in range(3) if seldom.filter(one := record(exporter, second))]
    assert [one.created for one in told] == [0, 60, 120]
    assert told[1].getMessage() == "said so (and 179 lines of its kind before it)"
    assert all(seldom.filter(record("shared.outbox", second)) for second in range(5))
    assert seldom.filter(record("opentelemetryx", 1)), "a name that only begins alike is another"


@pytest.mark.parametrize("level", ["info"])
async def test_all_that_a_process_of_four_services_writes_has_one_form(tmp_path, level):
    """Uvicorn's lines too; with a dead trace store, which is told once."""
    environment = os.environ | {
        "THIDUA_DATA": str(tmp_path), "THIDUA_PORT": str(free_port()), "THIDUA_LOG_LEVEL": level, "THIDUA_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services", "up", env=environment, stderr=PIPE)
    lines: list[str] = []
    try:
        async with asyncio.timeout(60):
            while not any("opentelemetry" in line for line in lines):
                lines.append((await process.stderr.readline()).decode().rstrip("\n"))
    finally:
        process.terminate()
        rest, _ = await asyncio.gather(process.stderr.read(), process.wait())
    lines += rest.decode().splitlines()
    assert [line for line in lines if not LINE.fullmatch(line) and not line.startswith("pages at")] == []
    assert len([line for line in lines if "opentelemetry" in line]) == 1
