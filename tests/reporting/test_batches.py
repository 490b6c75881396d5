"""Partners' events that come together become what they would have become one by one; what was kept undecided is taken up in its order."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from services.reporting import discrepancies, earlier, envelopes, ledger, observations, paces, verdicts, waiting
from services.reporting.models import discrepancies as differences
from services.reporting.models import inbound
from services.reporting.models import observations as sightings
from shared.database import Database
from shared.delivery import Inbound
from shared.events.contract import inbound_types
from shared.events.registration import CampaignPublished
from shared.events.reporting import EventRejected, IndicatorCorrected, ObservationAccepted, ReportSubmitted
from shared.testing.databases import fresh_database
from tests.reporting import world
from tests.reporting.test_kinds import OBSERVED, correction, message, named, report
from tests.reporting.world import COMMUNE, DISTRICT, OPENED, OTHER, arrive, arrive_together, hear, observed, said, tick

NOW = OPENED + timedelta(days=2)
IDS = st.sampled_from(["e-1", "e-2", "e-3"])
ABOUT = {"kho-bac": (COMMUNE, DISTRICT), "thue": (OTHER, OTHER)}
"""Of events of different partners about the same unit none is known to be earlier: each speaks of its own units here."""
CLIENTS = st.sampled_from(sorted(ABOUT))


def figure(event: str, client: str, value: str, place: int, sandbox: bool) -> Inbound:
    return message(OBSERVED, observed(value, about=ABOUT[client][place]), event, client, sandbox)


def corrected(event: str, client: str, cited: str) -> Inbound:
    return message(IndicatorCorrected.TYPE, correction(replaces=cited), event, client)


def reported(event: str, client: str) -> Inbound:
    return message(ReportSubmitted.TYPE, report(unit=named(ABOUT[client][0])), event, client)


FIGURES = st.builds(figure, IDS, CLIENTS, st.sampled_from(["30", "31", "x"]), st.sampled_from([0, 1]), st.booleans())
CORRECTIONS, REPORTS = st.builds(corrected, IDS, CLIENTS, IDS), st.builds(reported, IDS, CLIENTS)
UNREADABLE = st.builds(world.binary, st.just(b"{"), st.sampled_from(["", "e-1"]), CLIENTS)
PARTS = st.lists(st.lists(st.one_of(FIGURES, FIGURES, CORRECTIONS, REPORTS, UNREADABLE), max_size=8), min_size=1, max_size=4)


async def prepared(database: Database) -> None:
    facts = {"revision": 5, "types": inbound_types(), "indicators": (world.REVENUE, world.DISBURSED)}
    await hear(database, *world.everything(), world.treasury(**facts), world.treasury(client="thue", **facts))


async def outcome(database: Database) -> list[Any]:
    """What the tables and the outbox say, with ids of ours replaced by the events that caused them."""
    async with database.read() as session:
        rows = (await session.execute(select(inbound).order_by(inbound.c.id))).all()
        seen = (await session.execute(select(sightings))).all()
        open_ones = (await session.execute(select(differences))).all()
    places = {row.id: place for place, row in enumerate(sorted(rows, key=lambda row: (row.client, row.id)))}
    kept = [(row.client, row.event, row.state, row.repeats, row.body_hash, row.effect_revision, places.get(row.superseded_by), row.faults) for row in rows]
    figures = [(row.client, row.unit, row.revision, row.current, row.value) for row in seen]
    differing = [(row.client, row.unit, row.state, row.reported, row.observed) for row in open_ones]
    told = [[(e.client, e.value, e.revision) for e in await said(database, ObservationAccepted)], [(e.client, e.event) for e in await said(database, EventRejected)]]
    return [sorted(map(str, part)) for part in (kept, figures, differing, *told)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=PARTS)
async def test_however_events_are_parted_into_batches_they_become_the_same(database_kind: str, parts: list[list[Inbound]]) -> None:
    async with fresh_database("reporting", database_kind) as together, fresh_database("reporting", database_kind) as single:
        for database in (together, single):
            await prepared(database)
        for part in parts:
            if part:
                await arrive_together(together, part, NOW)
            for one in part:
                await arrive(single, one, NOW)
        assert await outcome(together) == await outcome(single)


async def test_a_batch_costs_a_fixed_number_of_statements(movement: Database) -> None:
    async def run_so_far() -> int:
        async with movement.write() as session:
            await session.connection()
            return session.mark().statements

    async def statements(number: int, start: int) -> int:
        before = await run_so_far()
        await arrive_together(movement, [message(OBSERVED, observed("30"), f"e-{start + place}") for place in range(number)], NOW)
        return await run_so_far() - before

    await arrive(movement, message(OBSERVED, observed("30"), "first"), NOW)
    assert await statements(50, 0) == await statements(5, 100)


async def rows(database: Database, client: str = "kho-bac") -> list[Any]:
    async with database.read() as session:
        return list((await session.execute(select(inbound).where(inbound.c.client == client).order_by(inbound.c.id))).all())


def waits(number: int, client: str = "kho-bac") -> list[Inbound]:
    return [message(OBSERVED, observed(str(30 + place)), f"w-{place}", client) for place in range(number)]


async def everything_but_the_campaign(database: Database) -> None:
    await hear(database, *(event for event in world.everything() if event.TYPE != CampaignPublished.TYPE), world.treasury(client="thue"))


PUBLISHED = CampaignPublished(campaign=world.CODE, revision=1, definition=world.movement())


async def test_what_waited_is_taken_up_in_turn_of_its_senders_so_many_at_a_time_and_before_anything_newer(database: Database, monkeypatch) -> None:
    monkeypatch.setattr(waiting, "_NEXT", waiting._NEXT.limit(6))
    await everything_but_the_campaign(database)
    await arrive_together(database, waits(7), NOW)
    await arrive_together(database, waits(2, "thue"), NOW)
    await hear(database, PUBLISHED, now=NOW)
    assert [row.state for row in await rows(database)] == ["accepted"] * 4 + ["parked"] * 3
    assert [row.state for row in await rows(database, "thue")] == ["accepted"] * 2
    assert all(row.faults[0]["vi"] and row.faults[0]["en"] for row in await rows(database) if row.state == "parked")
    await arrive(database, message(OBSERVED, observed("99"), "newer"), NOW)
    assert (await rows(database))[-1].state == "parked"
    await tick(database, NOW + timedelta(minutes=1))
    assert [row.state for row in await rows(database)] == ["accepted"] * 8
    assert [event.value for event in await said(database, ObservationAccepted) if event.client == "kho-bac"] == [*range(30, 37), 99]


async def test_no_more_than_so_many_events_of_a_partner_wait(database: Database, monkeypatch) -> None:
    monkeypatch.setattr(waiting, "LIMIT", 3)
    for one in waits(5):
        await arrive(database, one, NOW)
    assert [row.state for row in await rows(database)] == ["waiting"] * 3 + ["rejected"] * 2
    assert {fault.field for event in await said(database, EventRejected) for fault in event.faults} == {"campaign"}


async def test_the_same_refused_message_without_an_id_is_one_row(movement: Database) -> None:
    for _ in range(3):
        await arrive(movement, world.binary(b"{", event=""), NOW)
    assert [(row.state, row.repeats) for row in await rows(movement)] == [("rejected", 2)]
    assert len(await said(movement, EventRejected)) == 1


async def test_an_id_that_comes_a_hundred_times_with_other_bodies_leaves_few_rows_to_be_read(movement: Database) -> None:
    for number in range(100):
        await arrive(movement, message(OBSERVED, observed(f"x{number}")), NOW)
    async with movement.read() as session:
        found = (await session.execute(earlier._LAST, {"clients": ["kho-bac"], "events": ["e-1"]})).all()
        assert len(found) == 1
        past = await earlier.of(session, [envelopes.read(message(OBSERVED, observed("30")))])
    assert [one.refused.id for one in past.values()] == [(await rows(movement))[-1].id]
    await arrive(movement, message(OBSERVED, observed("30")), NOW)
    last = (await rows(movement))[-1]
    assert {row.superseded_by for row in (await rows(movement))[:-1]} == {last.id}


@pytest.mark.parametrize(("time", "late"), [("2023-07-13T16:59:59Z", True), ("2023-07-15T00:00:00Z", False), ("", False)])
async def test_an_event_that_comes_more_than_three_days_after_it_happened_is_taken_and_marked_late(movement: Database, time: str, late: bool) -> None:
    await arrive(movement, message(OBSERVED, observed("30"), **({"ce-time": time} if time else {})), NOW)
    [row] = await rows(movement)
    assert (row.state, ledger.is_late(row)) == ("accepted", late)
    assert json.dumps(observed("30")).encode() == row.body


STATEMENTS = (
    earlier._LAST, earlier._SAME, earlier._ALL, observations._CURRENT, observations._OUTDATE, discrepancies._NEWEST, verdicts._SUPERSEDE,
    paces._ASKED, waiting._NUMBER, waiting._PARKED_CLIENTS, waiting._WAKE,
)  # fmt: skip
INDEXES = ("inbound_last", "inbound_identity", "inbound_effect", "observations_current", "sqlite_autoindex_observations", "ix_inbound_events_state")
PARAMETERS = {
    **dict.fromkeys(("client", "event", "body_hash", "campaign", "unit", "indicator", "of", "named", "by", "what", "this"), "x"),
    **{name: ["x"] for name in ("clients", "events", "units", "indicators")},
    "why": [], "sandbox": False, "tried": False, "below": 2, "first": NOW.date(), "last": NOW.date(),
}  # fmt: skip


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_what_came_before_is_found_by_an_index_of_just_that_however_much_has_come(movement_on_sqlite: Database, statement: Any) -> None:
    """SQLite keeps no statistics: among several indexes it may take one of all that a partner ever sent."""

    def explained(_: Any, __: Any, text: str, parameters: Any, ___: Any, ____: bool) -> tuple[str, Any]:
        return f"EXPLAIN QUERY PLAN {text}", parameters

    async with movement_on_sqlite.write() as session:
        connection = (await session.connection()).sync_connection
        event.listen(connection, "before_cursor_execute", explained, retval=True)
        found = await session.execute(statement, {name: PARAMETERS[name] for name in statement.compile(dialect=connection.dialect).params if name in PARAMETERS})
        plan = [str(row) for row in found.cursor.fetchall()]
        event.remove(connection, "before_cursor_execute", explained)
    assert any(name in step for step in plan for name in INDEXES), plan
    assert not any("inbound_of_client" in step for step in plan), plan
