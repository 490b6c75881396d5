"""The way into `thidua`. Whoever tells it to end while it still reads its own program, which takes a second or two, is heard as well."""

import importlib
import os
import signal
import sys


def main() -> int:
    """Run the command line and return its exit status."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))  # nothing is open yet; an exception might be lost in somebody's import
    status: int = importlib.import_module("services.command_line").main()
    return status


if __name__ == "__main__":
    sys.exit(main())
