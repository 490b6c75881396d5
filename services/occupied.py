"""A data folder belongs to one process at a time: two brokers that write one store destroy it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from shared.messages import Refused

MARK = "in-use"
"""Held by the system, not by its presence: it stays behind and says nothing once its process has ended, however that ended."""


@contextlib.contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """Hold the folder inside the block, and make it if need be. Raises `Refused`, naming the process, while another one holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / MARK).open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Refused.because(
                "Thư mục {folder} đang do tiến trình {process} dùng: hãy dừng tiến trình đó, hoặc chọn thư mục khác (--data hoặc THIDUA_DATA).",
                folder=folder, process=file.read() or "?",
            ) from None  # fmt: skip
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
