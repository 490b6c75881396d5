"""The measurement of the partners' door itself: in its short form too, every event is accounted for, a flood beyond its quota as parked."""

import pytest

from tests.bench import doors


@pytest.mark.slow
async def test_every_event_is_accounted_for_as_what_it_had_to_become(monkeypatch) -> None:
    monkeypatch.setattr(doors, "FLOOD_QUOTA", 20)
    found = await doors.measure("sqlite", doors.Load(rate=120, partners=4, seconds=4, bad=0.05), flood=60)
    assert found["lost"] == 0
    assert found["wanted"] == found["found"]
    assert set(found["found"]) == {"accepted", "rejected", "duplicate", "conflict"}
    flood = found["flood"]
    assert flood["sent"] == sum(count for state, count in flood.items() if state != "sent") == 60
    assert flood["accepted"] == 20
    assert flood["parked"] > 30
