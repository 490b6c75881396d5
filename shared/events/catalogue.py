"""The AsyncAPI document as one file of its own, schemas inside: whole, or only what one partner may say and hear, with its own addresses."""

import json
from functools import cache
from typing import Any

import yaml

from shared.events.asyncapi import CLIENT, INBOUND
from shared.events.documents import ASYNCAPI, FOLDER, as_yaml

DROPPED = frozenset({"$schema", "$id"})
SCHEMAS = "#/components/schemas/"


@cache
def _committed() -> str:
    """The documents as JSON text, read once."""
    document = yaml.safe_load((FOLDER / ASYNCAPI).read_text(encoding="utf-8"))
    schemas = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
    return json.dumps({"document": document, "schemas": schemas})


def whole() -> dict[str, Any]:
    """The document with every schema in its components."""
    read = json.loads(_committed())
    document: dict[str, Any] = read["document"]
    return _with_schemas(document, read["schemas"])


def schema_of(kind: str) -> dict[str, Any]:
    """The committed schema of an event."""
    found: dict[str, Any] = json.loads(_committed())["schemas"][kind]
    return found


def for_partner(client: str) -> dict[str, Any]:
    """What one partner may say and hear, its name filled into every address."""
    read = json.loads(_committed())
    document: dict[str, Any] = read["document"]
    messages = document["components"]["messages"]
    kinds = {kind for kind, message in messages.items() if message["x-audience"] != "internal"}
    document["info"]["title"] = f"thidua: {client}"
    document["channels"] = {kind: _named(channel, client) for kind, channel in document["channels"].items() if kind in kinds}
    document["components"]["messages"] = {kind: message for kind, message in messages.items() if kind in kinds}
    document["operations"] = {f"{client}.{_verb(kind)}.{kind}": _operation(kind) for kind in sorted(kinds)}
    del document["x-planned"]
    return _with_schemas(document, {kind: read["schemas"][kind] for kind in kinds})


def _named(channel: dict[str, Any], client: str) -> dict[str, Any]:
    """A channel with a partner's own address."""
    return {"address": channel["address"].replace(CLIENT, client), "messages": channel["messages"]}


def _verb(kind: str) -> str:
    return "says" if kind.startswith(f"{INBOUND}.") else "hears"


def _operation(kind: str) -> dict[str, Any]:
    """From the partner's point of view: it sends what it says and receives what it hears."""
    channel = f"#/channels/{kind}"
    action = "send" if _verb(kind) == "says" else "receive"
    return {"action": action, "channel": {"$ref": channel}, "messages": [{"$ref": f"{channel}/messages/{kind}"}]}


def _with_schemas(document: dict[str, Any], schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Schemas as components; what they define inside becomes a component too, named after its event."""
    found: dict[str, Any] = {}
    for kind, schema in sorted(schemas.items()):
        inner = schema.pop("$defs", {})
        found[kind] = _moved({name: value for name, value in schema.items() if name not in DROPPED}, kind)
        found |= {f"{kind}.{name}": _moved(value, kind) for name, value in inner.items()}
    for kind, message in document["components"]["messages"].items():
        message["payload"] = {"$ref": f"{SCHEMAS}{kind}"}
    document["components"]["schemas"] = found
    return document


def _moved(part: Any, kind: str) -> Any:
    """A part of a schema with its references led to where the definitions are now."""
    if isinstance(part, list):
        return [_moved(item, kind) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        name: f"{SCHEMAS}{kind}.{value.rpartition('/')[2]}" if name == "$ref" and isinstance(value, str) else _moved(value, kind)
        for name, value in part.items()
    }


def text_for(client: str) -> str:
    """A partner's document as YAML."""
    return as_yaml(for_partner(client))
