"""What each type of a partner's event becomes: one function per contract."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from services.reporting import observations, on_behalf, proposals
from services.reporting.scope import Effect, Sender
from shared.database import WriteSession
from shared.events.reporting import (
    IndicatorCorrected,
    IndicatorObserved,
    ReportSubmitted,
    UnitReorganised,
    WorkReported,
)

Kind = Callable[[WriteSession, Sender, Any, datetime], Awaitable[Effect]]
"""`async def kind(session, sender, data, now) -> Effect`. Raises `Refused` with every fault, having changed nothing, or `NotHeardYet`."""

KINDS: Mapping[str, Kind] = {
    IndicatorObserved.TYPE: observations.observe,
    IndicatorCorrected.TYPE: observations.correct,
    ReportSubmitted.TYPE: on_behalf.submit,
    WorkReported.TYPE: proposals.propose_work,
    UnitReorganised.TYPE: proposals.propose_reorganisation,
}
