"""A campaign to rehearse in: a real one's folder with its own code, units and accounts, and its first deadline where one wants it."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from services.registration.loading import Loaded

PREFIX = "dien-tap-"
"""Before every key and login: nothing of the sandbox can be taken for a real unit or account."""
UNTOUCHED = {"legal_basis", "anniversaries"}
CODES = "H98"
AFTERWARDS = timedelta(hours=1)
"""After its deadline the sandbox ends: it opens no more rounds and reminds nobody."""


def make(template: Path, folder: Path, code: str, deadline: datetime) -> None:
    """Write the sandbox's folder; `deadline` is that of its first round."""
    folder.mkdir(parents=True, exist_ok=True)
    campaign = yaml.safe_load((template / "campaign.yaml").read_text(encoding="utf-8"))
    starts: date = campaign["starts"]
    names = dict(_renamed(template, starts))
    by = deadline - campaign["rounds"][0]["deadline"]
    moved = {key: value if key in UNTOUCHED else _moved(value, by, names) for key, value in campaign.items()}
    moved |= {"code": code, "partners": [], "holidays": []}
    moved["title"] = {"vi": f"Diễn tập: {campaign['title']['vi']}", "en": f"Rehearsal: {campaign['title']['en']}"}
    _write_yaml(folder / "campaign.yaml", moved)
    _write_yaml(folder / "story.yaml", _moved(yaml.safe_load((template / "story.yaml").read_text(encoding="utf-8")), timedelta(0), names))
    _write_rows(folder / "units.csv", _units(template, starts, names))
    _write_rows(folder / "officers.csv", _officers(template))
    _write_rows(folder / "successions.csv", iter([_rows(template / "successions.csv")[0]]))


def pared(loaded: Loaded) -> Loaded:
    """What is put in force of it: the first round alone, with which the sandbox ends; nobody has an address, so no e-mail leaves."""
    first = loaded.campaign.rounds[:1]
    campaign = loaded.campaign.model_copy(update={"rounds": first, "ends_at": first[0].deadline + AFTERWARDS})
    return replace(loaded, campaign=campaign, officers=tuple(replace(officer, email="") for officer in loaded.officers))


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(line for line in file if not line.startswith("#")))


def _in_force(template: Path, day: date) -> Iterator[tuple[int, dict[str, str]]]:
    head, *rows = _rows(template / "units.csv")
    for number, row in enumerate(rows):
        unit = dict(zip(head, row, strict=True))
        if unit["valid_from"] <= day.isoformat() and (not unit["valid_to"] or unit["valid_to"] >= day.isoformat()):
            yield number, unit


def _renamed(template: Path, day: date) -> Iterator[tuple[str, str]]:
    """Keys and official codes of the real units, each with the sandbox's own."""
    for number, unit in _in_force(template, day):
        yield unit["key"], PREFIX + unit["key"]
        yield from ((name, f"dinh-danh:{CODES}.{number}") for name in unit["identifiers"].split())


def _units(template: Path, day: date, names: dict[str, str]) -> Iterator[list[str]]:
    yield _rows(template / "units.csv")[0]
    for number, unit in _in_force(template, day):
        changed = {
            "key": PREFIX + unit["key"], "identifiers": f"dinh-danh:{CODES}.{number}", "name": f"{unit['name']} (diễn tập)",
            "parent": names.get(unit["parent"], ""), "valid_to": "", "sample": "unit",
        }  # fmt: skip
        yield list((unit | changed).values())


def _officers(template: Path) -> Iterator[list[str]]:
    head, *rows = _rows(template / "officers.csv")
    yield head
    for row in rows:
        officer = dict(zip(head, row, strict=True))
        yield list((officer | {name: PREFIX + officer[name] for name in ("login", "unit", "email")}).values())


def _moved(value: Any, by: timedelta, names: dict[str, str]) -> Any:
    """Instants by exactly so much, days by whole days, names by the sandbox's."""
    if isinstance(value, dict):
        return {key: _moved(inner, by, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_moved(inner, by, names) for inner in value]
    if isinstance(value, datetime):
        return value + by
    if isinstance(value, date):
        return value + timedelta(days=round(by / timedelta(days=1)))
    return names.get(value, value) if isinstance(value, str) else value


def _write_yaml(path: Path, content: Any) -> None:
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _write_rows(path: Path, rows: Iterator[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
