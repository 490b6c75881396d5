"""The `thidua` command. Every subcommand has --help with an example; results go to standard output, progress to standard error."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from services import commands, logs, partner_commands, signals
from services.excuses import sentences
from services.operation.commands import add_verbs
from shared import settings as configuration
from shared.bundled import BrokerMissing
from shared.settings import SERVICES, Settings, SettingsRefused


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = argparse.ArgumentParser(prog="thidua", description="Run an emulation movement (phong trào thi đua).")
    verbs = root.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    def verb(name: str, does: str, example: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=does, description=does, epilog=f"Example: {example}")
        made.add_argument("--data", type=Path, help="data folder (THIDUA_DATA)")
        return made

    demo = verb("demo", "Play the movement of 2023 in simulated time.", "thidua demo --once --json --seed 7")
    demo.add_argument("--once", action="store_true", help="play to the ranking without stopping, then end")
    demo.add_argument("--json", action="store_true", help="with --once: print the books as one JSON object, last")
    demo.add_argument("--seed", type=int, default=1, help="another seed tells another story")
    demo.add_argument("--keep", type=Path, metavar="DIR", help="keep the data in DIR")
    verb("up", "Run all four services in one process; goes on with a simulation that lives in the data folder.", "thidua up --data DIR")
    run = verb("run", "Run one service.", "thidua run reporting")
    run.add_argument("service", choices=SERVICES)
    migrate = verb("migrate", "Bring the databases to the newest revision.", "thidua migrate reporting")
    migrate.add_argument("services", nargs="*", type=_service, default=list(SERVICES), metavar="SERVICE")
    verb("provision", "Make or update streams and durables; doing it again changes nothing.", "thidua provision")
    load = verb("load", "Check a campaign's folder and put it in force.", "thidua load deploy/campaigns/lai-chau-2023")
    load.add_argument("folder", type=Path)
    password = verb("password", "Set an account's password, read from standard input.", "thidua password van-hanh")
    password.add_argument("login")
    contracts = verb("contracts", "Write schemas and the AsyncAPI document, or check them.", "thidua contracts --check")
    contracts.add_argument("--check", action="store_true", help="write nothing; fail when they are out of date")
    publish = verb("publish", "Publish a CloudEvent (structured JSON) as a partner.", "thidua publish event.json --client kho-bac")
    publish.add_argument("file", type=Path)
    publish.add_argument("--client", required=True, help="the partner's client name")
    dead = verb("dead-letters", "List, show, replay or close events that could not be applied.", "thidua dead-letters list evaluation")
    dead.add_argument("action", choices=("list", "show", "replay", "close"))
    dead.add_argument("service", choices=SERVICES)
    dead.add_argument("letter", nargs="?", help="the dead letter's id, for show, replay and close")
    dead.add_argument("--reason", default="", help="with close: why this event can never be applied; it is kept, with who closed it, in the audit trail")
    rebuild = verb("rebuild", "Rebuild a service's tables from the streams alone, beside the live ones.", "thidua rebuild evaluation --json")
    rebuild.add_argument("service", choices=("evaluation",))
    rebuild.add_argument("--json", action="store_true", help="print the result as one JSON object, last")
    partners = verb("partners", "Other systems: let them in, change their keys, shut them out, tell the broker.", "thidua partners list")
    partner_commands.declare(partners)
    audit = verb("audit", "Verify the hash chain of the audit trails.", "thidua audit verify")
    audit.add_argument("action", choices=("verify",))
    add_verbs(verb)
    return root


def _service(text: str) -> str:
    if text not in SERVICES:
        raise argparse.ArgumentTypeError(f"write one of {', '.join(SERVICES)}")
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    given, settings = parser().parse_args(arguments), None
    try:
        settings = configuration.load(**({"data": given.data} if given.data else {}))
        logs.begin(settings.log_level)
        return uvloop.run(_dispatch(given, settings))
    except KeyboardInterrupt:
        return 130
    except asyncio.CancelledError:
        return signals.GIVEN_UP
    except Exception as error:
        if not (told := sentences(error, settings)):
            raise
        print("\n".join(told), file=sys.stderr)
        return 2 if isinstance(error, SettingsRefused | BrokerMissing) else 1


async def _dispatch(given: argparse.Namespace, settings: Settings) -> int:
    with signals.heard():
        return await commands.COMMANDS[given.verb](given, settings)
