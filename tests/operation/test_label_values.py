"""What alarms, their tests and dashboards ask of a label is what a service can say in it: a word that nobody says makes an alarm that never calls."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from http import HTTPStatus
from pathlib import Path

import pytest
import yaml

from services.evaluation.app import create_app as evaluation
from services.notification.app import create_app as notification
from services.operation import dashboards
from services.registration.app import create_app as registration
from services.reporting import measures
from services.reporting.app import create_app as reporting
from services.reporting.states import State
from shared import settings, spanmetrics
from shared.events.contract import REGISTRY
from shared.settings import SERVICES
from shared.streams import stream_of_client
from shared.telemetry import Telemetry
from tests.operation.test_alarms import PROMETHEUS, ROOT, rules, samples

APPS = {"registration": registration, "reporting": reporting, "evaluation": evaluation, "notification": notification}
TARGET = {"service", "job", "instance"}
"""Labels that Prometheus gives to every series of a target."""
FREE = {"instance", "route", "method", "file", "folder", "address", "campaign", "thidua_campaign", "round", "client", "span_name", "le", "generation"}
"""Labels whose values come from data or from a program of others."""
ANYTHING = {"$"}
SELECTOR = re.compile(r"\b([a-z]\w+)\{([^{}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')

Said = dict[tuple[str, str], set[str]]
"""What can be said, by metric and label."""


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    return {name: create(settings.load({}, data=tmp_path_factory.mktemp(name))).state.service for name, create in APPS.items()}


@cache
def metrics() -> dict[str, tuple[str, ...]]:
    """The labels of every metric of ours, by each name under which it is asked for."""
    names = Telemetry("x").registry._collector_to_names
    return {name: getattr(metric, "_labelnames", ()) for metric, found in names.items() for name in found}


def written() -> Said:
    """Words that stand in the program itself: `telemetry.events.labels(kind, "retried")`."""
    telemetry, said = Telemetry("x"), Said()
    for path in (path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py")):
        for metric, place, word in _calls(path):
            gauge = getattr(telemetry, metric, None)
            if gauge is not None:
                said.setdefault((gauge._name, gauge._labelnames[place]), set()).add(word)
    return said


def _calls(path: Path) -> Iterator[tuple[str, int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr=metric), attr="labels"), args=words):
                yield from ((metric, place, word.value) for place, word in enumerate(words) if isinstance(word, ast.Constant))


def declared(services) -> Said:
    """What the services' declarations let them say, and what is there from their start."""
    said: Said = {
        ("thidua_reachable", "part"): {"database", "broker"} | {measure.__name__ for service in services.values() for measure in service.measures},
        ("thidua_round_units", "state"): set(measures.STATES),
        ("thidua_partner_events_last_day", "outcome"): set(State),
    }
    for service in services.values():
        for one in samples(service.telemetry):
            for label, value in one.labels.items():
                said.setdefault((one.name.removesuffix("_total").removesuffix("_created"), label), set()).add(value)
    return said


def jobs() -> set[str]:
    files = [yaml.safe_load((PROMETHEUS / name).read_text(encoding="utf-8")) for name in ("prometheus.yml", "kubernetes.yml")]
    return {job["job_name"] for file in files for job in file["scrape_configs"]}


@cache
def everywhere() -> dict[str, set[str]]:
    """What a label says in whatever metric it is."""
    return {
        "service": {*SERVICES, "partners"}, "job": jobs(), "type": {*REGISTRY, "any"}, "status": {str(status.value) for status in HTTPStatus},
        "stream": {*map(str.upper, SERVICES), stream_of_client("kho-bac")}, "service_name": {f"thidua-{service}" for service in SERVICES},
        "span_kind": set(spanmetrics.KINDS.values()), "status_code": set(spanmetrics.STATUSES.values()),
    }  # fmt: skip


def asked() -> Iterator[tuple[str, str]]:
    """Each expression with where it stands."""
    yield from ((rule["alert"], rule["expr"]) for rule in rules())
    yield from ((panel.title, query.expression) for board in dashboards.DASHBOARDS for panel in board.panels for query in panel.queries)
    tests = yaml.safe_load((PROMETHEUS / "alarms.test.yml").read_text(encoding="utf-8"))["tests"]
    yield from ((test["name"], one["series"]) for test in tests for one in test["input_series"])


def sayable(services) -> Said:
    """Everything that a service can say in a label that means something else in each metric."""
    first, second = declared(services), written()
    return {key: first.get(key, set()) | second.get(key, set()) for key in first | second}


def never_said(expressions: Iterable[tuple[str, str]], services) -> set[tuple[str, str, str]]:
    """Where a metric is asked for a label that it does not have, or for a word that no service says in it: where, label, word."""
    said = sayable(services)
    return {
        (where, label, word)
        for where, expression in expressions
        for metric, inside in SELECTOR.findall(expression)
        for label, sign, value in MATCHER.findall(inside)
        for word in (value.split("|") if "~" in sign else [value])
        if not any(fits(sign, word, one) for one in words(metric, label, said))
    }


def words(metric: str, label: str, said: Said) -> set[str]:
    """What can be asked; nothing where a metric of ours has no such label, anything where the label or the metric is not ours."""
    known = metrics().get(metric)
    if label not in TARGET and known is not None and label not in known:
        return set()
    if label in FREE or (known is None and label not in TARGET):
        return ANYTHING
    return everywhere().get(label) or said.get((metric, label)) or said.get((metric.rpartition("_")[0], label), set())


def fits(sign: str, word: str, said: str) -> bool:
    return said in ANYTHING or "$" in word or (re.fullmatch(word, said) is not None if "~" in sign else word == said)


def test_every_word_that_is_asked_of_a_label_is_one_that_a_service_can_say(services):
    assert never_said(asked(), services) == set()


@pytest.mark.parametrize(
    ("expression", "label", "word"),
    [
        ('thidua_letters_total{channel="email", outcome="retried"}', "channel", "email"),
        ('thidua_letters_total{channel="inbox"}', "channel", "inbox"),
        ('thidua_letters_total{outcome=~"retried|lost"}', "outcome", "lost"),
        ('thidua_reachable{part="proxy"}', "part", "proxy"),
        ('thidua_reachable{part!~"database|disk"}', "part", "disk"),
        ('thidua_round_units{state="ontime"}', "state", "ontime"),
        ('thidua_events_total{outcome="handled"}', "outcome", "handled"),
        ('thidua_dead_letters_total{reason="exhaust"}', "reason", "exhaust"),
        ('thidua_http_request_seconds_count{status=~"9.."}', "status", "9.."),
        ('thidua_http_request_seconds_count{code="500"}', "code", "500"),
        ('up{job="thi-dua"}', "job", "thi-dua"),
    ],
)
def test_a_word_that_nobody_says_is_found(expression, label, word, services):
    assert never_said([("here", f"sum({expression}) > 1")], services) == {("here", label, word)}


def test_every_label_of_ours_has_words_that_are_known_or_takes_them_from_data(services):
    """So that the words of a new metric cannot be forgotten here."""
    said = set(sayable(services))
    unknown = {
        (metric, label) for metric, labels in metrics().items() for label in labels
        if label not in FREE | set(everywhere()) and not {(metric, label), (metric.rpartition("_")[0], label)} & said
    }  # fmt: skip
    assert unknown == set()
    assert ("thidua_events", "outcome") in written()
