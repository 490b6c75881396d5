"""A deadline-day rehearsal against a running deployment: passes where all is well, fails where a threshold is not reached."""

import asyncio
import contextlib
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from services.local import Local
from services.operation import rehearsal, sandbox
from services.registration import loading
from shared import clock
from shared.bundled import free_port

UNITS = 12


@pytest.fixture
async def deployment(settings):
    """All four services on a port, under the real clock; ticks come each second, so that a round opens without a minute's wait."""
    async with Local(settings.model_copy(update={"clock": "real"})) as whole:
        await whole.start()
        ticking = asyncio.create_task(ticks(whole))
        try:
            yield SimpleNamespace(address=await whole.serve(free_port()), settings=whole.settings)
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking


async def ticks(whole) -> None:
    while True:
        await clock.publish(whole.services[0].jetstream, datetime.now(UTC), simulated=False)
        await asyncio.sleep(1)


@pytest.mark.deploy
async def test_a_rehearsal_passes_and_says_its_figures(deployment):
    said: list[str] = []
    plan = rehearsal.Plan(deployment.address, UNITS, minutes=0.2, prepare=25)
    outcome = await rehearsal.rehearse(deployment.settings, plan, said.append)
    verdicts = outcome.verdicts(plan.limits)
    assert [what for kept, what in verdicts if not kept] == [], outcome.refused
    assert f"{UNITS} of {UNITS} reports accepted" in verdicts[0][1]
    strict = rehearsal.Thresholds(answered=0.0001)
    assert [what for kept, what in outcome.verdicts(strict) if not kept] == [verdicts[2][1].replace("limit 2", "limit 0.0001")]


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
