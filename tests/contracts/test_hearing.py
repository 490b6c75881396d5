"""Every event that is said is heard or meant for outsiders, and the document's addresses are where the services really listen."""

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

from shared import broker, streams
from shared import settings as configuration
from shared.clock import Clock
from shared.database import Database
from shared.events import REGISTRY, asyncapi
from shared.events.clock import MinuteTicked
from shared.events.contract import Event
from shared.inbox import Hears, Inbox
from shared.telemetry import Telemetry
from tests.sources import last_name, sources

ROOT = Path(__file__).parents[2]
CLIENT = "kho-bac"


def listens(hears: Hears, database: Database) -> set[str]:
    """The subjects that FastStream itself states for the service's subscribers."""
    nats = broker.connect(configuration.load({}, nats_url="nats://127.0.0.1:1"), service=hears.service)
    inbox = Inbox(database, hears, Telemetry(hears.service), Clock(simulated=True))
    for producer, types in hears.producers().items():
        broker.subscribe(nats, producer.upper(), types, inbox)
    if hears.inbound_handler:
        for place in streams.durables([hears], [CLIENT]):
            if place.stream == streams.stream_of_client(CLIENT):
                broker.subscribe(nats, place.stream, list(place.subjects), inbox)
    return {subject for subscriber in nats.subscribers for subject in subscriber.specification.subjects}


def documented(document: dict, service: str) -> set[str]:
    """The addresses from which the document says that a service receives."""
    received = [o for name, o in document["operations"].items() if name.startswith(f"{service}.hears.")]
    channels = [o["channel"]["$ref"].removeprefix("#/channels/") for o in received]
    return {document["channels"][channel]["address"].replace(asyncapi.CLIENT, CLIENT) for channel in channels}


def matches(subject: str, address: str) -> bool:
    """NATS' own rule for a filter that may end with `>`."""
    return address.startswith(subject[:-1]) if subject.endswith(">") else subject == address


def mismatches(subjects: set[str], addresses: set[str]) -> set[str]:
    deaf = {a for a in addresses if not any(matches(s, a) for s in subjects)}
    return deaf | {s for s in subjects if not any(matches(s, a) for a in addresses)}


async def test_the_addresses_in_the_document_are_those_that_faststream_listens_to(tmp_path, hears):
    document = asyncapi.build(hears)
    for one in hears:
        database = Database(f"sqlite+aiosqlite:///{tmp_path / one.service}.sqlite", one.service)
        subjects = listens(one, database)
        assert subjects, f"{one.service} hears something"
        assert mismatches(subjects, documented(document, one.service)) == set(), one.service
        await database.close()


async def test_a_subscriber_that_the_document_does_not_know_would_be_found(tmp_path, hears):
    document = asyncapi.build([h for h in hears if h.service != "evaluation"])
    evaluation = next(h for h in hears if h.service == "evaluation")
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'x'}.sqlite", "evaluation")
    subjects = listens(evaluation, database)
    assert mismatches(subjects, documented(document, "evaluation")) == subjects
    assert mismatches(set(), {"reporting.report.accepted.v1"}) == {"reporting.report.accepted.v1"}
    await database.close()


def unheard(hears: list[Hears]) -> set[str]:
    """Events that nobody hears, though they are said for our services alone. A rebuild and an open page hear too."""
    heard = {kind for h in hears for kind in (*h.handlers, *h.own_handlers, *(e.TYPE for e in h.live))} | {MinuteTicked.TYPE}
    return {kind for kind, c in REGISTRY.items() if kind not in heard and not asyncapi.meant_for_outsiders(c)}


def test_every_event_is_heard_by_a_service_or_meant_for_outsiders(hears):
    assert unheard(hears) == set()


def test_an_event_that_nobody_hears_would_be_found(hears):
    without = [h for h in hears if h.service != "notification"]
    assert "evaluation.warning.raised.v1" in unheard(without)


def sayers(contracts: Iterable[type[Event]], root: Path = ROOT) -> dict[str, set[str]]:
    """Who makes each event, by type: a service, or shared for the clock. The simulation and tests do not count."""
    made: dict[str, set[str]] = {}
    for source in sources(root):
        for node in source.nodes(ast.Call):
            made.setdefault(last_name(node.func), set()).add(source.service or source.path.partition("/")[0])
    return {c.TYPE: made.get(c.__name__, set()) - {"services"} for c in contracts}


def misspoken(found: dict[str, set[str]]) -> dict[str, set[str]]:
    """Events that nobody says, or that another than their own service says."""
    owner = {kind: "shared" if kind.startswith("clock.") else kind.partition(".")[0] for kind in found}
    return {kind: who for kind, who in found.items() if who != {owner[kind]}}


def test_every_event_is_said_by_its_own_service_and_by_no_other(tmp_path):
    ours = [c for c in REGISTRY.values() if not asyncapi.is_inbound(c)]
    assert misspoken(sayers(ours)) == {}
    (tmp_path / "services" / "evaluation").mkdir(parents=True)
    (tmp_path / "services" / "evaluation" / "scores.py").write_text("RoundOpened(), ScoreChanged()")
    said = misspoken(sayers(ours, tmp_path))
    assert said["reporting.round.opened.v1"] == {"evaluation"}
    assert said["reporting.round.closed.v1"] == set()
    assert "evaluation.score.changed.v1" not in said


def unknown(hears: list[Hears]) -> set[str]:
    return {kind for h in hears for kind in (*h.handlers, *h.own_handlers) if kind not in REGISTRY}


def test_every_event_that_is_heard_exists(hears, monkeypatch):
    assert unknown(hears) == set()
    monkeypatch.delitem(REGISTRY, "reporting.report.accepted.v1")
    assert unknown(hears) == {"reporting.report.accepted.v1"}


def test_time_reaches_every_service_that_waits_for_deadlines(hears):
    ticking = {h.service for h in hears if h.on_tick}
    assert {"registration", "reporting", "evaluation", "notification"} == ticking


def test_partners_are_heard_by_reporting_alone(hears):
    assert [h.service for h in hears if h.inbound_handler] == ["reporting"]


@pytest.mark.parametrize("service", ["registration", "reporting", "evaluation", "notification"])
def test_a_service_hears_its_own_events_only_in_a_rebuild_or_with_a_reason(hears, service):
    """Copies of units, officers and campaigns are written directly in registration; elsewhere an own event would be heard twice."""
    own = next(h for h in hears if h.service == service)
    assert service not in own.producers()
