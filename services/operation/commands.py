"""The commands with which an installation is looked after: one function each, settings in, exit status out."""

import argparse
import importlib
import sys
import tempfile
from collections.abc import Callable
from datetime import time
from pathlib import Path

from services.commands import command, with_broker
from services.databases import on_tables, reached, whole
from services.operation import nightly
from services.signals import lasting
from shared.messages import LANGUAGES
from shared.settings import SERVICES, Settings

Verb = Callable[[str, str, str], argparse.ArgumentParser]
"""Adds a command of this name, this purpose and this example."""


def hour(text: str) -> time:
    """An hour of the day, as 02:30."""
    return time.fromisoformat(text)


def positive(text: str) -> int:
    """A number from 1 on."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def length(text: str) -> float:
    """A length of time above 0."""
    if not 0 < (found := float(text)) < float("inf"):
        raise ValueError
    return found


def add_verbs(verb: Verb) -> None:
    """Their part of the command line."""
    doctor = verb("doctor", "Look at everything the installation stands on; each line is ok, or NOT with the cure.", "thidua doctor --language en")
    doctor.add_argument("--language", choices=LANGUAGES, default=LANGUAGES[0], help="of the cures")
    backup = verb("backup", "Copy databases and streams into one signed archive, while everything runs.", "thidua backup --to /backups")
    backup.add_argument("--to", type=Path, metavar="FOLDER", help="where the archive goes (THIDUA_BACKUPS)")
    backup.add_argument("--nightly", type=hour, metavar="HH:MM", help="stay, and make one each night at this hour of Lai Châu")
    backup.add_argument("--keep", type=positive, metavar="N", help=f"then remove all archives but the newest N ({nightly.KEEP} with --nightly)")
    restore = verb("restore", "Put an archive back where nothing is yet.", "thidua restore thidua-20231030T100000Z.tar.gz")
    restore.add_argument("file", type=Path)
    restore.add_argument("--check", action="store_true", help="only check sums and signature")
    archive = verb("archive", "Write a finished campaign as CSV, rules and hashes that need no program.", "thidua archive lai-chau-2023 --to 2023.tar.gz")
    archive.add_argument("campaign")
    archive.add_argument("--to", type=Path, required=True, metavar="FILE", help="where the archive goes")
    rehearse = verb(
        "rehearse", "Replay the last hour before a deadline, compressed, in a sandbox campaign; pass or fail.",
        "thidua rehearse --address https://thidua.example --units 157 --minutes 6",
    )  # fmt: skip
    rehearse.add_argument("--address", required=True, help="where people reach the pages")
    rehearse.add_argument("--units", type=positive, default=157, help="how many units report (157, all of 2023)")
    rehearse.add_argument("--minutes", type=length, default=6.0, help="into which the hour is compressed (6)")
    rehearse.add_argument("--prepare", type=length, default=180.0, metavar="SECONDS", help="until the hour begins (180)")
    rehearse.add_argument("--answered", type=length, default=2.0, metavar="SECONDS", help="limit of the 99th percentile of answers (2)")
    rehearse.add_argument("--scored", type=length, default=30.0, metavar="SECONDS", help="limit from the last report to its score (30)")
    judging = rehearse.add_mutually_exclusive_group()
    judging.add_argument("--ca", type=Path, metavar="FILE", help="the authority, a PEM file, whose certificates are believed; else the public ones")
    judging.add_argument("--insecure", action="store_true", help="do not check the certificate")
    dashboards = verb("dashboards", "Write Grafana's dashboards to deploy/grafana, or check them.", "thidua dashboards --check")
    dashboards.add_argument("--check", action="store_true", help="write nothing; fail when they are out of date")


@command
async def doctor(given: argparse.Namespace, settings: Settings) -> int:
    """Everything the installation stands on; 1 when something is not right."""
    examination = importlib.import_module("services.operation.doctor")
    findings = await examination.examine(settings)
    print("\n".join(finding.line(given.language) for finding in findings))
    return int(any(finding.fault for finding in findings))


@command
async def backup(given: argparse.Namespace, settings: Settings) -> int:
    """Everything into one archive, while everything runs: now, or each night until a signal."""
    copying = importlib.import_module("services.operation.backup")
    folder = given.to or settings.backups or settings.data / "backups"
    await reached(settings, *SERVICES)

    async def once() -> Path:
        async with with_broker(settings) as complete:
            file: Path = await copying.backup(complete, folder)
        if keep := given.keep or (nightly.KEEP if given.nightly else 0):
            nightly.prune(folder, keep)
        return file

    if given.nightly:
        await whole(settings, *SERVICES)
        with lasting():
            await nightly.run(once, given.nightly)
    else:
        print(await once())
    return 0


@command
async def restore(given: argparse.Namespace, settings: Settings) -> int:
    """An archive back into an empty place, or only checked."""
    copying = importlib.import_module("services.operation.backup")
    if given.check:
        settings.data.mkdir(parents=True, exist_ok=True)  # a container's /tmp is small, and its archive may be large
        with tempfile.TemporaryDirectory(prefix=copying.RESTORING, dir=settings.data) as folder:
            about = await copying.check(settings, given.file, Path(folder))
    else:
        await reached(settings, *SERVICES)
        async with with_broker(settings) as complete:
            about = await copying.restore(complete, given.file)
    rows = sum(sum(told["rows"].values()) for told in about["services"].values())
    messages, files = sum(about["streams"].values()), about.get("evidence", 0)
    print(f"{given.file}: {'sound' if given.check else 'restored'}, {rows} rows, {messages} messages, {files} evidence files, begun {about['began']}")
    return 0


@command
@on_tables(*SERVICES)
async def archive(given: argparse.Namespace, settings: Settings) -> int:
    """A finished campaign as files that need no program."""
    archiving = importlib.import_module("services.operation.archive")
    given.to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".thidua-archive-", dir=given.to.parent) as folder:
        told = await archiving.archive(settings, given.campaign, given.to, Path(folder))
    print(f"{given.to}: ranking {told}")
    return 0


@command
@on_tables(*SERVICES)
async def rehearse(given: argparse.Namespace, settings: Settings) -> int:
    """A deadline's last hour, compressed; 1 when a threshold is not reached."""
    rehearsal = importlib.import_module("services.operation.rehearsal")
    limits = rehearsal.Thresholds(answered=given.answered, scored=given.scored)
    verify = rehearsal.trusting(given.ca) if given.ca else not given.insecure
    plan = rehearsal.Plan(given.address, given.units, given.minutes, given.prepare, verify=verify, limits=limits)
    outcome = await rehearsal.rehearse(settings, plan, lambda line: print(line, file=sys.stderr))
    verdicts = outcome.verdicts(limits)
    print("\n".join([*(f"refused: {reason}" for reason in outcome.refused), *(f"{'pass' if kept else 'FAIL'} {what}" for kept, what in verdicts)]))
    return int(not all(kept for kept, _ in verdicts))


@command
async def dashboards(given: argparse.Namespace, _: Settings) -> int:
    """Grafana's dashboards."""
    dashboards = importlib.import_module("services.operation.dashboards")
    lines = dashboards.outdated() if given.check else dashboards.write()
    print("\n".join(lines) or "up to date")
    return int(given.check and bool(lines))
