"""The committed documents are what the contracts say, and the contracts say what is really sent."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from shared.clock import publish
from shared.events import REGISTRY, Audience, asyncapi, documents
from shared.events.contract import Event
from shared.events.planned import PLANNED
from shared.events.registration import SessionEnded
from shared.events.reporting import EventRejected, IndicatorObserved, ReportedValue
from shared.inbox import Hears
from shared.outbox import headers_of, outbox, record
from shared.settings import SERVICES
from shared.testing.databases import fresh_database

NOW = datetime(2023, 10, 30, 10, 0, tzinfo=UTC)
NAME = re.compile(r"[a-z]+(\.[a-z]+(-[a-z]+)*){2}\.v[1-9][0-9]*")
PRODUCERS = {*SERVICES, "clock", "inbound"}


@pytest.fixture
def lost(monkeypatch):
    """Takes a contract out of the registry."""
    return lambda kind: monkeypatch.delitem(REGISTRY, kind)


def test_the_committed_documents_are_what_the_contracts_say(hears):
    assert documents.check(documents.FOLDER, hears) == []


def test_writing_again_changes_nothing_and_a_document_behind_is_named(tmp_path, hears):
    assert len(documents.write(tmp_path, hears)) == len(REGISTRY) + 1
    assert documents.write(tmp_path, hears) == []
    (tmp_path / "asyncapi.yaml").write_text("asyncapi: 2.0.0\n")
    assert documents.check(tmp_path, hears) == ["asyncapi.yaml: behind the contracts, run `thidua contracts`"]
    assert documents.write(tmp_path, hears) == ["asyncapi.yaml"]
    assert documents.check(tmp_path, hears) == []


def test_a_breaking_change_is_refused_by_check_and_by_write_which_then_writes_nothing(tmp_path, hears, lost):
    documents.write(tmp_path, hears)
    path = tmp_path / "reporting.round.opened.v1.json"
    released = json.loads(path.read_text())
    released["properties"]["colour"] = {"type": "string"}
    path.write_text(json.dumps(released))
    line = "reporting.round.opened.v1: colour: removed"
    assert line in documents.check(tmp_path, hears)
    with pytest.raises(documents.Breaking, match=re.escape(line)):
        documents.write(tmp_path, hears)
    assert json.loads(path.read_text()) == released
    lost("notification.letter.delivered.v1")
    assert "notification.letter.delivered.v1: the event is gone" in documents.check(tmp_path, [])


def undocumented() -> list[str]:
    return [kind for kind, contract in REGISTRY.items() if not (vars(contract).get("__doc__") or "").strip()]


def test_every_event_says_what_it_means():
    assert undocumented() == []


def test_an_event_without_a_docstring_would_be_found():
    class Wordless(Event, type="reporting.word.lost.v1"):
        unit: str

    try:
        assert undocumented() == ["reporting.word.lost.v1"]
    finally:
        del REGISTRY["reporting.word.lost.v1"]


def ill_named(kinds) -> list[str]:
    return [k for k in kinds if not NAME.fullmatch(k) or k.partition(".")[0] not in PRODUCERS]


def test_every_name_is_service_noun_verb_version():
    assert ill_named([*REGISTRY, *PLANNED]) == []
    bad = ["reporting.accepted.v1", "reporting.report.accepted", "Reporting.report.accepted.v1", "payroll.report.accepted.v1"]
    assert ill_named(bad) == bad


def colliding(planned) -> set[str]:
    """Names taken, whatever their version."""
    taken = {kind.rpartition(".")[0] for kind in REGISTRY}
    return {kind for kind in planned if kind.rpartition(".")[0] in taken}


def test_planned_names_collide_with_nothing():
    assert colliding(PLANNED) == set()
    assert colliding([*PLANNED, "reporting.report.accepted.v2"]) == {"reporting.report.accepted.v2"}


def test_a_contract_claims_its_type_alone():
    with pytest.raises(TypeError, match="two contracts claim"):

        class Second(Event, type="reporting.report.accepted.v1"):
            """Another one."""


def test_nothing_that_names_a_laggard_is_public():
    telling = {kind for kind, c in REGISTRY.items() if c.AUDIENCE is Audience.PUBLIC and kind.startswith("evaluation.")}
    assert telling == set()


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_every_decimal_that_we_say_is_written_as_its_schema_promises(value):
    said = json.loads(ReportedValue(indicator="x", value=value, unit_of_measure="%", kind="official", as_of=NOW.date()).model_dump_json())
    assert re.fullmatch(documents.DECIMAL["pattern"], said["value"])
    assert Decimal(said["value"]) == value


def test_partners_may_send_numbers_and_we_say_strings():
    observed = documents.schema_of(IndicatorObserved)["properties"]["value"]
    assert {"type": "number"} in observed["anyOf"]
    assert "number" not in json.dumps(documents.schema_of(REGISTRY["reporting.observation.accepted.v1"]))


def headers_promised(trait: dict) -> tuple[set[str], set[str]]:
    return set(trait["required"]), set(trait["properties"])


async def test_the_documented_headers_are_those_that_the_outbox_sends(database_kind):
    async with fresh_database("registration", database_kind) as database:
        async with database.write() as session:
            await record(session, SessionEnded(session="s", officer="o"), NOW)
        async with database.read() as session:
            row = (await session.execute(select(outbox))).one()
    required, known = headers_promised(asyncapi.OURS)
    assert required <= set(headers_of(row, "registration")) <= known


async def test_the_documented_headers_are_those_of_a_tick():
    sent: list[dict[str, str]] = []

    class Wire:
        """Stands where JetStream does; what matters is what it is handed."""

        async def publish(self, *_, headers, **__):
            sent.append(headers)

    await publish(Wire(), NOW, simulated=True)
    required, known = headers_promised(asyncapi.OURS)
    assert required <= set(sent[0]) <= known


def test_the_asyncapi_document_is_whole(hears):
    document = yaml.safe_load(documents.documents(hears)["asyncapi.yaml"])
    assert set(document["channels"]) == set(document["components"]["messages"]) == set(REGISTRY)
    assert document["x-planned"] == PLANNED
    for message in document["components"]["messages"].values():
        assert (documents.FOLDER / message["payload"]["$ref"]).exists()
    assert {o["action"] for o in document["operations"].values()} == {"send", "receive"}
    for reference in references(document):
        assert resolves(document, reference), reference
    assert not resolves(document, "#/channels/nowhere")


def references(node) -> list[str]:
    """Every local `$ref` in the document."""
    if isinstance(node, dict):
        own = [node["$ref"]] if str(node.get("$ref", "")).startswith("#/") else []
        return own + [r for value in node.values() for r in references(value)]
    return [r for item in node for r in references(item)] if isinstance(node, list) else []


def resolves(document: dict, reference: str) -> bool:
    node = document
    for part in reference.removeprefix("#/").split("/"):
        if part not in node:
            return False
        node = node[part]
    return True


def test_an_addressed_events_subject_ends_with_its_client():
    assert asyncapi.subject_of(EventRejected) == "reporting.event.rejected.v1.{client}"


def test_a_service_that_hears_nothing_has_no_operation(hears):
    operations = asyncapi.build([Hears("evaluation")])["operations"]
    assert not any(name.startswith("evaluation.hears.") for name in operations)
    assert any(name.startswith("evaluation.hears.") for name in asyncapi.build(hears)["operations"])
