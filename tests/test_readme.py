"""A newcomer follows the README without asking: its files exist, its commands are commands, its pages are pages."""

import json
import re
import shlex
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.routing import Match

from services.command_line import parser
from shared.events.reporting import IndicatorObserved
from shared.settings import SERVICES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def missing_files(text: str) -> list[str]:
    return [target for target in re.findall(r"\]\(([^)#:]+)\)", text) if not (ROOT / target).exists()]


def test_every_file_that_the_readme_links_exists():
    assert len(re.findall(r"\]\(", README)) > 20
    assert missing_files(README) == []
    assert missing_files("[gone](shared/nowhere.py)") == ["shared/nowhere.py"]


def commands(text: str) -> list[list[str]]:
    """The arguments of every indented line that calls thidua."""
    lines = re.findall(r"^    (?:\.venv/bin/)?thidua (.+?)(?:\s+#.*)?$", text, re.MULTILINE)
    return [shlex.split(line) for line in lines]


def test_every_command_in_the_readme_is_one():
    assert len(commands(README)) >= 6
    for arguments in commands(README):
        parser().parse_args(arguments)
    with pytest.raises(SystemExit):
        parser().parse_args(commands("    thidua dance --fast")[0])


def targets(text: str) -> set[str]:
    return set(re.findall(r"(?:`|^    )make ([a-z]+)", text, re.MULTILINE))


def test_every_make_target_in_the_readme_is_one():
    made = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= targets(README) <= made
    assert not targets("`make coffee`") <= made


def pages(text: str) -> set[str]:
    """The paths in the first column of the table of pages; `<service>` stands for each of the four."""
    found = set(re.findall(r"^\| `(/[^`]+)` \|", text, re.MULTILINE))
    return {path.replace("<service>", service) for path in found for service in SERVICES}


def unserved(paths: set[str], app_of) -> set[str]:
    """Paths that no route of their service answers."""
    apps = {service: app_of(service) for service in SERVICES}
    return {path for path in paths if not is_served(apps[path.split("/")[1]], path.replace("{unit}", "x"))}


def is_served(app: FastAPI, path: str) -> bool:
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": [], "query_string": b""}
    return any(route.matches(scope)[0] is Match.FULL for route in app.routes)


async def test_every_page_in_the_readme_is_served(app_of):
    assert len(pages(README)) > 20
    assert unserved(pages(README), app_of) == set()
    assert unserved(pages("| `/reporting/coffee` | |\n"), app_of) == {"/reporting/coffee"}


def unexplained(text: str, root: Path = ROOT) -> list[str]:
    """Services without a README that says what they own, say and hear."""
    wanted = ("own", "says", "hears")
    readmes = {service: root / "services" / service / "README.md" for service in SERVICES}
    return [s for s, path in readmes.items() if not path.exists() or any(w not in path.read_text(encoding="utf-8").lower() for w in wanted)]


def test_every_service_says_what_it_owns_says_and_hears(tmp_path):
    assert unexplained(README) == []
    assert unexplained(README, tmp_path) == list(SERVICES)


def test_the_readmes_example_event_is_accepted_as_written():
    event = json.loads(re.search(r"```json\n(.*?)```", README, re.DOTALL)[1])
    assert event["type"] == IndicatorObserved.TYPE
    assert IndicatorObserved.model_validate(event["data"]).unit.value == "H35.53"
