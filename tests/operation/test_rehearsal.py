"""A deadline-day rehearsal against a running deployment: passes where all is well, fails where a threshold is not reached."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import uvicorn

from services import command_line as main
from services import local
from services.local import Local, QuietServer
from services.operation import rehearsal, sandbox
from services.registration import loading
from services.simulation import ranges, story
from shared import campaigns, clock
from shared.bundled import free_port
from shared.messages import Refused
from tests.operation.certificates import certified

UNITS = 12


@pytest.fixture
async def deployment(settings, tmp_path):
    """All four services behind TLS of a private authority, under the real clock; ticks come each second, so that a round opens without a minute's wait."""
    authority = certified(tmp_path, 90)
    async with Local(settings.model_copy(update={"clock": "real"})) as whole:
        await whole.start()
        port = free_port()
        config = uvicorn.Config(whole.town, port=port, lifespan="off", log_level="warning", ssl_certfile=authority, ssl_keyfile=authority)
        server = QuietServer(config)
        working = [asyncio.create_task(ticks(whole)), asyncio.create_task(server.serve())]
        try:
            yield SimpleNamespace(address=f"https://localhost:{port}", settings=whole.settings, authority=authority)
        finally:
            working[0].cancel()
            server.should_exit = True
            await asyncio.gather(*working, return_exceptions=True)


async def ticks(whole) -> None:
    while True:
        await clock.publish(whole.services[0].jetstream, datetime.now(UTC), simulated=False)
        await asyncio.sleep(1)


async def command(deployment, *options: str) -> tuple[int, list[str], str]:
    """Exit status, lines and what is said meanwhile of `thidua rehearse`."""
    environment = os.environ | {"THIDUA_DATA": str(deployment.settings.data), "THIDUA_NATS_URL": deployment.settings.nats_url, "THIDUA_LOG_LEVEL": "error"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", "rehearse", "--address", deployment.address, *options, env=environment, stdout=PIPE, stderr=PIPE
    )
    told, errors = await asyncio.wait_for(process.communicate(), 180)
    return process.returncode, told.decode().splitlines(), errors.decode()


@pytest.mark.slow
async def test_a_rehearsal_may_be_held_again_with_the_same_units_says_each_promise_and_fails_where_one_is_not_kept(deployment):
    """The day before each deadline, in one installation; behind a private authority that it is told of. Nobody answers in a microsecond."""
    trusting = ("--ca", str(deployment.authority), "--prepare", "20")
    _, lines, said = await command(deployment, *trusting, "--units", "3", "--minutes", "0.1", "--answered", "20")
    assert lines[0] == "pass 3 of 3 reports accepted, 0 sent again after 503", (lines, said)
    status, lines, said = await command(deployment, *trusting, "--units", "4", "--minutes", "0.25", "--answered", "0.000001")
    assert status == 1, said
    assert [line.partition(" ")[0] for line in lines] == ["pass", "pass", "FAIL", "pass", "pass"], lines
    assert lines[0] == "pass 4 of 4 reports accepted, 0 sent again after 503"
    assert "limit 1e-06" in lines[2]
    assert "4 units register" in said


@pytest.mark.parametrize("minutes", [0.1, 0.15, 0.123, 6.0])
def test_the_deadline_takes_no_part_of_a_second_from_the_hour(minutes):
    plan, now = rehearsal.Plan("", minutes=minutes, prepare=20), datetime(2026, 11, 25, 9, 59, 59, 999_999, tzinfo=UTC)
    begins, deadline = rehearsal.hour_of(plan, now)
    assert begins <= now + timedelta(seconds=plan.prepare)
    assert timedelta(minutes=minutes) <= deadline - begins < timedelta(minutes=minutes, seconds=1)
    assert deadline.microsecond == 0, "as it is written into the campaign's file"


async def test_a_certificate_that_is_not_believed_ends_the_rehearsal_with_one_sentence_before_it_begins(deployment):
    status, lines, said = await command(deployment)
    assert (status, lines) == (1, [])
    assert len(said.splitlines()) == 1
    assert "CERTIFICATE_VERIFY_FAILED" in said
    assert "--ca" in said
    async with local.database_of(deployment.settings, "registration") as database, database.read() as session:
        assert await campaigns.listed(session) == []


def test_an_authority_that_cannot_be_read_is_told_by_its_name(tmp_path):
    (tmp_path / "text.pem").write_text("no certificate")
    for name in ("none.pem", "text.pem"):
        with pytest.raises(Refused) as caught:
            rehearsal.trusting(tmp_path / name)
        assert f"--ca: the authority's certificate {tmp_path / name} cannot be read" in caught.value.faults[0].render("en")


@pytest.mark.deploy
async def test_a_rehearsal_of_a_deployment_that_keeps_its_promises_ends_with_status_0(deployment):
    ordinary = ("--ca", str(deployment.authority), "--units", str(UNITS), "--minutes", "0.2", "--prepare", "25")
    status, lines, said = await command(deployment, *ordinary)
    assert status == 0, (lines, said)
    assert [line.partition(" ")[0] for line in lines] == ["pass"] * 5
    assert f"{UNITS} of {UNITS} reports accepted" in lines[0]


def test_every_unit_tells_figures_that_the_first_round_takes(tmp_path):
    """Those that miss it in the story as well: a figure of a later day would be refused as one of the future."""
    sandbox.make(rehearsal.TEMPLATE, tmp_path, "dien-tap-x", datetime(2026, 11, 25, 17, tzinfo=UTC))
    loaded = loading.read(tmp_path)
    acts = story.tell(loaded, ranges.read(tmp_path / "story.yaml"), 1)
    first = loaded.campaign.rounds[0]
    registering, reports = rehearsal.chosen(acts, first, 5000)
    assert len(registering) == len(reports) > 200
    assert {(act.data["round"], value["as_of"]) for act in reports for value in act.data["values"]} == {(first.code, first.cutoff)}


@pytest.mark.parametrize("wrong", ["--units 0", "--minutes 0", "--prepare -1", "--answered inf", "--scored nan", "--units 1.5"])
def test_a_rehearsal_of_nobody_or_of_no_time_is_refused_before_it_begins(wrong, capsys):
    with pytest.raises(SystemExit):
        main.parser().parse_args(["rehearse", "--address", "https://thidua.example", *wrong.split()])
    assert wrong.split()[0] in capsys.readouterr().err


def test_an_outcome_with_a_missing_report_a_late_one_or_a_dead_letter_fails():
    good = rehearsal.Outcome(units=2, waits=[0.1, 0.2], on_time=2, scored=2, scored_after=1.0)
    assert all(kept for kept, _ in good.verdicts(rehearsal.Thresholds()))
    for fault in ({"waits": [0.1]}, {"on_time": 1}, {"scored": 1}, {"scored_after": 31.0}, {"dead": 1}, {"waits": [0.1, 3.0]}):
        changed = rehearsal.Outcome(**(vars(good) | fault))
        assert not all(kept for kept, _ in changed.verdicts(rehearsal.Thresholds())), fault


def test_the_sandbox_touches_no_real_unit_account_or_partner(tmp_path):
    deadline = datetime(2026, 11, 25, 17, tzinfo=UTC)
    sandbox.make(rehearsal.TEMPLATE, tmp_path, "dien-tap-x", deadline)
    made, real = sandbox.pared(loading.read(tmp_path)), loading.read(rehearsal.TEMPLATE)
    assert [round.deadline for round in made.campaign.rounds] == [deadline]
    assert made.campaign.ends_at == deadline + sandbox.AFTERWARDS, "it opens no round after the rehearsal"
    assert made.campaign.code == "dien-tap-x"
    assert not made.campaign.partners
    assert not any(officer.email for officer in made.officers), "a rehearsal sends no e-mail"
    assert not {o.login for o in made.officers} & {o.login for o in real.officers}
    identifiers = [{(i.scheme, i.value) for unit in loaded.units for i in unit.identifiers} for loaded in (made, real)]
    assert not identifiers[0] & identifiers[1]
    assert len([unit for unit in made.units if unit.cluster]) == len([unit for unit in real.units if unit.cluster and unit.at(real.campaign.starts)])
