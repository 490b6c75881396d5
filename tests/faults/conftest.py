"""What every scenario has: a seed that is printed, a place to play, and one line for its figure."""

from collections.abc import Callable

import pytest

from tests.faults import plan
from tests.faults.stand import stand as standing

Figure = Callable[[str], None]


@pytest.fixture
def seed() -> int:
    return plan.SEED


@pytest.fixture
def figure(record_property, seed) -> Figure:
    """`figure("0 of 30,000 lost")`: the scenario's line in the summary."""
    return lambda text: record_property("figure", f"{text} (seed {seed})")


@pytest.fixture
async def stand(tmp_path, nats_url, database_url, seed):
    """The road on the test's own broker and database, nothing running yet."""
    async with standing(tmp_path / "road", nats_url, database_url, seed) as found:
        yield found
