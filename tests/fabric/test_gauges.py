"""Metrics tell how a service is, also when database or broker do not; probes tell live from ready from started."""

import asyncio
import contextlib

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from sqlalchemy import text

from services.local import Local
from services.registration import app as registration
from shared import probe
from shared import telemetry as names
from shared.bundled import free_port
from shared.testing.fixtures import launched

OPENMETRICS = {"accept": "application/openmetrics-text; version=1.0.0"}


async def samples(client, service="reporting"):
    answer = await client.get(f"/{service}/metrics")
    return {(s.name, *sorted(s.labels.values())): s.value for family in plain(answer.text) for s in family.samples}


async def test_at_each_scrape_a_service_tells_how_it_and_its_surroundings_are(app_of):
    async with launched(app_of("reporting"), ("kho-bac",)) as client:
        found = await samples(client)
    assert found["thidua_reachable", "broker"] == found["thidua_reachable", "database"] == 1
    assert 0 < found["thidua_disk_free_ratio",] < 1
    assert found["thidua_consumer_lag", "REGISTRATION"] == 0
    assert found["thidua_outbox_oldest_seconds",] == 0
    assert found["thidua_partner_received", "kho-bac"] == 0
    assert found["process_resident_memory_bytes",] > 1e6
    assert not any(name[0].startswith("thidua_backup") for name in found), "only registration tells of backups"


async def test_a_broker_that_is_away_is_told_and_does_not_hold_the_scrape_up(app_of, broker):
    async with launched(app_of("reporting")) as client:
        await broker.stop()
        found = await samples(client)
    assert found["thidua_reachable", "broker"] == 0
    assert found["thidua_reachable", "database"] == 1


async def test_registration_tells_when_nothing_answers_at_the_public_address(settings):
    away = settings.model_copy(update={"public_url": f"https://127.0.0.1:{free_port()}"})
    async with launched(registration.create_app(away)) as client:
        found = await samples(client, "registration")
    assert found["thidua_reachable", "certificate"] == 0
    assert found["thidua_reachable", "database"] == 1


async def test_each_bucket_of_a_span_has_a_trace_as_its_example_where_openmetrics_is_asked_for(app_of):
    async with launched(app_of("reporting")) as client:
        await client.get("/reporting/language")
        answer = await client.get("/reporting/metrics", headers=OPENMETRICS)
    family = next(f for f in openmetrics(answer.text) if f.name == "traces_span_metrics_duration_seconds")
    examples = [s.exemplar for s in family.samples if s.exemplar]
    assert all(len(example.labels["trace_id"]) == 32 for example in examples)
    labels = next(s.labels for s in family.samples if s.exemplar)
    assert labels["service_name"] == "thidua-reporting"
    assert labels["span_name"] == names.SPAN_REQUEST.format(method="GET", route="/reporting/language")


async def test_the_probes_tell_live_from_ready_from_started(app_of, broker):
    app = app_of("reporting")
    async with launched(app) as client:
        assert [(await client.get(f"/reporting/{q}")).status_code for q in probe.QUESTIONS] == [200, 200, 200]
        await broker.stop()
        assert [(await client.get(f"/reporting/{q}")).status_code for q in probe.QUESTIONS] == [200, 503, 200]
        app.state.service.started = False
        assert (await client.get("/reporting/started")).status_code == 503


async def test_readiness_asks_for_all_places_at_once(app_of, monkeypatch):
    """One after the other, each as long as patience has it, they would outlast whoever asks."""
    app = app_of("reporting")
    async with launched(app):
        service = app.state.service
        together = asyncio.Barrier(len(service.places()))

        async def asked(*_: object, **__: object) -> None:
            await together.wait()

        monkeypatch.setattr(service.jetstream, "consumer_info", asked)
        assert together.parties > 1
        async with asyncio.timeout(60):
            assert await service.ready() == []


def test_the_probe_of_an_image_without_a_shell_says_no_when_nothing_answers(capsys):
    assert probe.main(["ready"], {"THIDUA_PORT": "1"}) == 1
    assert "nothing answers" in capsys.readouterr().err
    assert probe.main(["well"], {}) == 2


async def test_the_probe_finds_whichever_service_listens(app_of, settings):
    async with Local(settings) as whole:
        await whole.start()
        address = httpx.URL(await whole.serve(free_port()))
        assert await asyncio.to_thread(probe.main, ["live"], {"THIDUA_PORT": str(address.port)}) == 0
        assert await asyncio.to_thread(probe.main, ["started"], {"THIDUA_PORT": str(address.port)}) == 0


@pytest.mark.parametrize("status", ["commit", "rollback"])
async def test_transactions_that_write_are_counted_by_outcome(app_of, status):
    app = app_of("reporting")
    async with launched(app) as client:
        with contextlib.suppress(ZeroDivisionError):
            async with app.state.service.database.write() as session:
                await session.execute(text("SELECT 1"))
                assert status == "commit" or 1 / 0
        assert (await samples(client))["thidua_transaction_seconds_count", status] >= 1
