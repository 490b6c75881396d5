"""A partner hands in a unit's report: judged like one that the unit hands in itself, open to correction by the unit, never in place of its own."""

from datetime import datetime
from typing import Any, NamedTuple

from services.reporting import reports, rounds, scope, submissions
from services.reporting.forms import Reading
from services.reporting.reports import ReportForm
from services.reporting.rules.figures import Figure
from services.reporting.scope import Effect, Named, Sender
from shared import units
from shared.database import WriteSession
from shared.events.reporting import Channel, ReportSubmitted, ValueKind
from shared.inbox import lock
from shared.messages import Fault, Message, Refused
from shared.security import System

REPORT = "report"
"""What an inbound event's effect begins with when it became a report."""


async def submit(session: WriteSession, sender: Sender, data: Any, now: datetime) -> Effect:
    """Take in `ReportSubmitted`; returns what it became. Raises `Refused` with every fault, or `NotHeardYet`."""
    reading = Reading(data)
    code, unit, round = reading.text("campaign", limit=64), reading.inner("unit"), reading.text("round", limit=64)
    named = Named.read(unit, "unit")
    given = tuple(_figure(value) for value in reading.each("values"))
    reading.done()
    known = await scope.of(session, sender.client, code)
    found = rounds.find(known.campaign, round)
    faults = scope.type_faults(known.partner, ReportSubmitted.TYPE)
    for place, figure in enumerate(given):
        faults += scope.indicator_faults(known, figure.indicator, f"values.{place}.indicator")
    about, unit_faults = await scope.find_own_unit(session, known, named, found.cutoff)
    if faults or unit_faults or about is None:
        raise Refused(*faults, *unit_faults)
    await _must_be_the_senders_own(session, sender, ReportKey(code, about.id, round))
    form = ReportForm(code, about.id, round, Channel.PARTNER, given)
    receipt = await submissions.submit(session, form, System(sender.client, known.partner.title, known.partner.unit), now)
    return Effect(REPORT, receipt.report, receipt.revision)


class ReportKey(NamedTuple):
    """Which report: of a campaign, a unit and a round."""

    campaign: str
    unit: str
    round: str


async def _must_be_the_senders_own(session: WriteSession, sender: Sender, key: ReportKey) -> None:
    """What a unit handed in or corrected itself, only the unit changes; what a partner handed in for it, that partner or the unit."""
    await lock(session, [reports.key_of(key.campaign, key.unit)])
    last = await reports.last_sender(session, *key)
    if last is None or (last.channel == Channel.PARTNER and last.actor == sender.client):
        return
    if last.channel == Channel.PARTNER:
        cure = Message("Chỉ hệ thống đã nộp hoặc chính đơn vị được sửa: hãy liên hệ đơn vị.")
        raise Refused(Fault("round", Message("Báo cáo của kỳ này do hệ thống khác nộp thay đơn vị."), cure))
    cure = Message("Chỉ đơn vị được sửa báo cáo do mình nộp: hãy liên hệ đơn vị.")
    raise Refused(Fault("round", Message("Đơn vị đã tự nộp báo cáo của kỳ này."), cure))


def _figure(reading: Reading) -> Figure:
    return Figure(
        reading.text("indicator", limit=64),
        reading.decimal("value") if reading.data.get("value", "") is not None else None,
        reading.text("unit_of_measure", limit=32),
        ValueKind(reading.choice("kind", ValueKind) or ValueKind.ESTIMATE),
        reading.day("as_of") or units.BEGINNING,
        reading.text("note", required=False),
    )
