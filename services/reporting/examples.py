"""An example of each event that a partner may send, valid against its contract: what pages and documents show."""

from collections.abc import Mapping
from typing import Any

from shared.delivery import STRUCTURED
from shared.events import REGISTRY
from shared.events.contract import inbound_types
from shared.events.documents import schema_of
from shared.events.reporting import (
    IndicatorCorrected,
    IndicatorObserved,
    ReportSubmitted,
    UnitReorganised,
    WorkReported,
)

UNIT = {"scheme": "dinh-danh", "value": "H35.53"}
FIGURE = {"unit_of_measure": "phan-tram", "kind": "official"}

IDS: Mapping[str, str] = {
    IndicatorObserved.TYPE: "2023-10-25-H35.53",
    IndicatorCorrected.TYPE: "2023-10-26-H35.53-dinh-chinh",
    ReportSubmitted.TYPE: "ky-1-H35.53",
    WorkReported.TYPE: "2023-09-02-cong-trinh-1",
    UnitReorganised.TYPE: "2025-07-01-sap-nhap-03388",
}
"""One for each, for all of them may be sent one after the other."""
DATA: Mapping[str, dict[str, Any]] = {
    IndicatorObserved.TYPE: {"unit": UNIT, "indicator": "giai-ngan", "value": "71.5", **FIGURE, "as_of": "2023-10-25"},
    IndicatorCorrected.TYPE: {"replaces": IDS[IndicatorObserved.TYPE], "value": "72.5", **FIGURE, "note": "Bổ sung chứng từ"},
    ReportSubmitted.TYPE: {
        "unit": UNIT, "round": "ky-1",
        "values": [{"indicator": "giai-ngan", "value": "52.43", **FIGURE, "as_of": "2023-07-14"}],
    },
    WorkReported.TYPE: {"unit": UNIT, "work": "0190a5d2-7a8e-7000-8000-000000000001", "status": "completed", "day": "2023-09-02"},
    UnitReorganised.TYPE: {
        "predecessors": [{"scheme": "dinh-danh", "value": "H35.53.1"}, {"scheme": "dinh-danh", "value": "H35.53.2"}],
        "successor": {"scheme": "dvhc", "value": "03388"}, "day": "2025-07-01", "legal_act": "Nghị quyết 1670/NQ-UBTVQH15",
    },
}  # fmt: skip


def event(kind: str, client: str, campaign: str) -> dict[str, Any]:
    """A whole event in structured mode, as a partner would send it."""
    return {
        "specversion": "1.0", "id": IDS[kind], "source": f"//{client}.example/reports", "type": kind,
        "time": "2023-10-25T09:00:00Z", "datacontenttype": "application/json", "data": {"campaign": campaign, **DATA[kind]},
    }  # fmt: skip


def _request_body() -> dict[str, Any]:
    """The body of a request to the HTTP door, for the OpenAPI document."""
    named = {kind.removeprefix("inbound."): {"value": event(kind, "kho-bac", "lai-chau-2023")} for kind in inbound_types()}
    whole = {"type": "object", "required": ["specversion", "id", "source", "type", "data"]}
    content = {
        STRUCTURED: {"schema": whole, "examples": named},
        "application/cloudevents-batch+json": {"schema": {"type": "array", "items": whole}},
        "application/json": {"schema": {"anyOf": [_plain(schema_of(REGISTRY[kind])) for kind in inbound_types()]}},
    }
    return {"requestBody": {"required": True, "content": content}}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The data of an event in binary mode, told by its description: the schema itself is served beside this document."""
    return {"type": "object", "title": schema["title"], "description": schema["description"], "required": schema["required"]}


REQUEST_BODY = _request_body()
