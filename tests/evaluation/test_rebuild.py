"""A rebuild from the streams alone gives the same scores, warnings and ranking as live."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from services.evaluation import rebuild, subscribers
from services.evaluation.models import entries, holds, rankings, score_history, warnings
from services.evaluation.models import scores as scores_table
from shared import settings as configuration
from shared import streams
from shared.clock import publish
from shared.database import Database
from shared.events import Event
from shared.events.campaign import Phase
from shared.events.registration import ParticipationApproved, Role
from shared.outbox import waiting
from shared.publishing import LARGEST
from shared.service import Service
from shared.testing.databases import KINDS, fresh_url
from shared.testing.fixtures import launched
from tests.evaluation.conftest import BEGINNING, ROUNDS_CLOSED, Running, officer
from tests.evaluation.making import COMMUNES, NOW, advanced, delivery, reports, returned, worked
from tests.fabric.conftest import until

SECRETARY = officer(Role.SECRETARY)


async def tell(service: Service, *events: Event) -> None:
    """Publish as the other services' relays would, and wait until all is applied and told."""
    for event in events:
        meta = delivery(event).meta
        headers = {
            "Nats-Msg-Id": meta.id, "ce-specversion": "1.0", "ce-id": meta.id, "ce-source": meta.source, "ce-type": meta.type,
            "ce-time": meta.time.isoformat(), "content-type": "application/json",
        }
        await service.jetstream.publish(event.TYPE, event.model_dump_json().encode(), headers=headers)
    await settled(service)


async def settled(service: Service) -> None:
    async def quiet() -> bool:
        return not any((await service.lag()).values()) and not await waiting(service.database)

    await until(quiet)


async def contents(database: Database) -> dict[str, object]:
    async with database.read() as session:
        scored = await session.execute(select(scores_table).order_by(scores_table.c.unit))
        warned = await session.execute(select(warnings.c.warning, warnings.c.percent).where(warnings.c.open).order_by(warnings.c.warning))
        return {
            "scores": [{k: v for k, v in row._asdict().items() if k not in {"revision", "at"}} for row in scored],
            "warnings": [tuple(row) for row in warned],
            "entries": len((await session.execute(select(entries))).all()),
            "holds": len((await session.execute(select(holds))).all()),
            "rankings": [tuple(row) for row in await session.execute(select(rankings))],
        }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frozen", ["", "with its places", "too large for its places"])
async def test_a_rebuild_from_the_streams_alone_has_the_same_state_and_hash(tmp_path, nats_url, kind, frozen, monkeypatch):
    from services.evaluation.app import create_app

    async with fresh_url(kind) as url:
        chosen = configuration.load({}, data=tmp_path, nats_url=nats_url, database_url=url, clock="simulated")
        app = create_app(chosen)
        async with launched(app) as client:
            service, running = app.state.service, Running(app, client)
            await tell(service, *BEGINNING, worked(COMMUNES[0], "w"), reports(COMMUNES[1], "r2", disbursed="70"), returned(COMMUNES[1], "r2", 2))
            await publish(service.jetstream, NOW, simulated=True)
            await settled(service)
            hold = await running.ask("POST", "/api/holds", SECRETARY, json={"unit": COMMUNES[2], "reason": "vì", "expires_on": "2023-08-02"})
            assert hold.status_code == 201, hold.text
            level = {"unit": {"scheme": "dvhc", "value": f"code-{COMMUNES[0]}"}, "criterion": "lead", "level": "good"}
            assert (await running.ask("PUT", "/api/rubrics", SECRETARY, json=level)).status_code == 200
            points = {"unit": COMMUNES[1], "criterion": "models", "points": 2.5, "reason": "vì"}
            assert (await running.ask("PUT", "/api/adjustments", SECRETARY, json=points)).status_code == 200
            await publish(service.jetstream, NOW + timedelta(days=7), simulated=True)
            await settled(service)
            if frozen:
                await tell(service, *ROUNDS_CLOSED, advanced(Phase.CLOSED))
                with monkeypatch.context() as patch:
                    patch.setattr("shared.outbox.LARGEST", 700 if frozen == "too large for its places" else LARGEST)
                    assert (await running.ask("POST", "/api/rankings", SECRETARY, json={})).status_code == 201
                await settled(service)
            live = (await running.ask("GET", "/api/rankings/current", SECRETARY)).json()
            seen: list[tuple[int, int]] = []
            result = await rebuild.rebuild(chosen, lambda done, total: seen.append((done, total)))
            assert result["ranking_hash"] == live["ranking_hash"]
            assert result["frozen"] is live["frozen"] is bool(frozen)
            assert result["units"] == 5
            assert seen[-1][0] == seen[-1][1] == result["events"]
            async with rebuilt(chosen) as beside:
                assert await contents(beside) == await contents(service.database)
            async with service.database.read() as session:
                assert (await session.execute(select(score_history))).first() is not None


def rebuilt(chosen: configuration.Settings) -> "Opened":
    return Opened(chosen)


class Opened:
    """The database that a rebuild left beside the live one."""

    def __init__(self, chosen: configuration.Settings) -> None:
        url = chosen.database_of("evaluation").replace("evaluation.sqlite", "evaluation-rebuild.sqlite")
        self.database = Database(url, "evaluation", schema="evaluation_rebuild")

    async def __aenter__(self) -> Database:
        return self.database

    async def __aexit__(self, *_: object) -> None:
        await self.database.close()


async def test_rebuilding_again_starts_from_nothing(running, settings):
    await tell(running.service, *BEGINNING)
    first, second = await rebuild.rebuild(settings), await rebuild.rebuild(settings)
    assert first == second


async def test_a_message_that_is_no_event_does_not_stop_a_rebuild(running, settings):
    await tell(running.service, *BEGINNING)
    await running.service.jetstream.publish("reporting.report.accepted.v1", b"no event")
    assert (await rebuild.rebuild(settings))["units"] == 5


async def test_a_source_whose_consumer_is_gone_is_read_on_from_where_it_was(running, monkeypatch):
    """While the others are read for minutes, the broker forgets whoever asks for nothing."""
    monkeypatch.setattr(rebuild, "FETCH", 3)
    await tell(running.service, *BEGINNING)
    jetstream = running.service.jetstream
    source = rebuild.Source(jetstream, "REGISTRATION", ["registration.>"])
    expected = await source.open()
    sequences = []
    async for message in source.messages():
        sequences.append(message.metadata.sequence.stream)
        if len(sequences) == 4:
            for consumer in await jetstream.consumers_info("REGISTRATION"):
                if not consumer.config.durable_name:
                    await jetstream.delete_consumer("REGISTRATION", consumer.name)
    assert sequences == list(range(1, expected + 1))


async def test_an_event_that_live_made_a_dead_letter_of_does_not_stop_a_rebuild_which_counts_it(running, settings, monkeypatch):
    await tell(running.service, *BEGINNING)

    async def fails(*_: object) -> None:
        raise ValueError("cannot be applied")

    monkeypatch.setitem(subscribers.hears.handlers, ParticipationApproved.TYPE, fails)
    result = await rebuild.rebuild(settings)
    assert (result["units"], result["failed"]) == (0, len(COMMUNES) + 1)
    assert result["events"] == len(BEGINNING) - len(COMMUNES) - 1


def test_only_streams_with_something_to_hear_are_read():
    from services.evaluation.subscribers import hears

    assert set(hears.producers()) == {"registration", "reporting", "notification", "clock"}
    assert {place.stream for place in streams.durables([hears], ())} == {"REGISTRATION", "REPORTING", "NOTIFICATION", "CLOCK"}
