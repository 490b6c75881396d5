"""Partners' bodies as people read and mend them: laid out where they say one thing and can be shown, else as they came."""

import json
from typing import Any

from services.reporting.envelopes import decoded
from shared.delivery import STRUCTURED, attributes_of
from shared.messages import Refused
from shared.web.strict_json import loads


def readable(body: bytes) -> str:
    """JSON with indentation, if that says the very same; anything else as text, unreadable bytes marked."""
    text = body.decode("utf-8", "replace")
    return _laid_out(text) or text


def _laid_out(text: str) -> str:
    """Empty for what laid out would be another thing: a name twice, half a surrogate pair, more digits than a machine's number has."""
    try:
        shown = pretty(json.loads(text))
        return shown if loads(shown.encode()) == loads(text.encode()) else ""
    except (Refused, ValueError, RecursionError):
        return ""


def pretty(value: Any) -> str:
    """A value as indented JSON."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def whole(row: Any) -> str:
    """A refused event as one that can be mended and sent: structured, whatever mode it came in. What cannot be read stands in it as it came."""
    headers = {name.lower(): value for name, value in row.headers.items()}
    attributes = {name: decoded(value) or value for name, value in attributes_of(headers).items()}
    if not attributes or headers.get("content-type", "").startswith(STRUCTURED):
        return readable(row.body)
    event = f'{pretty(attributes)[:-2]},\n  "data": {row.body.decode("utf-8", "replace")}\n}}'
    return _laid_out(event) or event
