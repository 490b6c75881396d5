"""One real service as `thidua run` runs it. A reporting one also sends the reports it is told to, each made from its number.

Usage: python -m tests.bench.national.service SERVICE ENTERPRISES LOG, with settings from the environment. An order on standard input is
[first, count, step, seconds]: every step-th report of these numbers. With 0 seconds as fast as it goes, held back while more than
`ON_THE_WAY` reports wait for evaluation or notification: the rate is what the machine carries to the end, not what it can heap up.
Otherwise along the last hour's curve, so long: each report at its own time, whatever became of the others.
"""

import asyncio
import contextlib
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import nats.errors
import uvicorn
import uvloop
from opentelemetry.trace import SpanKind

from services import local
from services.reporting import api
from services.reporting.submissions import Submission, intake_of
from shared import security
from shared import settings as configuration
from shared.messages import Overloaded
from shared.service import Service
from tests.bench.national.country import Country, moment
from tests.bench.road import producing

SENDER = security.System("bench", "Đo tải")
IN_FLIGHT = 64
ON_THE_WAY = 400
LOOK_SECONDS = 0.05
PROBED = 500
"""Of so many reports one is noted with the instant at which it was accepted, for whoever asks how old the ranks are."""
PROBED_ON_THE_CURVE = 25
AGAIN_SECONDS = 1.0
"""When a report that was told to come again in a while does so."""
END_SECONDS = 5


class Gate:
    """Open while few reports are on the way."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.open = asyncio.Event()

    async def watch(self) -> None:
        """Look at the durables behind reporting's stream, and at the outbox by way of the relay's mark."""
        while True:
            waiting = 0
            for name in ("evaluation", "notification"):
                with contextlib.suppress(nats.errors.Error):
                    info = await self.service.jetstream.consumer_info("REPORTING", name)
                    waiting = max(waiting, (info.num_pending or 0) + (info.num_ack_pending or 0))
            (self.open.set if waiting <= ON_THE_WAY else self.open.clear)()
            await asyncio.sleep(LOOK_SECONDS)


async def submit(service: Service, country: Country, number: int) -> None:
    """Hand in a report, again after a while where too many wait."""
    async with service.database.read() as session:
        form = await api._report_form(session, country.report(number), service)
    while True:
        try:
            with service.telemetry.span("submit", kind=SpanKind.SERVER):
                await intake_of(service).ask(Submission(form, SENDER, service.now()))
        except Overloaded:
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return


async def send(service: Service, country: Country, numbers: Iterator[int], gate: Gate, log: IO[str]) -> None:
    """Submit reports through the intake, `IN_FLIGHT` at a time."""

    async def worker() -> None:
        for number in numbers:
            await gate.open.wait()
            await submit(service, country, number)
            if number % PROBED == 0:
                producing.note(log, [str(number)], time.time_ns())

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


async def follow_curve(service: Service, country: Country, numbers: Sequence[int], seconds: float, log: IO[str]) -> None:
    """Submit each report at its time on the curve; note how long it took from then until it was accepted."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def one(number: int, due: float) -> None:
        await submit(service, country, number)
        producing.note(log, [f"wait:{number}"], round((loop.time() - due) * 1e9))
        if number % PROBED_ON_THE_CURVE == 0:
            producing.note(log, [str(number)], time.time_ns())

    async with asyncio.TaskGroup() as sending:
        for place, number in enumerate(numbers):
            due = began + seconds * moment(place / len(numbers))
            await asyncio.sleep(due - loop.time())
            sending.create_task(one(number, due))


def producer(country: Country, path: Path) -> Any:
    """A job that obeys orders and answers each on standard output."""

    async def produce(service: Service) -> None:
        try:
            await obey(service)
        except Exception as error:  # a job that fails starts again; a measurement must not
            traceback.print_exc()
            raise SystemExit(1) from error

    async def obey(service: Service) -> None:
        gate = Gate(service)
        watching = asyncio.create_task(gate.watch())
        with path.open("a", encoding="utf-8") as log:
            async for first, count, step, seconds in producing.orders():
                await service.clock.recall(service.database)  # another replica may have handled the tick
                numbers = range(first, first + count, step)
                await (follow_curve(service, country, numbers, seconds, log) if seconds else send(service, country, iter(numbers), gate, log))
                producing.note(log, [f"done:{first}"], time.time_ns())
        watching.cancel()

    return produce


def main(name: str, enterprises: int, path: Path) -> None:
    settings = configuration.load()
    app = local.app_of(name, settings)
    service: Service = app.state.service
    if name == "reporting":
        service.jobs += (producer(Country(enterprises), path),)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=END_SECONDS,
    )
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
