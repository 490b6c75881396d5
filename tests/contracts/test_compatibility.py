"""Within v1 a contract gains optional fields and nothing else: each other change is named, on copies changed on purpose."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from shared.events import REGISTRY
from shared.events.compatibility import breaking, compare
from shared.events.documents import schema_of, schemas

REPORT = "reporting.report.accepted.v1"
Schema = dict[str, Any]


def changed(change: Callable[[Schema], object], kind: str = REPORT) -> list[str]:
    old = schema_of(REGISTRY[kind])
    new = copy.deepcopy(old)
    change(new)
    assert new != old, "the change must change something"
    return breaking(old, new)


def remove(schema: Schema, field: str) -> None:
    del schema["properties"][field]
    schema["required"] = [name for name in schema["required"] if name != field]


def add(schema: Schema, field: str, *, required: bool) -> None:
    schema["properties"][field] = {"type": "string"} | ({} if required else {"default": ""})
    schema["required"] += [field] if required else []


VALUE = "ReportedValue"
BREAKING = {
    "a field is removed": (lambda s: remove(s, "round"), "round: removed"),
    "a field of an item is removed": (lambda s: remove(s["$defs"][VALUE], "as_of"), "values[].as_of: removed"),
    "a field is renamed": (
        lambda s: (remove(s, "round"), add(s, "period", required=True)),
        "round: removed, period: new and required",
    ),
    "a new field is required": (lambda s: add(s, "signature", required=True), "signature: new and required"),
    "a new field of an item is required": (
        lambda s: add(s["$defs"][VALUE], "source", required=True),
        "values[].source: new and required",
    ),
    "a field changes its type": (
        lambda s: s["properties"].update(revision={"type": "string"}),
        "revision: was integer, is string",
    ),
    "a field changes its format": (
        lambda s: s["properties"]["submitted_at"].update(format="date"),
        "submitted_at: was date-time, is date",
    ),
    "a required field becomes optional": (lambda s: s["required"].remove("on_time"), "on_time: was required, is optional"),
    "an optional field becomes required": (
        lambda s: s["$defs"][VALUE]["required"].append("note"),
        "values[].note: was optional, is required",
    ),
    "null is no longer allowed": (
        lambda s: s["$defs"][VALUE]["properties"]["value"]["anyOf"].pop(),
        "values[].value: was",
    ),
    "an enumeration grows, so that an old reader meets a word it does not know": (
        lambda s: s["$defs"]["Channel"]["enum"].append("pigeon"),
        "channel: was",
    ),
    "an enumeration's word is replaced": (
        lambda s: s["$defs"]["Channel"]["enum"].__setitem__(0, "form"),
        "channel: was page, is form",
    ),
    "a list becomes a single value": (
        lambda s: s["properties"].update(values={"$ref": f"#/$defs/{VALUE}"}),
        "values: was array, is object",
    ),
    "what absence means changes": (
        lambda s: s["$defs"][VALUE]["properties"]["note"].update(default="none"),
        "values[].note: default was , is none",
    ),
    "a constraint is added": (
        lambda s: s["properties"]["unit"].update(maxLength=8),
        "unit: maxLength is new: 8",
    ),
    "the subject changes": (lambda s: s.update({"x-subject": "elsewhere"}), f"the event: x-subject was {REPORT}, is elsewhere"),
    "the type changes": (lambda s: s.update({"$id": "urn:thidua:other"}), f"the event: $id was urn:thidua:{REPORT}, is urn:thidua:other"),
}


@pytest.mark.parametrize("name", BREAKING)
def test_a_breaking_change_is_red_and_names_the_field(name):
    change, line = BREAKING[name]
    assert ", ".join(changed(change)).startswith(line)


COMPATIBLE = {
    "an optional field is added": lambda s: add(s, "signature", required=False),
    "an optional field of an item is added": lambda s: add(s["$defs"][VALUE], "source", required=False),
    "words are improved": lambda s: s.update(description="Better words.", title="Report"),
    "a definition is renamed without changing what it says": lambda s: (
        s["$defs"].update(Way=s["$defs"].pop("Channel")),
        s["properties"].update(channel={"$ref": "#/$defs/Way"}),
    ),
    "more may hear it": lambda s: s.update({"x-audience": "partners"}),
}


@pytest.mark.parametrize("name", COMPATIBLE)
def test_a_compatible_change_stays_green(name):
    assert changed(COMPATIBLE[name]) == []


def test_an_audience_may_not_shrink():
    line = "audience: was public, is partners"
    assert changed(lambda s: s.update({"x-audience": "partners"}), "reporting.round.opened.v1") == [line]


def test_the_other_direction_of_adding_is_removing():
    old = schema_of(REGISTRY[REPORT])
    grown = copy.deepcopy(old)
    add(grown, "signature", required=False)
    assert breaking(old, grown) == []
    assert breaking(grown, old) == ["signature: removed"]


def test_an_event_that_is_gone_is_named_and_a_new_one_is_welcome():
    every = schemas()
    fewer = {kind: schema for kind, schema in every.items() if kind != REPORT}
    assert compare(every, fewer) == [f"{REPORT}: the event is gone"]
    assert compare(fewer, every) == []


def test_every_contract_is_compatible_with_itself():
    assert compare(schemas(), schemas()) == []
