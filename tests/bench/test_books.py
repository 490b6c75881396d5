"""What the measurement concludes from logs and rows, without servers: a report lost or counted twice must not pass."""

from tests.bench.road import account
from tests.bench.road.contest import Log, Result
from tests.bench.road.limit import store

REPORT = "INSERT INTO report VALUES ($1, 'u', 'ky-1', '{}')"
SCORE = "INSERT INTO score VALUES ($1, 'u', 5)"
FIGURES = {"reports_per_s": 100.0, "least": 90.0, "most": 110.0, "p50_ms": 1.0, "p99_ms": 2.0, "p999_ms": 300.0, "max_ms": 300.0}


async def _books(folder, reports: int, total: int) -> None:
    await store.create("", folder)
    for service, statements in {
        "reporting": [(REPORT, [(f"r{n}",) for n in range(reports)])],
        "evaluation": [("INSERT INTO inbox VALUES ($1)", [("r0",), ("r1",)]), (SCORE, [("r0",), ("r1",)])],
        "notification": [("INSERT INTO inbox VALUES ($1)", [("r0",), ("r1",)]), ("INSERT INTO letter VALUES ($1, 'u', '')", [("r0",), ("r1",)])],
    }.items():
        opened = await store.open_store("", folder, service)
        async with opened.transaction() as transaction:
            for statement, rows in statements:
                await transaction.executemany(statement, rows)
            if service == "evaluation":
                await transaction.execute("INSERT INTO total VALUES ('u', $1, $2)", total, total * 5)
        await store.close(opened)


async def test_books_that_agree_with_what_was_sent_have_no_fault(tmp_path):
    await _books(tmp_path, reports=2, total=2)
    assert await store.differences("", tmp_path, 2, 10) == []


async def test_a_report_that_is_missing_and_one_that_was_counted_twice_are_named(tmp_path):
    await _books(tmp_path, reports=1, total=3)
    faults = await store.differences("", tmp_path, 2, 10)
    assert [fault.partition(":")[0] for fault in faults] == ["reporting", "evaluation", "the totals"]


def test_a_log_reads_whole_lines_only_and_keeps_the_first_instant(tmp_path):
    path, log = tmp_path / "log", Log(tmp_path / "log")
    assert log.look() == {}
    path.write_text("r1 10\nr2 2")
    assert log.look() == {"r1": 10}
    path.write_text("r1 10\nr2 20\nr1 30\n")
    assert log.look() == {"r1": 10, "r2": 20}


def test_percentiles_are_measured_values():
    figures = Result([3.0, 1.0, 2.0], [1.0], [float(n) for n in range(1000)]).figures()
    assert (figures["reports_per_s"], figures["p50_ms"], figures["p999_ms"], figures["max_ms"]) == (2.0, 500.0, 999.0, 999.0)


def test_a_goal_is_met_by_more_throughput_and_less_latency_only():
    found = {"ours": {"postgres-r1": FIGURES}, "limit": {"postgres-r1": FIGURES}, "peers": {"faststream": FIGURES, "node": None}}
    met = {goal["goal"]: goal["met"] for goal in account.goals(found)}
    assert met == {
        "postgres-r1: reports/s, at least": False, "postgres-r1: share of the limit, at least": True,
        "postgres-r1: p50_ms at 100/s, under": True, "postgres-r1: p99_ms at 100/s, under": True,
        "postgres-r1: p999_ms at 100/s, under": False, "times the best peer (faststream), at least": False,
    }  # fmt: skip
