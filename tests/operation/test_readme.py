"""Figures of deploy/README stand in the file that they name as their source, and its commands name what is there."""

import re

import pytest

from tests.operation.kubernetes import DEPLOY, documents

README = (DEPLOY / "README.md").read_text(encoding="utf-8")
LINK = re.compile(r"\[[^]]+\]\(([^)#]+)\)")
FIGURE = re.compile(r"\d+(?:[.,-]\d+)*")


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[tuple[str, str]]:
    """The figure and the source of each row of a table with three columns."""
    cells = [line.strip().strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [(figure, source) for _, figure, source in cells]


def unsaid(figure: str, source: str) -> list[str]:
    """Numbers (and the date of the source) that none of the linked files has."""
    files = [(DEPLOY / link).read_text(encoding="utf-8") for link in LINK.findall(source)]
    wanted = FIGURE.findall(figure) + FIGURE.findall(LINK.sub("", source))
    said = {number for text in files for number in FIGURE.findall(text)}
    return [number for number in wanted if number not in said] if files else []


def test_every_figure_of_the_sizing_table_stands_in_the_file_that_it_names():
    found = rows(section("How large a machine"))
    assert len([source for _, source in found if LINK.search(source)]) >= 7
    assert [(unsaid(*row), row) for row in found if unsaid(*row)] == []
    assert unsaid("99999 reports/s, 2 cores", "[bench](../tests/bench/README.md), 2023-10-30") == ["99999", "2023-10-30"]


def test_what_a_report_costs_each_service_stands_in_the_bench_that_is_named():
    [cost] = [paragraph for paragraph in section("Scaling").split("\n\n") if "ms of a core" in paragraph]
    figures = " ".join(re.findall(r"\d+\.\d+", cost))
    assert len(figures.split()) == 4
    assert unsaid(figures, cost[cost.index("[tests/bench/national]") :].partition(")")[0] + ")") == []


@pytest.mark.parametrize("overlay", ["one", "three"])
def test_a_command_that_adds_a_replica_names_a_deployment(overlay):
    named = re.findall(r"kubectl -n thidua scale deploy/(\S+)", README)
    assert named
    assert set(named) <= {one["metadata"]["name"] for one in documents(overlay) if one["kind"] == "Deployment"}
