"""A schema only grows: the version before runs on the new one, so an upgrade that takes away, renames or narrows says from which version on it holds."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TAKES_AWAY = {"drop_table", "drop_column", "drop_constraint", "rename_table"}
NARROWS = {"new_column_name", "type_"}
SQL = ("drop table", "drop column", "rename to", "rename column")


def said(call: ast.Call) -> dict[str, object]:
    return {word.arg: getattr(word.value, "value", word.value) for word in call.keywords if word.arg}


def fault_of(call: ast.Call) -> str:
    """What this call takes away; empty when it takes nothing."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    words = said(call)
    if name in TAKES_AWAY or (name == "alter_column" and (NARROWS & words.keys() or words.get("nullable") is False)):
        return name
    if name == "add_column" and any(isinstance(one, ast.Call) and said(one).get("nullable") is False and "server_default" not in said(one) for one in call.args):
        return "add_column that the version before does not fill"
    text = " ".join(one.value for one in ast.walk(call) if isinstance(one, ast.Constant) and isinstance(one.value, str)).lower()
    return "SQL" if name == "execute" and any(word in text for word in SQL) else ""


def taken(source: str) -> list[str]:
    """Faults of a migration, wherever but in its downgrade. An index may go: without it the version before is slower, not wrong."""
    functions = [one for one in ast.parse(source).body if isinstance(one, ast.FunctionDef) and one.name != "downgrade"]
    return [fault for one in functions for call in ast.walk(one) if isinstance(call, ast.Call) and (fault := fault_of(call))]


def unsaid(source: str) -> list[str]:
    """What a migration takes away without a `floor`, by which older programs know that they do not run on the tables (decision 0027)."""
    names = {target.id for one in ast.parse(source).body if isinstance(one, ast.Assign) for target in one.targets if isinstance(target, ast.Name)}
    return [] if "floor" in names else taken(source)


def test_no_upgrade_takes_away_what_the_version_before_uses():
    found = {path: unsaid(path.read_text(encoding="utf-8")) for path in (ROOT / "services").glob("*/migrations/versions/*.py")}
    assert len(found) >= 12
    assert {path: faults for path, faults in found.items() if faults} == {}


def test_what_is_taken_away_later_is_so_for_programs_that_are_told():
    takes = 'def upgrade():\n    op.drop_table("reports")\n'
    assert unsaid(takes) == ["drop_table"]
    assert unsaid(f'floor = "reporting_0009"\n{takes}') == []


@pytest.mark.parametrize(
    "line",
    [
        'op.drop_table("reports")',
        'batch_op.drop_column("title")',
        'op.rename_table("reports", "returns")',
        'op.alter_column("reports", "unit", new_column_name="place")',
        'op.alter_column("reports", "unit", nullable=False)',
        'op.add_column("reports", sa.Column("place", sa.Text(), nullable=False))',
        'op.execute(sa.text("ALTER TABLE reports RENAME COLUMN unit TO place"))',
    ],
)
def test_an_upgrade_that_takes_away_is_found_and_a_downgrade_may(line):
    assert len(taken(f"def upgrade():\n    {line}\n")) == 1
    assert taken(f"def downgrade():\n    {line}\n") == []


def test_what_only_adds_is_no_fault():
    adds = 'op.add_column("reports", sa.Column("place", sa.Text(), nullable=False, server_default=""))'
    assert taken(f"def upgrade():\n    {adds}\n    op.drop_index('reports_of_unit')\n") == []
