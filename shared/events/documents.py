"""The contracts as documents for other programs: a JSON Schema per event and one AsyncAPI document, generated and committed."""

import inspect
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

from shared.events import REGISTRY, Event, asyncapi
from shared.events.compatibility import compare
from shared.inbox import Hears

FOLDER = Path(__file__).parent / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI = "asyncapi.yaml"
ORDER = ("type", "properties", "required", "$defs")
DECIMAL = {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"}


class Breaking(Exception):
    """The contracts break released schemas: one fault per field. The cure is v2 beside v1."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join([*faults, _CURE]))
        self.faults = tuple(faults)


_CURE = (
    "A released event only gains optional fields: declare the change as v2 beside v1."
    f" (The schema of an event that was never released may be deleted from {FOLDER.name}/ first.)"
)


class _Received(GenerateJsonSchema):
    """What we take in: a decimal may be a number too. No titles made from field names: they say nothing."""

    @override
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class _Said(_Received):
    """What we say: decimals are always strings, so that no reader rounds them."""

    @override
    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        return dict(DECIMAL)


def schema_of(contract: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event's data, with its type, subject and audience."""
    generator = _Received if asyncapi.is_inbound(contract) else _Said
    head = {
        "$schema": DIALECT,
        "$id": f"urn:thidua:{contract.TYPE}",
        "title": contract.__name__,
        "description": inspect.cleandoc(contract.__doc__ or ""),
        "x-subject": asyncapi.subject_of(contract),
        "x-audience": contract.AUDIENCE.value,
    }
    body = contract.model_json_schema(schema_generator=generator)
    return head | {key: body[key] for key in ORDER if key in body}


def schemas() -> dict[str, dict[str, Any]]:
    """Every event's schema by its type."""
    return {kind: schema_of(REGISTRY[kind]) for kind in sorted(REGISTRY)}


def released(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """The committed schemas by event type: what was promised so far."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def documents(hears: Sequence[Hears]) -> dict[str, str]:
    """Every document's text by its file name."""
    texts = {f"{kind}.json": json.dumps(schema, ensure_ascii=False, indent=2) + "\n" for kind, schema in schemas().items()}
    texts[ASYNCAPI] = as_yaml(asyncapi.build(hears))
    return texts


def as_yaml(document: dict[str, Any]) -> str:
    """A document as people read it: in its own order, long texts as lines."""
    return yaml.dump(document, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)


class _Plain(yaml.SafeDumper):
    """Writes a value in full each time it occurs, for aliases help no reader, and long texts as lines."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True

    @override
    def represent_scalar(self, tag: str, value: str, style: str | None = None) -> yaml.ScalarNode:
        return super().represent_scalar(tag, value, "|" if "\n" in str(value) else style)


def write(folder: Path, hears: Sequence[Hears]) -> list[str]:
    """Write the documents and return the names of those that changed. Raises `Breaking`, and writes nothing then."""
    if faults := compare(released(folder), schemas()):
        raise Breaking(faults)
    folder.mkdir(parents=True, exist_ok=True)
    changed = {name: text for name, text in documents(hears).items() if _text_of(folder / name) != text}
    for name, text in changed.items():
        (folder / name).write_text(text, encoding="utf-8")
    return list(changed)


def check(folder: Path, hears: Sequence[Hears]) -> list[str]:
    """What is wrong with the committed documents: breaking changes of the contracts, then documents behind them."""
    behind = [name for name, text in documents(hears).items() if _text_of(folder / name) != text]
    return compare(released(folder), schemas()) + [f"{name}: behind the contracts, run `thidua contracts`" for name in behind]


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
