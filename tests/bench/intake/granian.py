"""The same service behind granian instead of uvicorn, to be compared; the server is installed beside, under .bench/."""

import os
import sys
from pathlib import Path

from tests.bench.road import peers


class NotRun(Exception):
    """It cannot be installed here; the text says why."""


async def command() -> list[str]:
    """The command that serves reporting by granian, one worker, on the settings in its environment."""
    try:
        packages = await peers.packages("granian")
    except (peers.NotRun, OSError) as error:
        raise NotRun(str(error)) from None
    path = os.pathsep.join([str(Path.cwd()), str(packages)])
    serve = "import os; from tests.bench.intake import granian; granian.serve()"
    return ["env", f"PYTHONPATH={path}", sys.executable, "-c", serve]


def serve() -> None:
    """Serve until terminated."""
    from granian import Granian
    from granian.constants import Interfaces, Loops

    server = Granian(
        "tests.bench.intake.granian:application", address="127.0.0.1", port=int(os.environ["THIDUA_PORT"]), interface=Interfaces.ASGI,
        loop=Loops.uvloop, factory=True, log_access=False,
    )  # fmt: skip
    server.serve()


def application():
    """The reporting service's application."""
    from services import local
    from shared import settings as configuration

    return local.app_of("reporting", configuration.load())
