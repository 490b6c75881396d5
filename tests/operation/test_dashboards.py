"""Dashboards: every panel's query, run by a real Prometheus on a real run, returns figures; from a bucket one gets to a trace, and from it to the event."""

import asyncio
import contextlib
import json
import math
import os
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest
import yaml

from services.operation import dashboards
from services.simulation.doors import Declined
from services.simulation.story import SECRETARY
from shared import telemetry as names
from shared.bundled import free_port
from shared.events.reporting import ReportAccepted, RoundOpened
from shared.identity import new_id
from shared.settings import SERVICES
from tests.faults.stand import until
from tests.journeys.conftest import staged
from tests.journeys.test_trace import Collector, heard_from, tenth
from tests.operation.alertmanager import running

ROOT = Path(__file__).parents[2]
UNITS = ("xa-ta-tong", "xa-mu-ca", "xa-bum-nua", "xa-bum-to")
SCRAPE = 0.5
EVERY = "1m"


def test_the_files_are_as_the_program_writes_them(tmp_path):
    assert dashboards.outdated() == []
    assert len(dashboards.outdated(tmp_path)) == 4
    dashboards.write(tmp_path)
    assert dashboards.outdated(tmp_path) == []


def test_grafana_knows_every_field():
    """Each panel goes through Grafana's own model of a dashboard and comes back whole."""
    model = pytest.importorskip("grafana_foundation_sdk.models.dashboard", reason="grafana-foundation-sdk is missing: make tools")
    for path in dashboards.FOLDER.glob("*.json"):
        given = json.loads(path.read_text(encoding="utf-8"))
        known = set(vars(model.Dashboard())) | {"schema_version"}
        assert {re.sub(r"([A-Z])", r"_\1", key).lower() for key in given} <= known | {"refresh", "timezone"}
        of_panel = set(vars(model.Panel()))
        assert {re.sub(r"([A-Z])", r"_\1", key).lower() for panel in given["panels"] for key in panel} - {"type"} <= of_panel | {"type_val", "id_val"} | {"id"}


def configured(folder: Path, address: str) -> Path:
    """The configuration of deploy/, its targets at one address."""
    configuration = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    configuration["global"] |= {"scrape_interval": f"{int(SCRAPE * 1000)}ms", "scrape_timeout": f"{int(SCRAPE * 1000)}ms"}
    del configuration["scrape_configs"][1:]  # the Collector's, which does not run here
    for target in configuration["scrape_configs"][0]["static_configs"]:
        target["targets"] = [address]
    folder.mkdir()
    shutil.copy(ROOT / "deploy" / "prometheus" / "alarms.yml", folder)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    return folder / "prometheus.yml"


LINKS = json.loads((ROOT / "deploy" / "jaeger" / "ui.json").read_text(encoding="utf-8"))["linkPatterns"]
PLACE = re.compile(r"#\{([\w.]+)\}")


def links(tags: dict[str, str]) -> dict[str, str]:
    """The address behind each tag of a span, made as Jaeger makes it: each place filled with the tag of that name, encoded."""
    return {one["key"]: PLACE.sub(lambda place: quote(tags[place[1]], safe=""), one["url"]) for one in LINKS if one["key"] in tags}


def test_init_writes_the_installation_s_own_address_into_the_trace_store_s_links(tmp_path):
    subprocess.run(["sh", str(ROOT / "deploy" / "init"), "thi-dua.laichau.example", str(tmp_path)], check=True, capture_output=True)
    made = json.loads((tmp_path / "ui.json").read_text(encoding="utf-8"))["linkPatterns"]
    assert {urlsplit(one["url"]).netloc for one in made} == {"thi-dua.laichau.example"}
    assert [one["key"] for one in made] == [one["key"] for one in LINKS]
    assert {place for one in LINKS for place in PLACE.findall(one["url"] + one["text"])} <= {names.EVENT_ID, names.SERVICE, names.CAMPAIGN}


def prometheus(folder: Path, address: str) -> contextlib.AbstractAsyncContextManager[httpx.AsyncClient]:
    """Debian's Prometheus, asking the services at `address`."""
    file, port = configured(folder, address), free_port()
    options = (f"--config.file={file}", f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage")
    return running(folder / "log", "prometheus", *options, port=port, told=os.environ)


async def live(stage) -> None:
    """A day of a movement: reports good, late, weak, refused; a partner right, wrong and doubled; a poison event; warnings; letters."""
    await stage.take_part(*UNITS)
    await stage.at(stage.scene.loaded.campaign.rounds[0].opens_at)
    await report(stage, UNITS[0], weak=True)
    with contextlib.suppress(Declined):
        await stage.do("report", UNITS[1], values=[])
    await partner(stage)
    await strange_events(stage)
    await readers(stage)
    await stage.rest()


async def readers(stage) -> None:
    """Somebody at each service: scrapes and probes are in no panel."""
    for service in SERVICES:
        await stage.ask(SECRETARY, "GET", f"/{service}/api/openapi.json")


async def strange_events(stage) -> None:
    """One that nobody can read, and one that everybody has had."""
    jetstream = stage.service("reporting").jetstream
    kind = ReportAccepted.TYPE
    await jetstream.publish(kind, b"{}", headers={"ce-id": new_id(), "ce-type": kind, "ce-specversion": "1.0"})
    known = await jetstream.get_last_msg("REPORTING", RoundOpened.TYPE)
    await jetstream.publish(known.subject, known.data, headers={k: v for k, v in known.headers.items() if k != "Nats-Msg-Id"})


async def report(stage, unit: str, *, weak: bool = False) -> None:
    """By that unit's own way of telling it; a weak one raises warnings. Each is a new submission."""
    act = next(a for a in stage.acts["report"] if a.unit == unit)
    values = [v | {"value": tenth(v["value"]), "note": "Kỳ này làm được ít"} for v in act.data["values"]] if weak else act.data["values"]
    await stage.hands.do(replace(act, at=act.at + timedelta(minutes=weak), data={**act.data, "values": values}))


async def partner(stage, *, later: bool = False) -> None:
    act = stage.acts["observe"][int(later)]
    day = stage.scene.loaded.campaign.starts
    for twist in ("malformed_first", "twice"):
        await stage.hands.do(replace(act, data={**act.data, "value": act.data["value"] | {"as_of": day}, "twist": twist}))


async def more(stage) -> None:
    """The rest of the day, after the first scrape: only what has grown has a rate."""
    await stage.at(stage.scene.loaded.campaign.rounds[0].opens_at + timedelta(hours=1))
    await report(stage, UNITS[0])
    await report(stage, UNITS[1], weak=True)
    await partner(stage, later=True)
    await strange_events(stage)
    await stage.ask(SECRETARY, "GET", "/evaluation/api/rankings/current")
    await readers(stage)
    await stage.rest()


def queries() -> list[tuple[str, str]]:
    return [
        (f"{board.uid}: {panel.title}", query.expression.replace("$__rate_interval", EVERY).replace("$service", service).replace("$campaign", ".*"))
        for board in dashboards.DASHBOARDS
        for service in (SERVICES if board.choice == "service" else ("",))
        for panel in board.panels
        for query in panel.queries
    ]


async def figures(client, expression: str) -> list[float]:
    """The finite values that a query returns now."""
    answer = (await client.get("/api/v1/query", params={"query": expression})).json()
    assert answer["status"] == "success", answer
    return [value for series in answer["data"]["result"] if math.isfinite(value := float(series["value"][1]))]


EMPTY: list[str] = []
"""Panels without figures, for the failing test to tell."""


async def seen(client) -> bool:
    """The first part of the day has been scraped: only what grows from then on has a rate."""
    return bool(await figures(client, 'thidua_dead_letters_total{reason="unreadable"} > 0'))


async def nothing_empty(client) -> bool:
    EMPTY[:] = [f"{title}: {expression}" for title, expression in queries() if not await figures(client, expression)]
    return not EMPTY


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is missing: make tools")
async def test_every_panel_shows_figures_of_a_real_run(tmp_path, broker):
    with Collector().running() as collector:
        options = {"otlp_endpoint": collector.url, "trace_page": "https://traces/{trace_id}", "backups": tmp_path}
        async with staged(tmp_path / "data", broker, "", **options) as stage:
            port = free_port()
            await stage.scene.local.serve(port)
            async with prometheus(tmp_path / "prometheus", f"127.0.0.1:{port}") as client:
                await live(stage)
                await until(lambda: seen(client), 60)
                await asyncio.sleep(SCRAPE * 3)
                await more(stage)
                await until(lambda: nothing_empty(client), 60, lambda: f"no figures for {EMPTY}")
                assert await figures(client, "thidua_no_such_series") == []
                await from_a_panel_to_the_event(client, stage, collector)
                await from_every_kind_of_span_to_its_page(stage, collector)
    declared = [re.sub(r"\\{\w+\\}", "[^ ]+", re.escape(name)) for name in names.SPANS]
    strange = {span.name for _, span in collector.spans if not any(re.fullmatch(pattern, span.name) for pattern in declared)}
    assert strange == set(), "a span that telemetry.py does not declare"
    edges, loose = heard_from(collector.spans)
    assert loose == set(), "what a service hears, a partner's event too, hangs below the span of whoever said it"
    assert len({(by, hears) for by, hears, _ in edges}) >= 6


async def from_a_panel_to_the_event(client, stage, collector) -> None:
    """A panel's example names a trace that the collector has; a span of it names an event, and the event's page links the trace."""
    query = next(q for t, q in queries() if "Xử lý trong" in t and "evaluation" in q)
    series = re.search(r"(traces_span_metrics_duration_seconds_bucket\{[^}]*\})", query)[1]
    now = (await client.get("/api/v1/query", params={"query": "time()"})).json()["data"]["result"][1]
    params = {"query": series, "start": float(now) - 120, "end": now}
    examples = (await client.get("/api/v1/query_exemplars", params=params)).json()["data"]
    traces = {one["labels"]["trace_id"] for found in examples for one in found["exemplars"]}
    spans = [span for _, span in collector.spans if span.trace_id.hex() in traces]
    events = {a.value.string_value for span in spans for a in span.attributes if a.key == names.EVENT_ID}
    assert events
    token = await stage.scene.desk._token(SECRETARY)
    shown = [
        await stage.scene.desk._client.get(f"/evaluation/events/{event}", headers={"authorization": f"Bearer {token}"}) for event in sorted(events)
    ]  # an event that came without a trace, a partner's for one, has a page without a link
    assert any(page.status_code == 200 and f"https://traces/{trace}" in page.text for page in shown for trace in traces)


async def from_every_kind_of_span_to_its_page(stage, collector) -> None:
    """Whatever service applied whatever type of event, or sent a letter: its span's links open. What could not be applied has no page."""
    token = await stage.scene.desk._token(SECRETARY)
    found: dict[tuple[str, str], set[int]] = {}
    for service, span in collector.spans:
        tags = {tag.key: tag.value.string_value for tag in span.attributes}
        for key, address in links(tags).items():
            page = await stage.scene.desk._client.get(urlsplit(address)._replace(scheme="", netloc="").geturl(), headers={"authorization": f"Bearer {token}"})
            found.setdefault((f"{service} {span.name}", key), set()).add(page.status_code)
    assert {kind: codes for kind, codes in found.items() if 200 not in codes} == {}
    assert {kind.partition(" ")[0] for kind, _ in found} == {f"thidua-{service}" for service in SERVICES}
    assert len(found) > 20
