"""A partner's trial goes the whole road through all four services; official figures, letters and pages know nothing of it."""

import asyncio
import contextlib
import json
from decimal import Decimal
from typing import Any

from nats.js.errors import NotFoundError
from sqlalchemy import select

from services.registration import partner_keys, partners
from services.registration.partner_keys import Terms
from services.registration.partners import PartnerForm
from services.reporting import trials, tried
from services.reporting.models import inbound
from services.simulation.story import SECRETARY
from shared import campaigns, gauges, migrations
from shared.events.contract import inbound_types
from shared.events.evaluation import TrialScored
from shared.events.reporting import EventRejected, ReportAccepted, TrialEnded, UnitRef
from shared.outbox import outbox
from shared.security import System
from shared.settings import SERVICES
from shared.shadows import is_shadow, shadow_of
from tests.journeys.conftest import Stage
from tests.journeys.test_report import UNIT, open_round, report

CLIENT, CODE = "thong-ke", "lai-chau-2023"
SHADOW = shadow_of(CODE, CLIENT)
OF_TRIALS = {"trials", "trial_scores", "shadows", "inbox", "handled_ticks"}
"""Tables that hold trials alone, or only that an event was handled."""


async def let_in(stage: Stage) -> None:
    """The statistics office is registered and let in for everything, about all indicators; its stream is made by reporting."""
    async with stage.service("registration").database.write() as session:
        campaign, now = await campaigns.find(session, CODE), stage.scene.player.now
        indicators = tuple(indicator.code for indicator in campaign.indicators)
        form = PartnerForm(CLIENT, "Thống kê", UnitRef(scheme="dinh-danh", value="H35.34"), inbound_types(), indicators)
        await partners.register(session, campaign, form, now)
        await partner_keys.admit(session, System("operator", "operator", ""), CLIENT, Terms(), now)
    await stage.rest()
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(NotFoundError):
                await stage.service("reporting").jetstream.consumer_info(f"INBOUND_{CLIENT}", "reporting")
                return
            await asyncio.sleep(0.05)


async def try_out(stage: Stage, kind: str, data: dict[str, Any], event: str, becomes: str = "accepted") -> None:
    headers = {"ce-specversion": "1.0", "ce-id": event, "ce-source": "//x.example", "ce-type": f"inbound.{kind}.v1"}
    await stage.service("reporting").jetstream.publish(f"inbound.{CLIENT}.sandbox.{kind}.v1", json.dumps(data).encode(), headers=headers)
    async with asyncio.timeout(60):
        while await state_of(stage, event) is None:
            await asyncio.sleep(0.02)
    assert await state_of(stage, event) == becomes
    await stage.rest()


async def state_of(stage: Stage, event: str) -> str | None:
    async with stage.service("reporting").database.read() as session:
        return await session.scalar(select(inbound.c.state).where(inbound.c.client == CLIENT, inbound.c.event == event))


async def rows_of(stage: Stage, service: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of a service, by table."""
    async with stage.service(service).database.read() as session:
        tables = [table for metadata in migrations.metadata_of(service) for table in metadata.sorted_tables]
        return {table.name: [row._asdict() for row in await session.execute(select(table))] for table in tables}


async def official(stage: Stage) -> dict[str, list[str]]:
    """Every row of every service that is no trial."""
    found = {}
    for service in SERVICES:
        rows = await rows_of(stage, service)
        reports = {row["report"] for row in rows.get("reports", ()) if "report" in row and is_shadow(row["campaign"])}
        for table in rows.keys() - OF_TRIALS:
            kept = [row for row in rows[table] if not is_trial(row) and row.get("report") not in reports]
            found[f"{service}.{table}"] = sorted(map(repr, kept))
    return found


def is_trial(row: dict[str, Any]) -> bool:
    return is_shadow(row.get("campaign") or "") or bool(row.get("sandbox")) or str(row.get("client", "")).startswith("sandbox:")


async def in_shadows(stage: Stage, *services: str) -> set[str]:
    """The tables of some services that hold anything of a shadow; what was said stays in the outbox."""
    found = set()
    for service in services:
        for table, rows in (await rows_of(stage, service)).items():
            if table != outbox.name and any(is_shadow(row.get("campaign") or "") for row in rows):
                found.add(f"{service}.{table}")
    return found


async def told(stage: Stage, service: str, kind: type[Any]) -> list[Any]:
    async with stage.service(service).database.read() as session:
        rows = await session.scalars(select(outbox.c.body).where(outbox.c.type == kind.TYPE).order_by(outbox.c.position))
        return [kind.model_validate_json(body) for body in rows]


async def one_in(stage: Stage) -> tried.Tried:
    async with stage.service("reporting").database.read() as session:
        [one] = (await tried.of_client(session, CLIENT, CODE, stage.scene.player.now)).units
        return one


def whole_report(stage: Stage) -> dict[str, Any]:
    """The report that the unit hands in itself in the story."""
    act = next(a for a in stage.acts["report"] if a.unit == UNIT)
    values = [v | {"value": str(v["value"]), "as_of": str(v["as_of"])} for v in act.data["values"]]
    return {"campaign": CODE, "unit": stage.hands.directory.reference(UNIT), "round": "ky-1", "values": values}


async def try_everything(stage: Stage) -> None:
    whole = whole_report(stage)
    about = {"campaign": CODE, "unit": whole["unit"]}
    seen = {name: whole["values"][0][name] for name in ("indicator", "unit_of_measure", "as_of")}
    day = str(stage.scene.loaded.campaign.starts)
    await try_out(stage, "report.submitted", whole, "s-1")
    await try_out(stage, "indicator.observed", about | seen | {"value": "1"}, "s-2")
    await try_out(stage, "indicator.corrected", {"campaign": CODE, "replaces": "s-2", "value": "2", "unit_of_measure": seen["unit_of_measure"]}, "s-3")
    await try_out(stage, "work.progressed", about | {"work": "0" * 36, "status": "started", "day": day}, "s-4")


async def test_a_trial_is_scored_and_shown_and_every_official_row_stays_as_it_was(stage: Stage) -> None:
    await stage.take_part(UNIT)
    await open_round(stage)
    await let_in(stage)
    before, ranking = await official(stage), await stage.ask(SECRETARY, "GET", "/evaluation/api/rankings/current")
    await try_everything(stage)

    one = await one_in(stage)
    assert one.score is not None, "evaluation scored it, and reporting heard"
    assert [row.value for row in one.observed] == [2]
    assert one.disputed, "compared with the report that was tried out"
    assert [event.campaign for event in await told(stage, "evaluation", TrialScored)] == [SHADOW]
    assert await official(stage) == before
    assert await in_shadows(stage, "registration", "notification") == set(), "nobody is asked, and nobody is written to"
    assert await stage.ask(SECRETARY, "GET", "/evaluation/api/rankings/current") == ranking

    await stage.ask(f"{UNIT}.clerk", "POST", "/reporting/api/reports", whole_report(stage))
    await stage.rest()
    assert Decimal((await stage.score(UNIT))["score"]) == one.score.score, "the trial foretold the official score"


async def named_campaigns(stage: Stage) -> dict[str, set[str]]:
    """Every campaign in what the services tell of themselves, by metric."""
    found: dict[str, set[str]] = {}
    for service in stage.scene.local.services:
        await gauges.take(service)
        for one in (sample for metric in service.telemetry.registry.collect() for sample in metric.samples):
            named = one.labels.get("campaign", one.labels.get("thidua_campaign"))
            if named is not None:
                found.setdefault(one.name, set()).add(named)
    return found


async def test_trials_are_counted_under_a_label_of_their_own_and_no_text_of_a_partner_becomes_one(stage: Stage) -> None:
    await stage.take_part(UNIT)
    await open_round(stage)
    await let_in(stage)
    await named_campaigns(stage)  # as Prometheus asks before anything comes
    await try_everything(stage)
    await try_out(stage, "indicator.observed", {"campaign": "khong-co-that"}, "s-9", becomes="rejected")
    assert [event.campaign for event in await told(stage, "reporting", EventRejected)] == ["khong-co-that"]
    found = await named_campaigns(stage)
    assert set().union(*found.values()) == {"", CODE, f"{CODE}~"}
    assert found["thidua_events_total"] == found["thidua_event_since_seconds_count"] == found["thidua_reports_total"] == {"", CODE, f"{CODE}~"}
    assert found["traces_span_metrics_duration_seconds_count"] == {"", CODE}, "a trial's spans are of no campaign"
    evaluation = stage.service("evaluation").telemetry.registry
    applied = {"type": ReportAccepted.TYPE, "outcome": "applied"}
    assert evaluation.get_sample_value("thidua_events_total", {"campaign": f"{CODE}~", **applied}) == 1
    assert evaluation.get_sample_value("thidua_events_total", {"campaign": CODE, **applied}) is None


async def test_a_trial_that_ended_leaves_nothing_and_takes_nothing_with_it(stage: Stage) -> None:
    await stage.take_part(UNIT)
    await open_round(stage)
    await let_in(stage)
    await report(stage)
    await try_everything(stage)
    before = await official(stage)
    assert await in_shadows(stage, *SERVICES)
    async with stage.service("reporting").database.write() as session:
        await trials.end(session, CLIENT, stage.scene.player.now)
    await stage.rest()
    assert [event.campaign for event in await told(stage, "reporting", TrialEnded)] == [SHADOW]
    assert await in_shadows(stage, *SERVICES) == set()
    assert await official(stage) == before
