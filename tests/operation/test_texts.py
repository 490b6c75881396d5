"""What deploy/README.md and the runbooks print can be typed: nothing in them is out of date."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.operation.composed import lines_after
from tests.operation.kubernetes import DEPLOY, run

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


def settings_of(text: str) -> set[str]:
    """The names that a file of compose takes from deploy/.env."""
    return set(re.findall(r"\$\{([A-Z_0-9]+)", text))


def settings_told() -> set[str]:
    section = README.read_text(encoding="utf-8").partition("## Settings of compose\n")[2].partition("\n## ")[0]
    return {name for cell in re.findall(r"(?m)^\| (`.*?) \|", section) for name in re.findall(r"`(\w+)`", cell)}


def test_every_setting_of_the_files_of_compose_is_in_the_table_of_the_readme_and_no_other():
    files = "".join((DEPLOY / name).read_text(encoding="utf-8") for name in ("compose.yaml", "compose.partners.yaml"))
    assert settings_told() == settings_of(files) | {"COMPOSE_PROFILES"}
    assert settings_of("${A:-${B:-c}} ${D_2}") == {"A", "B", "D_2"}


def test_what_the_table_says_of_a_missing_setting_is_what_the_files_say():
    files = "".join((DEPLOY / name).read_text(encoding="utf-8") for name in ("compose.yaml", "compose.partners.yaml"))
    told = README.read_text(encoding="utf-8").partition("## Settings of compose\n")[2].partition("\n## ")[0]
    for name, default in re.findall(r"\$\{([A-Z_0-9]+):-([^${}]+)\}", files):
        [row] = [line for line in told.splitlines() if f"`{name}`" in line.partition(" | ")[0]]
        assert f"`{default}`" in row, name


def test_the_images_that_a_closed_network_needs_are_those_of_compose():
    """But for our own, which is built and not pulled."""
    files = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    pulled = {image for line in re.findall(r"(?m)^    podman pull (.*)", README.read_text(encoding="utf-8")) for image in line.split()}
    assert pulled == set(re.findall(r"_IMAGE:-(docker\.io/\S+?)\}", files))


LEAKED = {
    "registration's: `partners` too, where it runs):": {"reporting.password", "reporting.database-url"},
    "and keep what they have to say):": {"nats.password", "nats-system.password", "nats-url", "nats-url-three", "broker/accounts.conf"},
    "a backup made before is restored with it alone.": {"signing-key.pem"},
}
"""Below which words of the README stand the lines for a secret that leaked, and the files that hold it or what is made of it."""


@pytest.mark.parametrize("marker", LEAKED)
def test_the_lines_for_a_secret_that_leaked_make_a_new_one_wherever_it_stands_and_leave_the_others(marker, tmp_path):
    def contents() -> dict[str, str]:
        return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}

    for name in ("init", "jaeger"):
        subprocess.run(["cp", "-r", DEPLOY / name, tmp_path], check=True)
    folder = tmp_path / "secrets"
    run("sh", "./init", "thidua.example", cwd=tmp_path)
    before = contents()
    for line in lines_after(marker):
        if line.startswith(("rm ", "mv ", "./init ")):
            done = run("sh", "-c", line.replace("HOST", "thidua.example").replace("/root/", f"{tmp_path}/"), cwd=tmp_path)
            assert done.returncode == 0, done.stderr
    after = contents()
    assert {name for name in before if after[name] != before[name]} == LEAKED[marker]
    old = [before[name].strip() for name in LEAKED[marker] if name.endswith((".password", ".pem"))]
    assert [name for name, text in after.items() for secret in old if secret in text] == [], "nowhere does the old one still stand"


def texts() -> list[Path]:
    return [README, *(DEPLOY / "runbooks").rglob("*.md")]


def nowhere(text: str) -> list[str]:
    """Commands that do not say where they are typed: kubectl without its namespace; podman-compose where neither the item of a list nor what stands before it in its line says `deploy`."""
    items = re.split(r"\n(?=\d\. |\n)", text)
    lost = [line for item in items for line in re.findall(r"`(podman-compose [^`]*)`", item) if not re.search(r"`deploy`|`cd deploy", item)]
    return lost + [line for line in re.findall(r"`(kubectl [^`]*)`", text) if not line.startswith("kubectl -n thidua ")]


def test_a_runbook_says_where_its_lines_are_typed():
    for path in (DEPLOY / "runbooks").rglob("*.md"):
        assert nowhere(path.read_text(encoding="utf-8")) == [], path
    assert nowhere("1. In `deploy`: `podman-compose ps`.\n2. `podman-compose logs`, `kubectl get jobs`, `kubectl -n thidua get jobs`") == [
        "podman-compose logs", "kubectl get jobs",
    ]  # fmt: skip


def with_what_it_depends_on(text: str) -> list[str]:
    """Lines that start parts with podman-compose without --no-deps: it does not get past a finished job that others wait for (decision 0024)."""
    return [line for line in re.findall(r"podman-compose(?: -\S+(?: \S+)?)*? up [^`\n]*", text) if "--no-deps" not in line]


def test_no_text_says_to_start_a_part_together_with_what_it_depends_on():
    assert [(path.name, line) for path in texts() for line in with_what_it_depends_on(path.read_text(encoding="utf-8"))] == []
    assert with_what_it_depends_on("`podman-compose up -d partners`") == ["podman-compose up -d partners"]
    assert with_what_it_depends_on("`podman-compose up -d --no-deps partners`") == []
