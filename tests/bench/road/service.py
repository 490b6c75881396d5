"""One real service as `thidua run` runs it, which also notes when it committed each report. Reporting submits the reports it is told to.

Usage: python -m tests.bench.road.service SERVICE REPORTS LOGS, with settings from the environment.
"""

import sys
import time
import traceback
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from opentelemetry.trace import SpanKind

from services import local
from services.reporting import api
from services.reporting.reports import ReportForm
from services.reporting.submissions import Submission, intake_of
from shared import security
from shared import settings as configuration
from shared.events.reporting import ReportAccepted
from shared.service import Service
from tests.bench.road import producing

SENDER = security.System("bench", "Đo tải")
END_SECONDS = 2


def watch(service: Service, logs: Path) -> None:
    """Note when the transaction that applied a report, with all its effects, was committed."""
    log, apply = (logs / f"commits.{service.name}").open("a", encoding="utf-8"), service.inbox.apply

    async def applied(batch) -> None:
        await apply(batch)
        now = time.time_ns()
        accepted = [d.event for d in batch if isinstance(d.event, ReportAccepted)]
        producing.note(log, [f"{event.report}:{event.revision}" for event in accepted], now)

    service.inbox.apply = applied


def producer(path: Path, logs: Path) -> Any:
    """A job that hands reports to the intake as pages and programs do, each in its own trace, in the service's own process."""

    async def produce(service: Service) -> None:
        try:
            await obey(service)
        except Exception as error:  # a job that fails starts again; a measurement must not
            traceback.print_exc()
            raise SystemExit(1) from error

    async def obey(service: Service) -> None:
        forms: list[ReportForm] = []

        async def submit(form: ReportForm) -> str:
            with service.telemetry.span("submit", kind=SpanKind.SERVER):
                receipt = await intake_of(service).ask(Submission(form, SENDER, service.now()))
            return f"{receipt.report}:{receipt.revision}"

        with (logs / "sent").open("a", encoding="utf-8") as log:
            async for order in producing.orders():
                if not forms:  # units are known now
                    async with service.database.read() as session:
                        forms = [await api._report_form(session, _body(report), service) for report in producing.read(path)]
                await producing.send(producing.Order(*order), forms, submit, log)

    return produce


def _body(report: dict[str, Any]) -> dict[str, Any]:
    return {name: report[name] for name in ("campaign", "unit", "round", "values")}


def main(name: str, path: Path, logs: Path) -> None:
    settings = configuration.load()
    app = local.app_of(name, settings)
    service: Service = app.state.service
    watch(service, logs)
    if name == "reporting":
        service.jobs += (producer(path, logs),)
    config = uvicorn.Config(
        app, host=settings.host, port=settings.port, log_level="warning", access_log=False, timeout_graceful_shutdown=END_SECONDS
    )
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
