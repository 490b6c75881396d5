"""How every line of the log looks: time in UTC, level, where it comes from, and the trace in which it was written."""

import logging
import sys
import time

from opentelemetry import trace
from typing_extensions import override

FORMAT = "%(asctime)s %(levelname)s %(name)s%(trace)s: %(message)s"
TALKATIVE = ("httpx", "alembic")
REPETITIVE = "opentelemetry"
"""While the trace store is away it tells several times a second, and would bury what an operator looks for."""
REST_SECONDS = 60.0


class Lines(logging.Formatter):
    """`2023-10-30T09:55:01.250Z WARNING shared.gauges trace=4bf9…: …`; without a trace around it, nothing stands in its place."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    @override
    def format(self, record: logging.LogRecord) -> str:
        around = trace.get_current_span().get_span_context()
        record.trace = f" trace={trace.format_trace_id(around.trace_id)}" if around.is_valid else ""
        return super().format(record)


class Seldom(logging.Filter):
    """Lets what is said under a name pass once in `REST_SECONDS`, with the number of lines that were left out since."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._next, self._left_out = 0.0, 0

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if not super().filter(record):
            return True
        if record.created < self._next:
            self._left_out += 1
            return False
        if self._left_out:
            record.msg, record.args = f"{record.getMessage()} (and {self._left_out} lines of its kind before it)", ()
        record.exc_info = None
        self._next, self._left_out = record.created + REST_SECONDS, 0
        return True


def begin(level: str) -> None:
    """Log to standard error from now on; the caller's process alone decides on the level."""
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(FORMAT))
    handler.addFilter(Seldom(REPETITIVE))
    logging.basicConfig(level=level.upper(), handlers=[handler])
