"""What deploy/README.md and the runbooks print can be typed: nothing in them is out of date."""

import re
from pathlib import Path

from tests.operation.composed import lines_after
from tests.operation.kubernetes import DEPLOY

README = DEPLOY / "README.md"
TESTS = Path(__file__).parent


def markers(source: str) -> list[str]:
    """The words below which a test takes its lines from the README."""
    return re.findall(r'lines_after\("((?:[^"\\]|\\.)+)"\)', source)


def test_every_line_that_the_tests_of_containers_take_from_the_readme_is_still_there():
    """Those tests run before a release alone, and a marker that is gone would be found only then."""
    found = markers((TESTS / "test_compose.py").read_text(encoding="utf-8"))
    assert len(found) > 6
    assert [marker for marker in found if not lines_after(marker)] == []
    assert markers('lines_after("so that")') == ["so that"]


def texts() -> list[Path]:
    return [README, *(DEPLOY / "runbooks").rglob("*.md")]


def with_what_it_depends_on(text: str) -> list[str]:
    """Lines that start parts with podman-compose without --no-deps: it does not get past a finished job that others wait for (decision 0024)."""
    return [line for line in re.findall(r"podman-compose(?: -\S+(?: \S+)?)*? up [^`\n]*", text) if "--no-deps" not in line]


def test_no_text_says_to_start_a_part_together_with_what_it_depends_on():
    assert [(path.name, line) for path in texts() for line in with_what_it_depends_on(path.read_text(encoding="utf-8"))] == []
    assert with_what_it_depends_on("`podman-compose up -d partners`") == ["podman-compose up -d partners"]
    assert with_what_it_depends_on("`podman-compose up -d --no-deps partners`") == []
