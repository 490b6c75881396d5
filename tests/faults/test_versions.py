"""Yesterday's and tomorrow's program side by side, with an added field and a second version of an event: nothing becomes a dead letter."""

import pytest

from shared import streams

pytestmark = pytest.mark.faults

PER_SECOND, SECONDS = 100, 10


@pytest.mark.parametrize("database_kind", ["postgres"])
async def test_old_and_new_programs_share_the_road(stand, figure):
    await stand.start()
    async with stand.jetstream() as jetstream:
        new = [place for place in stand.places() if place.service != "evaluation"]
        subjects = ("reporting.report.accepted.v1", "reporting.report.accepted.v2")
        await streams.provision(jetstream, [], [*new, streams.Durable("REPORTING", "evaluation", subjects)])
        await stand.start("reporting", "evaluation", ROAD_VERSION="2")
        await stand.producer.run(PER_SECOND, SECONDS)
        for runner in [runner for runner in stand.runners if runner.service == "evaluation"][:1]:
            await runner.stop()
            stand.runners.remove(runner)
        await stand.settle(90)
        told = (await jetstream.stream_info("REPORTING", subjects_filter="reporting.>")).state.subjects
    assert told == dict.fromkeys(subjects, len(stand.ledger))
    figure(f"11 old and new side by side: {len(stand.ledger)} events with an added field, as many of v2 beside them, 0 dead letters")
