"""Progress on standard error: a bar on a terminal, a plain line a month elsewhere; standard output stays for results."""

import sys
from datetime import datetime
from typing import TextIO

from shared.clock import LOCAL

WIDTH = 32


class Progress:
    """Shows how far the movement's calendar has been played."""

    def __init__(self, first: datetime, last: datetime, stream: TextIO = sys.stderr) -> None:
        self.first, self.last, self.stream = first, last, stream
        self.terminal = stream.isatty()
        self._shown = ""

    def __call__(self, now: datetime) -> None:
        """The clock stands at `now`."""
        day = now.astimezone(LOCAL)
        if self.terminal:
            share = min(1.0, (now - self.first) / (self.last - self.first))
            filled = round(share * WIDTH)
            self.stream.write(f"\r{'█' * filled}{'░' * (WIDTH - filled)} {share:4.0%}  {day:%d/%m/%Y %H:%M}")
            self.stream.flush()
        elif f"{day:%m/%Y}" != self._shown:
            self._shown = f"{day:%m/%Y}"
            self.stream.write(f"… {day:%d/%m/%Y}\n")
            self.stream.flush()

    def done(self) -> None:
        """End the bar's line."""
        if self.terminal:
            self.stream.write("\n")
