"""A consumer slowed to 50 events a second: the producer does not feel it, memory stays flat, lag is visible and falls afterwards."""

from statistics import median

import psutil
import pytest

from tests.faults.ledger import p99
from tests.faults.plan import LONG
from tests.faults.stand import until

pytestmark = pytest.mark.faults

PER_SECOND, PER_CALL = 300, 3
SECONDS, PAIRS = 4, 5 * LONG
SLOW_SECONDS = 0.02
CHANGE = 1.2
GROWTH_MIB = 50


async def phase(stand) -> float:
    """Load for a while: p99 of a call in milliseconds."""
    stand.producer.times.clear()
    await stand.producer.run(PER_SECOND, SECONDS)
    return p99([seconds for _, seconds in stand.producer.times]) * 1000


def resident(runner) -> float:
    return psutil.Process(runner.process.pid).memory_info().rss / 2**20


def verdict(clean: list[float], slowed: list[float]) -> tuple[float, bool]:
    """How much the medians differ; whether that is less than a fifth, or no more than clean phases differ among themselves."""
    change = median(slowed) / median(clean)
    return change, change < CHANGE or median(slowed) < max(clean)


def test_a_verdict_needs_a_change_that_clean_phases_do_not_show():
    assert verdict([10, 11, 12], [11, 12, 13]) == (pytest.approx(12 / 11), True)
    assert verdict([10, 11, 30], [11, 20, 25])[1]
    assert not verdict([10, 11, 12], [11, 20, 25])[1]


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_slow_consumer_is_its_own_trouble_alone(stand, figure):
    """Phases with a quick and a slowed consumer in turn, so that both see the same machine."""
    pause, told, lags, took = stand.folder / "pause", {"clean": [], "slowed": []}, [], []
    stand.producer.per_call = PER_CALL
    pause.write_text("0")
    await stand.start("reporting", "notification")
    await stand.start("evaluation", ROAD_PAUSE=str(pause))
    await stand.producer.run(PER_SECOND, 3)
    before = resident(stand.of("evaluation"))
    async with stand.jetstream() as jetstream:
        for _ in range(PAIRS):
            told["clean"].append(await phase(stand))
            pause.write_text(str(SLOW_SECONDS))
            told["slowed"].append(await phase(stand))
            lags.append(await stand.lag(jetstream))
            pause.write_text("0")
            took.append(await until(lambda: none_left(stand, jetstream), 60))
    growth = resident(stand.of("evaluation")) - before
    await stand.settle()
    change, good = verdict(told["clean"], told["slowed"])
    assert min(lags) > PER_SECOND * SECONDS / 2
    assert growth < GROWTH_MIB
    assert good, told
    listed = {kind: "/".join(f"{one:.0f}" for one in found) for kind, found in told.items()}
    figure(
        f"8 consumer at 50/s: producer's p99 in {PAIRS} phases each, quick {listed['clean']} ms, slowed {listed['slowed']} ms, medians {change - 1:+.0%}; "
        f"consumer grew by {growth:.1f} MiB; lag up to {max(lags)}, gone at most {max(took):.1f} s after it was quick again"
    )


async def none_left(stand, jetstream) -> bool:
    return not await stand.lag(jetstream)
