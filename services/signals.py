"""How a command ends when it is told to, by SIGTERM: soon, and with what it holds put away. The first process of a container ends by no signal else."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Iterator

GIVEN_UP = 128 + signal.SIGTERM
"""The status, as a shell says it, of a command that was told to end before its work was done."""

AGAIN_SECONDS = 3.0
"""More than it takes to put away what is open, less than an engine waits before it kills."""


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """SIGTERM cancels the task that is inside, unless it hears the signal by itself; also where that task does not wait but works or reads."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    if task is None or threading.current_thread() is not threading.main_thread():  # elsewhere Python lets nobody hear signals
        yield
        return

    def cancel() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if not task.done():
            task.cancel()
            loop.call_later(AGAIN_SECONDS, cancel)  # before Python 3.12 wait_for loses a cancellation that meets its result

    def end(*_: object) -> None:
        if asyncio.current_task(loop) is task:
            loop.call_later(AGAIN_SECONDS, cancel)
            raise asyncio.CancelledError
        loop.call_soon_threadsafe(cancel)
        signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)  # the loop may be about to go on with the task, and not come back before its work is done

    before = [(which, signal.signal(which, end)) for which in (signal.SIGTERM, signal.SIGALRM)]
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for which, heard_before in before:
            signal.signal(which, heard_before)


def stopped() -> asyncio.Event:
    """An event that is set once somebody asks this process to end."""
    stop = asyncio.Event()
    for which in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(which, stop.set)
    return stop


@contextlib.contextmanager
def lasting() -> Iterator[None]:
    """Work that has no end of its own goes inside: to be told to end is then no failure."""
    with contextlib.suppress(asyncio.CancelledError):
        yield
