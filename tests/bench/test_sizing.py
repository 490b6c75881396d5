"""What the table of sizes says: sums for each service and for all, on each database."""

from tests.bench import sizing


def test_sums_are_told_for_each_service_and_database():
    places = {"reporting, its own": 3.0, "reporting, outbox": 1.0, "evaluation, inbox": 2.5, "notification, audit": 1.0, "stream REPORTING": 9.0}
    found = {"machine": {"date": "2026-11-26"}, "reports": 10, "units": 2, "figures": 6.6}
    lines = sizing.table(found | {"sqlite": places, "postgres": {place: 2 * size for place, size in places.items()}}).splitlines()
    told = {line[:32].strip(): line[32:].split() for line in lines[1:]}
    assert told[""] == ["SQLite", "PostgreSQL"]
    assert told["tables of reporting"] == ["4", "8"]
    assert told["all tables"] == ["8", "15"]
    assert told["all streams"] == ["9", "18"]
