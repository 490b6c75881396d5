"""The walls of the building. Each rule reads the whole tree, and each is proven by breaking it on a planted one."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.settings import SERVICES
from tests.sources import Source, last_name, sources

ROOT = Path(__file__).parents[1]

COMPOSITION = {
    "services/command_line.py", "services/commands.py", "services/local.py", "services/partner_access.py", "services/partner_commands.py",
    "services/operation/", "services/simulation/",
}  # fmt: skip
"""They put the four services together, look after them and play with them: they may know all of them, the wall clock and the wire."""

BY_NAME = {"shared/migrations/__init__.py", "shared/migrations/__main__.py", "shared/testing/fixtures.py"}
"""They are told the name of a service and find its folder: the migration command and the fixture that launches an app."""

PUBLISHERS = {
    "shared/outbox.py",  # domain events
    "shared/publishing.py",  # how they travel
    "shared/clock.py",  # ticks, which have no transaction
    "services/reporting/door.py",  # partners' own events, passed on as they came
    "shared/broker.py",  # pull requests to the broker itself
}
COMMITTERS = {
    "shared/database.py",  # the one owner of transactions
    "shared/sqlite.py",  # the driver beneath it
    "shared/migrations/",  # tables, before anything runs
    "services/operation/tables.py",  # fills empty tables in a restore
    "services/evaluation/rebuild.py",  # drops the schema of the rebuild before, beside the live one
}
IO_MODULES = frozenset({
    "aiosmtplib", "asyncio", "asyncpg", "fastapi", "faststream", "glob", "httpx", "io", "jinja2", "logging", "multiprocessing",
    "nats", "opentelemetry", "os", "pathlib", "prometheus_client", "random", "requests", "secrets", "shutil", "socket", "sqlalchemy",
    "sqlite3", "starlette", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid", "uuid_utils", "uvicorn",
})  # fmt: skip
PURE_SHARED = ("shared.events", "shared.messages", "shared.numbers")
HTTP_CLIENTS = frozenset({"aiohttp", "httpx", "requests", "urllib", "http"})
WIRE = frozenset({"publish", "publish_async", "publisher", "request"})
WIRES = frozenset({"broker", "client", "connection", "jetstream", "js", "nats", "nc"})
ENGINES = frozenset({"connection", "engine", "reader", "session", "writer"})
WALL_CLOCK = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time"), ("time", "time_ns")}
FORBIDDEN_NAMES = frozenset({"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"})
EVENT_TYPE = re.compile(r"[a-z]+(\.[a-z-]+){2}\.v[0-9]+")
LONGEST = 400


def in_services(root: Path) -> Iterator[Source]:
    return (source for source in sources(root) if source.service)


def services_that_import_one_another(root: Path) -> list[str]:
    """They meet only in events. What puts them together is not theirs to import either."""
    return [
        f"{source.path}:{line} imports {name}"
        for source in in_services(root)
        for line, name in source.imports()
        if name.startswith("services.") and name.split(".")[1] != source.service
    ]


def shared_that_imports_a_service(root: Path) -> list[str]:
    return [
        f"{source.path}:{line} imports {name}"
        for source in sources(root)
        if source.path.startswith("shared/") and not source.is_among(BY_NAME)
        for line, name in source.imports()
        if name.split(".")[0] == "services"
    ]


def decisions_that_do_io(root: Path) -> list[str]:
    return [
        f"{source.path}:{line} {what}"
        for source in in_services(root)
        if source.is_pure
        for line, what in [*_impure_imports(source), *_impure_calls(source)]
    ]


def _impure_imports(source: Source) -> Iterator[tuple[int, str]]:
    own = tuple(f"services.{source.service}.{room}" for room in ("rules", "scoring"))
    for line, name in source.imports():
        of_ours = name.split(".")[0] in {"services", "shared"}
        if name.split(".")[0] in IO_MODULES or (of_ours and not name.startswith((*PURE_SHARED, *own))):
            yield line, f"imports {name}"


def _impure_calls(source: Source) -> Iterator[tuple[int, str]]:
    yield from ((line, f"calls {receiver}.{method}") for line, receiver, method in source.method_calls() if (receiver, method) in WALL_CLOCK)
    for node in source.nodes(ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in {"open", "print", "input"}:  # type: ignore[attr-defined]
            yield node.lineno, f"calls {node.func.id}"  # type: ignore[attr-defined]


def events_that_leave_elsewhere(root: Path) -> list[str]:
    """A dual write: an event published beside the transaction instead of recorded in it, or a row put into the outbox by hand."""
    return [
        f"{source.path}:{line} calls {receiver}.{method}"
        for source in sources(root)
        if not source.is_among(PUBLISHERS | COMPOSITION)
        for line, receiver, method in source.method_calls()
        if method in WIRE and receiver in WIRES
    ] + [
        f"{source.path}:{node.lineno} inserts into the outbox"  # type: ignore[attr-defined]
        for source in sources(root)
        if source.path != "shared/outbox.py"
        for node in source.nodes(ast.Call)
        if last_name(node.func) in {"insert", "insert_new", "upsert"} and "outbox" in map(last_name, node.args)  # type: ignore[attr-defined]
    ] + [
        f"{source.path}:{line} imports {name}"
        for source in sources(root)
        if not source.is_among(PUBLISHERS)
        for line, name in source.imports()
        if name.startswith("shared.publishing")
    ]


def commits_elsewhere(root: Path) -> list[str]:
    """`Database.write` owns the transaction. (`participants.commit(event, session)` is a word of the field, not a commit.)"""
    return [
        f"{source.path}:{line} calls {receiver}.{method}"
        for source in sources(root)
        if not source.is_among(COMMITTERS)
        for line, receiver, method in source.method_calls()
        if (method in {"commit", "rollback"} and receiver not in source.modules()) or (method == "begin" and receiver in ENGINES)
    ]


def wall_clocks_in_services(root: Path) -> list[str]:
    """`now` is an argument; where the wall's time is meant, `shared.security.wall_now` says so."""
    return [
        f"{source.path}:{line} calls {receiver}.{method}"
        for source in in_services(root)
        for line, receiver, method in source.method_calls()
        if (receiver, method) in WALL_CLOCK
    ]


def remote_calls(root: Path) -> list[str]:
    """No service calls another over HTTP to do its work."""
    return [
        f"{source.path}:{line} imports {name}"
        for source in in_services(root)
        for line, name in source.imports()
        if name.split(".")[0] in HTTP_CLIENTS and name.split(".")[:2] != ["urllib", "parse"] and name != "http.HTTPStatus"
    ]


def environments_read_in_services(root: Path) -> list[str]:
    """Settings are read once, in shared/settings.py."""
    return [
        f"{source.path}:{node.lineno} reads {node.attr}"  # type: ignore[attr-defined]
        for source in in_services(root)
        for node in source.nodes(ast.Attribute)
        if node.attr in {"environ", "getenv"}  # type: ignore[attr-defined]
    ]


def types_typed_by_hand(root: Path) -> list[str]:
    """A subject stands once, at its contract; everybody else asks the contract."""
    return [
        f"{source.path}:{node.lineno} says {node.value}"  # type: ignore[attr-defined]
        for source in sources(root)
        if not source.path.startswith("shared/events/")
        for node in source.nodes(ast.Constant)
        if isinstance(node.value, str) and EVENT_TYPE.fullmatch(node.value)  # type: ignore[attr-defined]
    ]


def long_files(root: Path) -> list[str]:
    """Generated migrations grow with the tables and are not read as code."""
    lines = {s.path: s.text.count("\n") for s in sources(root) if "/migrations/versions/" not in s.path}
    return [f"{path} has {count} lines" for path, count in lines.items() if count > LONGEST]


def names_that_say_nothing(root: Path) -> list[str]:
    return [s.path for s in sources(root) if FORBIDDEN_NAMES & {part.removesuffix(".py") for part in s.path.split("/")}]


UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
TEXTS = {".py", ".html", ".md", ".css", ".js", ".po", ".yaml", ".yml", ".txt", ".toml"}


def unfinished(root: Path) -> list[str]:
    """What is not done belongs to an issue, not into the text."""
    return [
        f"{path.relative_to(root)}:{number}"
        for folder in ("services", "shared", "tests", "deploy")
        for path in sorted((root / folder).rglob("*"))
        if path.suffix in TEXTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]


Rule = Callable[[Path], list[str]]
PURE = "services/reporting/rules.py"
USE_CASE = "services/reporting/reports.py"
BREAKS: list[tuple[Rule, str, str]] = [
    (services_that_import_one_another, USE_CASE, "from services.evaluation import scores"),
    (services_that_import_one_another, USE_CASE, "import services.evaluation.scores"),
    (services_that_import_one_another, USE_CASE, "from ..evaluation import scores"),
    (services_that_import_one_another, USE_CASE, "from importlib import import_module\nimport_module('services.evaluation.scores')"),
    (services_that_import_one_another, USE_CASE, "from services import local"),
    (shared_that_imports_a_service, "shared/units.py", "from services.registration import units"),
    (shared_that_imports_a_service, "shared/web/site.py", "def f():\n    import services.registration.app"),
    (shared_that_imports_a_service, "shared/web/site.py", "def f(service):\n    return import_module(f'services.{service}.app')"),
    (decisions_that_do_io, PURE, "from sqlalchemy import select"),
    (decisions_that_do_io, PURE, "import asyncio"),
    (decisions_that_do_io, PURE, "import time"),
    (decisions_that_do_io, "services/evaluation/scoring/pace.py", "from fastapi import Request"),
    (decisions_that_do_io, "services/reporting/rules/values.py", "from random import random"),
    (decisions_that_do_io, "services/reporting/rules/values.py", "from shared.database import ReadSession"),
    (decisions_that_do_io, PURE, "from services.reporting.reports import submit"),
    (decisions_that_do_io, PURE, "from datetime import datetime\ndatetime.now()"),
    (decisions_that_do_io, PURE, "open('figures.csv')"),
    (events_that_leave_elsewhere, USE_CASE, "async def f(service):\n    await service.jetstream.publish('x', b'')"),
    (events_that_leave_elsewhere, USE_CASE, "async def f(nc):\n    await nc.jetstream().publish('x', b'')"),
    (events_that_leave_elsewhere, USE_CASE, "@broker.publisher('x')\nasync def f(): ..."),
    (events_that_leave_elsewhere, "shared/units.py", "async def f(broker):\n    await broker.publish('x')"),
    (events_that_leave_elsewhere, USE_CASE, "from shared.outbox import outbox\ninsert(outbox)"),
    (events_that_leave_elsewhere, USE_CASE, "from shared.publishing import publish"),
    (commits_elsewhere, USE_CASE, "async def f(session):\n    await session.commit()"),
    (commits_elsewhere, USE_CASE, "async def f(session):\n    async with session.begin(): ..."),
    (commits_elsewhere, "shared/units.py", "async def f(database):\n    async with database.writer.begin(): ..."),
    (wall_clocks_in_services, USE_CASE, "import datetime\ndatetime.datetime.now()"),
    (wall_clocks_in_services, USE_CASE, "from datetime import datetime\ndatetime.utcnow()"),
    (wall_clocks_in_services, USE_CASE, "import time\ntime.time()"),
    (wall_clocks_in_services, USE_CASE, "from datetime import date\ndate.today()"),
    (remote_calls, USE_CASE, "import httpx"),
    (remote_calls, USE_CASE, "from urllib.request import urlopen"),
    (environments_read_in_services, USE_CASE, "import os\nos.environ['X']"),
    (environments_read_in_services, USE_CASE, "import os\nos.getenv('X')"),
    (types_typed_by_hand, USE_CASE, "SUBJECT = 'reporting.report.accepted.v1'"),
    (long_files, USE_CASE, "\n" * (LONGEST + 1)),
    (names_that_say_nothing, "services/reporting/utils.py", ""),
    (names_that_say_nothing, "shared/helpers/text.py", ""),
    (unfinished, USE_CASE, "# TO" + "DO: the rest"),
    (unfinished, "shared/web/templates/page.html", "<!-- FIX" + "ME -->"),
]
ALLOWED: list[tuple[Rule, str, str]] = [
    (services_that_import_one_another, USE_CASE, "from services.reporting import rules\nfrom shared import units"),
    (services_that_import_one_another, "services/local.py", "from services.evaluation.app import create_app"),
    (services_that_import_one_another, "services/simulation/player.py", "from services.evaluation import scores"),
    (decisions_that_do_io, PURE, "from shared.events.campaign import Round\nfrom shared.messages import Fault\nfrom datetime import date"),
    (decisions_that_do_io, USE_CASE, "from sqlalchemy import select"),
    (events_that_leave_elsewhere, "services/registration/keys.py", "from services.registration import keys\nkeys.publish(1)"),
    (commits_elsewhere, USE_CASE, "from services.reporting import participants\nparticipants.commit(1, 2)"),
    (wall_clocks_in_services, USE_CASE, "from shared.security import wall_now\nwall_now()"),
    (long_files, USE_CASE, "\n" * LONGEST),
    (unfinished, USE_CASE, "word = 'METHODOLOGY'"),
]
RULES = sorted({rule for rule, _, _ in BREAKS}, key=lambda rule: rule.__name__)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_there_are_no(rule):
    assert rule(ROOT) == []


def plant(root: Path, path: str, text: str) -> Path:
    (root / path).parent.mkdir(parents=True)
    (root / path).write_text(text)
    return root


@pytest.mark.parametrize(("rule", "path", "text"), BREAKS)
def test_a_break_is_found(tmp_path, rule, path, text):
    assert rule(plant(tmp_path, path, text)) != []


@pytest.mark.parametrize(("rule", "path", "text"), ALLOWED)
def test_what_is_allowed_is_not_found(tmp_path, rule, path, text):
    assert rule(plant(tmp_path, path, text)) == []


def test_the_rules_read_the_real_tree():
    read = {source.service for source in sources(ROOT)}
    assert read == {"", *SERVICES}
    assert any(source.is_pure for source in sources(ROOT))
