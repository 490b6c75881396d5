"""An example of each event that a partner may send, valid against its contract: what pages and documents show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from shared.clock import LOCAL
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

ORDER = (IndicatorObserved.TYPE, IndicatorCorrected.TYPE, ReportSubmitted.TYPE, WorkReported.TYPE, UnitReorganised.TYPE)
"""As they are shown: what most partners say first, and what cites it after it."""


@dataclass(frozen=True)
class Measured:
    """A figure to show, and `other`, by which it may be corrected; `unit_of_measure` is a code."""

    indicator: str
    unit_of_measure: str
    value: Decimal
    as_of: date
    other: Decimal

    @property
    def said(self) -> dict[str, str]:
        """As it stands in an event, official."""
        return {
            "indicator": self.indicator, "value": f"{self.value:f}", "unit_of_measure": self.unit_of_measure, "kind": "official",
            "as_of": self.as_of.isoformat(),
        }  # fmt: skip


@dataclass(frozen=True)
class Occasion:
    """What a partner can speak of on a day: a unit, a figure, a unit's report for a round, units that become another one.

    Units are {scheme, value}. `wanting`: the types for which nothing within the partner's rights was found, shown with sample data.
    """

    campaign: str
    day: date
    unit: Mapping[str, str]
    figure: Measured
    reporter: Mapping[str, str]
    round: str
    values: Sequence[Measured]
    gone: Sequence[Mapping[str, str]]
    successor: Mapping[str, str]
    wanting: frozenset[str] = field(default=frozenset())

    @property
    def observation(self) -> str:
        """The id of the observation, the same all day long: printed or sent again it is the same event."""
        return f"{self.day}-{self.unit['value']}-{self.figure.indicator}"


_COMMUNE = {"scheme": "dinh-danh", "value": "H35.53"}
_DISBURSED = Measured("giai-ngan", "phan-tram", Decimal("71.5"), date(2023, 10, 25), Decimal("72.5"))
SAMPLE = Occasion(
    "lai-chau-2023", date(2023, 10, 25), _COMMUNE, _DISBURSED, _COMMUNE, "ky-1",
    [Measured("giai-ngan", "phan-tram", Decimal("52.43"), date(2023, 7, 14), Decimal("52.44"))],
    [{"scheme": "dinh-danh", "value": "H35.53.1"}, {"scheme": "dinh-danh", "value": "H35.53.2"}], {"scheme": "dvhc", "value": "03388"},
)  # fmt: skip
"""From the movement of 2023, for documents that know no partner."""


def event(kind: str, client: str, occasion: Occasion = SAMPLE) -> dict[str, Any]:
    """A whole event in structured mode, as a partner would send it."""
    id, data = _SAID[kind](occasion)
    morning = datetime.combine(occasion.day, time(), LOCAL).astimezone(UTC)
    return {
        "specversion": "1.0", "id": id, "source": f"//{client}.example/reports", "type": kind, "time": f"{morning:%Y-%m-%dT%H:%M:%SZ}",
        "datacontenttype": "application/json", "data": {"campaign": occasion.campaign, **data},
    }  # fmt: skip


_Example = tuple[str, dict[str, Any]]
"""An event's id and what it says beside the campaign."""


def _observed(on: Occasion) -> _Example:
    return on.observation, {"unit": on.unit, **on.figure.said}


def _corrected(on: Occasion) -> _Example:
    said = {"value": f"{on.figure.other:f}", "unit_of_measure": on.figure.unit_of_measure, "kind": "official", "note": "Rà soát lại chứng từ"}
    return f"{on.observation}-dinh-chinh", {"replaces": on.observation, **said}


def _reported(on: Occasion) -> _Example:
    return f"{on.round}-{on.reporter['value']}", {"unit": on.reporter, "round": on.round, "values": [one.said for one in on.values]}


def _progressed(on: Occasion) -> _Example:
    work = {"work": "0190a5d2-7a8e-7000-8000-000000000001", "status": "completed", "day": on.day.isoformat()}
    return f"{on.day}-{on.unit['value']}-cong-trinh", {"unit": on.unit, **work}


def _reorganised(on: Occasion) -> _Example:
    act = {"day": on.day.isoformat(), "legal_act": "Nghị quyết 1670/NQ-UBTVQH15"}
    return f"{on.day}-sap-xep-{on.successor['value']}", {"predecessors": list(on.gone), "successor": on.successor, **act}


_SAID = {
    IndicatorObserved.TYPE: _observed,
    IndicatorCorrected.TYPE: _corrected,
    ReportSubmitted.TYPE: _reported,
    WorkReported.TYPE: _progressed,
    UnitReorganised.TYPE: _reorganised,
}


def _request_body() -> dict[str, Any]:
    """The body of a request to the HTTP door, for the OpenAPI document."""
    named = {kind.removeprefix("inbound."): {"value": event(kind, "kho-bac")} for kind in ORDER}
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
