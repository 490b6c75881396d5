"""Whoever reads the audit trail reads words, not codes."""

import ast
from pathlib import Path

from shared.events import REGISTRY
from shared.events.registration import WorkStatus
from shared.web.actions import ACTIONS

SERVICES = Path(__file__).parents[2] / "services"
DECISIONS = ("hold.placed", "hold.lifted", "rubric.entered", "adjustment.entered", "ranking.frozen")


def recorded(source: str) -> list[str]:
    """The actions written out in calls of audit.record."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    audits = [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "record" and ast.unparse(c.func.value) == "audit"]
    return [c.args[2].value for c in audits if len(c.args) > 2 and isinstance(c.args[2], ast.Constant)]


def test_every_action_that_is_written_out_has_words():
    found = {action for path in SERVICES.rglob("*.py") for action in recorded(path.read_text(encoding="utf-8"))}
    assert len(found) > 10, "the search finds the calls"
    assert sorted(found - ACTIONS.keys()) == []


def test_every_step_of_a_work_and_every_decision_of_the_council_has_words():
    assert [step for step in WorkStatus if f"work.{step}" not in ACTIONS] == []
    assert [name for name in DECISIONS if f"evaluation.{name}.v1" not in REGISTRY or name not in ACTIONS] == []


def test_a_planted_action_is_found():
    assert recorded('await audit.record(session, officer, "tea.made", "x", now)') == ["tea.made"]
