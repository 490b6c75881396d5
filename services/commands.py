"""What each `thidua` command does: one function each, settings in, exit status out."""

import argparse
import getpass
import importlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import uvicorn

from services import local, partner_commands, signals
from services.databases import Command, on_tables, reached, whole
from services.local import COMMAND_LINE, Local, database_of
from services.occupied import occupied
from shared import audit, broker, clock, deadletters, gates, security
from shared.bundled import BundledBroker, running_in
from shared.clock import LOCAL, Clock
from shared.database import Database
from shared.delivery import STRUCTURED, Unreadable
from shared.events import documents
from shared.inbox import Inbox
from shared.messages import Refused
from shared.service import Service
from shared.settings import SERVICES, Settings
from shared.telemetry import Telemetry

COMMANDS: dict[str, Command] = {}


def command(function: Command) -> Command:
    """Register a command under its function's name."""
    COMMANDS[function.__name__.replace("_", "-")] = function
    return function


@asynccontextmanager
async def with_broker(settings: Settings) -> AsyncIterator[Settings]:
    """Settings with a broker's address: the one named, the bundled one that runs on the data folder, or one started on it."""
    if address := settings.nats_url or running_in(settings.data / local.BROKER_FOLDER):
        yield settings.model_copy(update={"nats_url": address})
        return
    with occupied(settings.data):
        bundled = BundledBroker(settings.data / local.BROKER_FOLDER)
        await bundled.start()
        try:
            yield settings.model_copy(update={"nats_url": bundled.url})
        finally:
            await bundled.stop()


@command
async def demo(given: argparse.Namespace, settings: Settings) -> int:
    """Play the movement."""
    simulation = importlib.import_module("services.simulation.demo")
    status: int = await simulation.demo(settings, once=given.once, as_json=given.json, seed=given.seed, keep=given.keep)
    return status


@command
async def up(_: argparse.Namespace, settings: Settings) -> int:
    """All four services; a simulation goes on, otherwise time is real."""
    scene = importlib.import_module("services.simulation.scene")
    if (mark := scene.Mark.read(settings.data)) is not None:
        status: int = await importlib.import_module("services.simulation.demo").resume(settings, mark)
        return status
    local.must_be_free(settings)
    await reached(settings, *SERVICES)
    async with Local(settings) as all_four:
        if settings.nats_url:
            await gates.check(settings, [local.hears_of(service) for service in SERVICES])
        await all_four.start()
        all_four.tick()
        print(f"pages at {await all_four.serve(settings.port)}", file=sys.stderr)
        await signals.stopped().wait()
    return 0


@command
async def run(given: argparse.Namespace, settings: Settings) -> int:
    """One service; broker, streams, durables and tables must be right. Each ticks: the broker keeps one tick of every minute."""
    local.must_be_free(settings)
    await reached(settings, given.service)
    await gates.check(settings, [local.hears_of(given.service)], gates.PATIENCE_SECONDS)
    await whole(settings, given.service)
    app = local.app_of(given.service, settings)
    if not settings.simulated:
        app.state.service.jobs += (_tick,)
    config = uvicorn.Config(app, host=settings.host, port=settings.port, log_config=None, log_level=settings.log_level, access_log=False)
    server = uvicorn.Server(config)
    with signals.lasting():  # the server repeats a signal once it has finished what was in hand
        await server.serve()
    return 0 if server.started else 1


async def _tick(service: Service) -> None:
    await clock.run(service.jetstream, service.clock)


@command
async def migrate(given: argparse.Namespace, settings: Settings) -> int:
    """Tables; a database that is away is waited for."""
    await reached(settings, *given.services)
    stood = await local.migrate_all(settings, given.services)
    newer = [service for service in stood if stood[service].place == "newer"]
    if older := [service for service in stood if service not in newer]:
        print(f"migrated: {', '.join(older)}", file=sys.stderr)
    if newer:
        print(f"{', '.join(newer)}: the tables are a newer version's; this version runs on them, nothing to do", file=sys.stderr)
    return 0


@command
async def provision(_: argparse.Namespace, settings: Settings) -> int:
    """Streams and durables; partners' are known from registration's tables."""
    await whole(settings, "registration")
    async with with_broker(settings) as complete:
        lines = await local.provision(complete)
    print("\n".join(lines) or "nothing to change")
    return 0


@command
async def load(given: argparse.Namespace, settings: Settings) -> int:
    """A campaign's folder."""
    campaigns = importlib.import_module("services.registration.campaigns")
    await reached(settings, "registration", patience=0)
    await local.migrate_all(settings, ["registration"])
    async with database_of(settings, "registration") as database, database.write() as session:
        outcome = await campaigns.load(session, given.folder, security.wall_now())
    print(f"{outcome.campaign}: version {outcome.version}, {'new' if outcome.changed else 'unchanged'}")
    return 0


@command
@on_tables("registration")
async def password(given: argparse.Namespace, settings: Settings) -> int:
    """The first password of an account: until somebody has one, nobody can sign in to set one."""
    officers = importlib.import_module("services.registration.officers")
    chosen = getpass.getpass("password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    async with database_of(settings, "registration") as database, database.write() as session:
        await officers.set_password(session, COMMAND_LINE, given.login, chosen, security.wall_now())
    print(f"{given.login}: password set", file=sys.stderr)
    return 0


@command
async def contracts(given: argparse.Namespace, _: Settings) -> int:
    """Schemas and the AsyncAPI document."""
    hears = [local.hears_of(service) for service in SERVICES]
    try:
        lines = documents.check(documents.FOLDER, hears) if given.check else documents.write(documents.FOLDER, hears)
    except documents.Breaking as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(lines) or "up to date")
    return 1 if given.check and lines else 0


@command
async def publish(given: argparse.Namespace, settings: Settings) -> int:
    """One structured CloudEvent; its type's first token is replaced by the partner's own subject."""
    body = given.file.read_bytes()
    try:
        kind = str(json.loads(body)["type"])
    except (ValueError, KeyError, TypeError):
        raise Refused.because("Tệp {file} không phải sự kiện CloudEvents dạng JSON có trường type: hãy sửa tệp đó.", file=given.file) from None
    subject = f"inbound.{given.client}.{kind.removeprefix('inbound.')}"
    async with with_broker(settings) as complete:
        connection = await broker.open_once(complete)
        try:
            receipt = await connection.jetstream().publish(subject, body, headers={"content-type": STRUCTURED})
        finally:
            await connection.close()
    print(f"{subject}: stored as {receipt.stream}/{receipt.seq}")
    return 0


@command
@on_tables()
async def dead_letters(given: argparse.Namespace, settings: Settings) -> int:
    """Events that could not be applied."""
    letter = given.letter or ""
    async with database_of(settings, given.service) as database:
        match given.action:
            case "replay":
                await _replay(database, settings, given.service, letter)
                print(f"{letter}: applied")
            case "close":
                async with database.write() as session:
                    await deadletters.close(session, COMMAND_LINE, letter, given.reason, security.wall_now())
                print(f"{letter}: closed")
            case "show":
                async with database.read() as session:
                    print(_letter(await deadletters.find(session, letter)))
            case "list":
                async with database.read() as session:
                    for row in await deadletters.listed(session):
                        print(f"{row.id}  {row.kept.astimezone(LOCAL):%d/%m/%Y %H:%M}  {row.type}  {row.reason}")
    return 0


async def _replay(database: Database, settings: Settings, service: str, letter: str) -> None:
    inbox = Inbox(database, local.hears_of(service), Telemetry(service), Clock(simulated=settings.simulated))
    try:
        await deadletters.replay(database, inbox, letter)
    except Unreadable as error:
        raise Refused.because(
            "Sự kiện đọc không được ({reason}) nên chưa áp dụng. Nếu không bản nào của chương trình đọc được nó, hãy đóng: "
            'thidua dead-letters close {service} {letter} --reason "vì sao".',
            reason=str(error), service=service, letter=letter,
        ) from None  # fmt: skip


def _letter(row: object) -> str:
    fields = {name: getattr(row, name) for name in ("id", "event", "type", "subject", "headers", "reason", "attempts", "closed")}
    kept: datetime = row.kept  # type: ignore[attr-defined]
    fields |= {"kept": kept.isoformat(), "body": row.body.decode("utf-8", "replace")}  # type: ignore[attr-defined]
    return json.dumps(fields, ensure_ascii=False, indent=2)


@command
@on_tables()
async def rebuild(given: argparse.Namespace, settings: Settings) -> int:
    """Evaluation's tables from the streams alone."""
    rebuilding = importlib.import_module("services.evaluation.rebuild")
    async with with_broker(settings) as complete:
        result = await rebuilding.rebuild(complete)
    print(json.dumps(result, ensure_ascii=False) if given.json else "\n".join(f"{k}: {v}" for k, v in result.items()))
    return 0


@command
@on_tables(*SERVICES)
async def audit_verify(_: argparse.Namespace, settings: Settings) -> int:
    """Every service's hash chain."""
    status = 0
    for service in SERVICES:
        async with database_of(settings, service) as database, database.read() as session:
            entries, broken = await audit.verify(session)
        print(f"{service}: {entries} entries, " + ("the chain holds" if broken is None else f"broken at entry {broken}"))
        status = status or int(broken is not None)
    return status


COMMANDS["audit"] = COMMANDS.pop("audit-verify")
COMMANDS["partners"] = partner_commands.run
