"""`python -m shared.probe [live|ready|started]`: asks the service of this container from inside; for images without shell tools."""

import http.client
import os
import sys
from collections.abc import Mapping

from shared.settings import PREFIX, SERVICES

ASK_SECONDS = 4.0
QUESTIONS = ("live", "ready", "started")


def ask(question: str, port: int) -> int:
    """The HTTP status with which whichever service listens on `port` answers; 404 when none of the four does."""
    status = 404
    for service in SERVICES:
        page = http.client.HTTPConnection("127.0.0.1", port, timeout=ASK_SECONDS)
        try:
            page.request("GET", f"/{service}/{question}")
            status = page.getresponse().status
        finally:
            page.close()
        if status != 404:
            break
    return status


def main(arguments: list[str], environ: Mapping[str, str] = os.environ) -> int:
    """0 when the answer is yes; 1 with the reason on standard error when it is not."""
    question = arguments[0] if arguments else "live"
    if question not in QUESTIONS:
        sys.stderr.write(f"ask for one of {', '.join(QUESTIONS)}, not {question}\n")
        return 2
    try:
        status = ask(question, int(environ.get(f"{PREFIX}PORT", "8000")))
    except OSError as error:
        sys.stderr.write(f"nothing answers: {error}\n")
        return 1
    if status != 200:
        sys.stderr.write(f"{question}: HTTP {status}\n")
    return int(status != 200)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
