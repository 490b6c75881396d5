"""deploy/up, held against an engine that only notes what it is told: it touches every part, each in its turn."""

import os
from pathlib import Path

import pytest
import yaml

from tests.operation.kubernetes import DEPLOY, run

ENGINE = """#!/bin/sh
echo "$*" >>"$0.told"
case "$*" in
    "config --services") cat "$0.services" ;;
    "exec -T nats"*8222*) test -e "$0.serves" ;;
esac
"""


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """It lists every service of both files and runs none; brokers serve only when the file `engine.serves` is there."""
    made = tmp_path / "engine"
    made.write_text(ENGINE)
    made.chmod(0o755)
    (tmp_path / "engine.services").write_text("\n".join(services()))
    return made


def services() -> set[str]:
    """Of all profiles with both files, but for what `deploy/thidua` runs."""
    files = [yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8")) for name in ("compose.yaml", "compose.partners.yaml")]
    merged = files[1]["services"] | files[0]["services"]
    return {name for name, one in merged.items() if "tools" not in one.get("profiles", [])}


def told(engine: Path, *parts: str) -> list[list[str]]:
    done = run(str(DEPLOY / "up"), *parts, env=os.environ | {"COMPOSE": str(engine), "TRIES": "1"})
    assert done.returncode == 0, done.stderr
    return [line.split() for line in Path(f"{engine}.told").read_text().splitlines()]


def touched(calls: list[list[str]]) -> list[str]:
    return [call[-1] for call in calls if call[0] in {"up", "run"}]


def test_up_starts_or_replaces_every_service_of_both_files_once(engine):
    order = touched(told(engine))
    assert sorted(order) == sorted(services())
    assert "partners" in order
    assert order.index("migrate") < order.index("provision") < order.index("registration") < order.index("partners")


def test_up_touches_only_the_parts_that_are_named(engine):
    assert touched(told(engine, "partners", "proxy")) == ["partners", "proxy"]


def test_nothing_is_started_with_what_it_depends_on(engine):
    """podman-compose does not get past a finished job that another part waits for."""
    assert [call for call in told(engine) if call[0] in {"up", "run"} and "--no-deps" not in call] == []


def test_a_broker_that_served_has_caught_up_before_the_next_is_replaced_and_a_first_start_waits_for_none(engine):
    def of_brokers() -> list[tuple[str, str]]:
        calls = told(engine, "nats-1", "nats-2", "nats-3")
        Path(f"{engine}.told").unlink()
        return [(call[0], call[3] if call[0] == "up" else call[2]) for call in calls]

    names = ("nats-1", "nats-2", "nats-3")
    assert of_brokers() == [step for name in names for step in (("exec", name), ("up", name))]
    Path(f"{engine}.serves").touch()
    assert of_brokers() == [step for name in names for step in (("exec", name), ("up", name), ("exec", name))]
