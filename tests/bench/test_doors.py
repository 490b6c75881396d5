"""The measurement of the partners' doors itself: in its short form too, every event is accounted for, a flood beyond its quota as parked."""

import pytest

from tests.bench.doors import measurement
from tests.bench.doors.load import Load
from tests.bench.doors.ways import WAYS


@pytest.mark.slow
@pytest.mark.parametrize("door", WAYS)
async def test_every_event_is_accounted_for_as_what_it_had_to_become(door: str) -> None:
    found = await measurement.load_of("sqlite", door, Load(rate=120, partners=4, seconds=4, bad=0.05))
    assert (found["lost"], found["misjudged"], found["wanted"]) == (0, 0, found["found"])
    assert set(found["found"]) == {"accepted", "rejected", "duplicate", "conflict"}


@pytest.mark.slow
async def test_a_flood_beyond_its_quota_is_parked_in_its_order_and_nothing_of_it_is_lost(monkeypatch) -> None:
    monkeypatch.setattr(measurement, "FLOOD_QUOTA", 20)
    found = (await measurement.isolation_of("sqlite", flood=60, seconds=4))["flood"]
    assert found == {"sent": 240, "decided": 40, "parked": 200, "lost": 0, "in_order": True}
