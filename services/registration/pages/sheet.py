"""A unit's registration as a sheet to fill in: one line per indicator of the unit's score sheet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.registration import campaigns, participations, rules, units
from services.registration.models import Participation
from services.registration.pages.forms import Typed
from services.registration.participations import Form
from shared import campaigns as known
from shared import numbers, security
from shared import units as directory
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.campaign import Campaign, Cluster, Indicator
from shared.events.registration import Commitment, Person, Role
from shared.messages import Fault, Message, NotFound, Refused
from shared.security import Officer
from shared.units import KnownUnit


@dataclass(frozen=True)
class Sheet:
    """What the page needs: who registers for what, the lines, what is kept already, and whether it may be changed."""

    campaign: Campaign
    unit: KnownUnit
    cluster: Cluster | None
    indicators: Sequence[Indicator]
    row: Participation | None
    editable: bool
    suggested: Mapping[str, str]

    def written(self) -> dict[str, str]:
        """The fields as they are kept, or as they are suggested for a first draft."""
        if self.row is None:
            return dict(self.suggested)
        fields = {"head.name": self.row.head_name, "head.post": self.row.head_post}
        fields |= {"focal_officer.name": self.row.focal_name, "focal_officer.post": self.row.focal_post}
        for commitment in participations.committed(self.row):
            fields[f"target.{commitment.indicator}"] = numbers.write(commitment.target)
            if commitment.baseline is not None:
                fields[f"baseline.{commitment.indicator}"] = numbers.write(commitment.baseline)
        return fields

    def read(self, written: Typed) -> Form:
        """The form that was typed. A line without any figure is left out; raises `Refused` with every unreadable field."""
        commitments = tuple(c for indicator in self.indicators if (c := _line(written, indicator)))
        if written.faults and self.cluster:  # the readable lines are judged as well, so that everything is told at once
            written.faults += rules.commitment_faults(self.campaign, self.cluster.code, commitments)
        written.check()
        head = Person(name=written.text("head.name"), post=written.text("head.post"))
        focal = Person(name=written.text("focal_officer.name"), post=written.text("focal_officer.post"))
        revision = written.text("revision")
        return Form(self.unit.id, head, focal, commitments, int(revision) if revision.isdecimal() else None)

    def locate(self, faults: Sequence[Fault], written: Typed, language: str) -> tuple[Fault, ...]:
        """Faults of commitments at the fields of the page, each with the name of its indicator."""
        filled = [i for i in self.indicators if _is_number(written.text(f"target.{i.code}"))]
        return tuple(_located(fault, filled, self.indicators, language) for fault in faults)


def _line(written: Typed, indicator: Indicator) -> Commitment | None:
    name = f"target.{indicator.code}"
    baseline, target = written.amount(f"baseline.{indicator.code}"), written.amount(name)
    if target is None:
        if baseline is not None and not written.text(name):
            written.faults.append(Fault(name, Message("Chưa ghi mục tiêu."), Message("Ghi mục tiêu hoặc xóa mức xuất phát.")))
        return None
    return Commitment(indicator=indicator.code, baseline=baseline, target=target, unit_of_measure=indicator.unit_of_measure)


def _is_number(text: str) -> bool:
    try:
        numbers.parse(text)
    except Refused:
        return False
    return True


def _located(fault: Fault, filled: Sequence[Indicator], indicators: Sequence[Indicator], language: str) -> Fault:
    first, _, rest = fault.field.partition(".")
    number, _, field = rest.partition(".")
    if first == "commitments" and number.isdecimal() and int(number) < len(filled):
        return _named(fault._replace(field=f"{field}.{filled[int(number)].code}"), filled[int(number)], language)
    indicator = next((i for i in indicators if first in {"target", "baseline"} and i.code == rest), None)
    return _named(fault, indicator, language) if indicator else fault


def _named(fault: Fault, indicator: Indicator, language: str) -> Fault:
    title = indicator.title.in_language(language)
    return fault._replace(problem=Message("{indicator}: {problem}", indicator=title, problem=fault.problem))


async def open_sheet(session: ReadSession, officer: Officer, code: str | None, now: datetime) -> Sheet:
    """The sheet of the officer's own unit. Raises `NotFound` when there is no campaign or the unit does not exist today."""
    campaign = await campaigns.chosen(session, code)
    today = local_date(now)
    unit = await directory.known(session, officer.unit, today)
    if unit is None:
        raise NotFound(Fault("unit", Message("Không có đơn vị này trong phạm vi của đồng chí.")))
    cluster = await units.cluster_of(session, campaign.code, unit.id, today)
    sheet = campaign.sheet_of(cluster or "")
    row = await participations.of_unit(session, campaign.code, unit.id)
    return Sheet(
        campaign=campaign,
        unit=unit,
        cluster=campaign.cluster(cluster or ""),
        indicators=rules.indicators_of(campaign, sheet) if sheet else (),
        row=row,
        editable=await _may_change(session, campaign, row),
        suggested=await _suggested(session, unit.id),
    )


async def _may_change(session: ReadSession, campaign: Campaign, row: Participation | None) -> bool:
    is_open = await known.phase_of(session, campaign.code) in rules.OPEN_PHASES
    return is_open and (row is None or row.status in rules.EDITABLE)


async def _suggested(session: ReadSession, unit: str) -> dict[str, str]:
    """The unit's head and clerk, as far as they have accounts."""
    fields: dict[str, str] = {}
    for name, role in (("head", Role.HEAD), ("focal_officer", Role.CLERK)):
        found = await security.officers_of(session, unit, role)
        fields |= {f"{name}.name": found[0].name, f"{name}.post": found[0].post} if found else {}
    return fields
