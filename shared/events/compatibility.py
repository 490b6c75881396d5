"""The gate of v1: the only change that a released contract may take is one more optional field; anything else is v2 beside it."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

WORDS = frozenset({"$schema", "title", "description", "examples", "x-audience"})
"""Keywords that say nothing about the data. (Who may hear an event is compared on its own.)"""
FIELDS = frozenset({"properties", "required", "$defs"})
WIDTH = {"internal": 0, "partners": 1, "public": 2}
"""An audience may grow and not shrink: who has heard an event so far relies on it."""


def breaking(old: Schema, new: Schema) -> list[str]:
    """What in `new` breaks a reader or writer of `old`, one line per field, each naming it; empty when all of them can go on.

    Both are JSON Schemas of one event type as `documents.schema_of` makes them. Fields of fields are named with dots, items
    with brackets: `values[].indicator`.
    """
    found = list(_differences("", _Node(old, old), _Node(new, new)))
    if WIDTH[new["x-audience"]] < WIDTH[old["x-audience"]]:
        found.append(f"audience: was {old['x-audience']}, is {new['x-audience']}")
    return found


def compare(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[str]:
    """`breaking` over whole sets of schemas by event type; a type that is gone is a line too, a new one is welcome."""
    gone = [f"{kind}: the event is gone" for kind in sorted(old.keys() - new.keys())]
    return gone + [f"{kind}: {line}" for kind in sorted(old.keys() & new.keys()) for line in breaking(old[kind], new[kind])]


class _Node:
    """A place in a schema: references are followed in its own document."""

    def __init__(self, node: Any, root: Schema) -> None:
        while isinstance(node, Mapping) and "$ref" in node:
            node = root["$defs"][node["$ref"].rpartition("/")[2]]
        self.node, self.root = node, root

    def at(self, key: str | int) -> "_Node":
        return _Node(self.node[key], self.root)

    def keywords(self) -> set[str]:
        return set(self.node) - WORDS - FIELDS

    def fields(self) -> dict[str, Any]:
        return dict(self.node.get("properties", {}))

    def requires(self, field: str) -> bool:
        return field in self.node.get("required", ())


def _differences(path: str, old: _Node, new: _Node) -> Iterator[str]:
    if isinstance(old.node, Mapping) and isinstance(new.node, Mapping):
        if old.node.get("type") != new.node.get("type"):
            yield f"{path or 'the event'}: was {_kind(old)}, is {_kind(new)}"
            return
        yield from _fields(path, old, new)
        for keyword in sorted(old.keywords() | new.keywords()):
            yield from _keyword(path, keyword, old, new)
    elif isinstance(old.node, list) and isinstance(new.node, list) and len(old.node) == len(new.node):
        for position in range(len(old.node)):
            yield from _differences(path, old.at(position), new.at(position))
    elif old.node != new.node:
        yield f"{path or 'the event'}: was {_short(old.node)}, is {_short(new.node)}"


def _fields(path: str, old: _Node, new: _Node) -> Iterator[str]:
    before, after = old.fields(), new.fields()
    for name in before:
        place = f"{path}.{name}" if path else name
        if name not in after:
            yield f"{place}: removed"
            continue
        if old.requires(name) != new.requires(name):
            yield f"{place}: was {_need(old, name)}, is {_need(new, name)}"
        yield from _differences(place, _Node(before[name], old.root), _Node(after[name], new.root))
    for name in sorted(after.keys() - before.keys()):
        if new.requires(name):
            yield f"{f'{path}.{name}' if path else name}: new and required"


def _keyword(path: str, keyword: str, old: _Node, new: _Node) -> Iterator[str]:
    place = path or "the event"
    if keyword not in new.node:
        yield f"{place}: {keyword} was {_short(old.node[keyword])}, is gone"
    elif keyword not in old.node:
        yield f"{place}: {keyword} is new: {_short(new.node[keyword])}"
    elif keyword.startswith(("$", "x-")) or keyword == "default":
        if old.node[keyword] != new.node[keyword]:
            yield f"{place}: {keyword} was {_short(old.node[keyword])}, is {_short(new.node[keyword])}"
    else:
        yield from _differences(f"{path}[]" if keyword == "items" else path, old.at(keyword), new.at(keyword))


def _need(node: _Node, field: str) -> str:
    return "required" if node.requires(field) else "optional"


def _kind(node: _Node) -> str:
    """The type's name, or what stands instead of one: alternatives, a constant."""
    return str(node.node.get("type", "/".join(sorted(node.keywords()))))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:80] + "…"
