"""The council's secretary ends a disagreement: the unit's figure stands, or the partner's becomes a new revision of the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.reporting import backgrounds, discrepancies, openings, reports, rounds
from services.reporting.discrepancies import OPEN, PARTNER, UNIT
from services.reporting.reports import ReportForm
from services.reporting.rules.figures import Figure
from services.reporting.sheets import ACCEPTED
from shared import audit, campaigns, security
from shared.clock import local_date
from shared.database import WriteSession
from shared.events.registration import Role
from shared.events.reporting import Channel, ValueKind
from shared.inbox import lock
from shared.messages import Conflict, Fault, Forbidden, Message, Refused
from shared.security import Officer

REASON_LIMIT = 2000
CHOICES = (UNIT, PARTNER)


@dataclass(frozen=True, slots=True)
class ResolveForm:
    """Which figure stands, and why."""

    discrepancy: str
    kept: str
    reason: str


async def resolve(session: WriteSession, form: ResolveForm, officer: Officer, now: datetime) -> Any:
    """Decide a discrepancy. Returns its row as it is afterwards."""
    row = await discrepancies.find(session, form.discrepancy)
    await security.must_see(session, officer, row.unit, local_date(now))
    officer.must_hold(Role.SECRETARY)
    _check(form, row, officer)
    await lock(session, [reports.key_of(row.campaign, row.unit)])
    row = await discrepancies.find(session, form.discrepancy)
    if row.state != OPEN:
        raise Conflict(Fault("", Message("Chênh lệch này đã được xử lý.")))
    value: Decimal = row.reported if form.kept == UNIT else row.observed
    await discrepancies.end(session, row, form.kept, value, now, form.reason, officer.name)
    details: Mapping[str, Any] = {"unit": row.unit, "indicator": row.indicator, "kept": form.kept, "value": value, "reason": form.reason}
    await audit.record(session, officer, "discrepancy.resolved", row.discrepancy, now, **details)
    if form.kept == PARTNER:
        await _take_over(session, row, form.reason, officer, now)
    return await discrepancies.find(session, form.discrepancy)


def _check(form: ResolveForm, row: Any, officer: Officer) -> None:
    if officer.unit == row.unit:
        raise Forbidden(Fault("", Message("Đồng chí không thể tự xử lý chênh lệch của đơn vị mình.")))
    if form.kept not in CHOICES:
        cure = Message("Hãy chọn một trong: {choices}.", choices=", ".join(CHOICES))
        raise Refused(Fault("kept", Message("Chưa chọn giữ số nào."), cure))
    if not form.reason or len(form.reason) > REASON_LIMIT:
        cure = Message("Hãy nêu căn cứ, không quá {limit} ký tự.", limit=REASON_LIMIT)
        raise Refused(Fault("reason", Message("Lý do chưa đúng."), cure))


async def _take_over(session: WriteSession, row: Any, reason: str, officer: Officer, now: datetime) -> None:
    """A new revision of the report with the partner's figure in place of the unit's."""
    campaign = await campaigns.find(session, row.campaign)
    round = rounds.find(campaign, row.round)
    await openings.must_take_reports(session, campaign, round, row.unit, now)
    background = await backgrounds.of_unit(session, row.campaign, row.unit)
    report = background.reports[row.round]
    if report.status != ACCEPTED:
        raise Conflict(Fault("", Message("Báo cáo đang được trả lại; hãy chờ đơn vị nộp lại rồi xử lý.")))
    given = tuple(
        Figure(
            f.indicator, row.observed if f.indicator == row.indicator else f.value, f.unit_of_measure, ValueKind(f.kind),
            row.as_of if f.indicator == row.indicator else f.as_of, reason if f.indicator == row.indicator else f.note,
        )
        for f in await reports.figures_of(session, report.report, report.accepted_revision)
    )  # fmt: skip
    form = ReportForm(row.campaign, row.unit, row.round, Channel.RECONCILIATION, given)
    await reports.accept(session, campaign, round, form, officer, now, background)
