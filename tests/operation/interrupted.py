"""`python -m tests.operation.interrupted POINT… -- COMMAND…`: runs `thidua COMMAND` once per POINT, and each dies (SIGKILL) there.

A point is `TEXT:N`: before the Nth database statement that contains TEXT. `PATIENCE=SECONDS` in the environment shortens how long start-up
waits for what is away; without a point the command just runs.
"""

import os
import signal
import sys

from sqlalchemy import event
from sqlalchemy.engine import Engine

from services.command_line import main
from shared import gates

SECONDS = 60


def arm(point: str) -> None:
    """Put death there; only the process that does this is changed."""
    text, _, number = point.rpartition(":")
    left = int(number)

    @event.listens_for(Engine, "before_cursor_execute")
    def before(_connection, _cursor, statement, *_) -> None:
        nonlocal left
        left -= text in statement
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)


def die_at(point: str, command: list[str]) -> int:
    """How a process of its own ended: with its status, or minus the signal."""
    pid = os.fork()
    if not pid:
        signal.alarm(SECONDS)
        arm(point)
        os._exit(main(command))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    end = sys.argv.index("--")
    gates.PATIENCE_SECONDS = float(os.environ.get("PATIENCE", gates.PATIENCE_SECONDS))
    for point in sys.argv[1:end]:
        if (status := die_at(point, sys.argv[end + 1 :])) != -signal.SIGKILL:
            sys.exit(f"{point}: ended with {status}")
    if end == 1:
        sys.exit(main(sys.argv[2:]))
