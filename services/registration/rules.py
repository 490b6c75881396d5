"""What registration decides, without any I/O: which commitments are sound, which phase is due, which step a work may take."""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from shared.events.campaign import Campaign, Indicator, Phase, ScoreSheet
from shared.events.contract import inbound_types
from shared.events.registration import Commitment, ParticipationStatus, WorkStatus
from shared.events.reporting import IndicatorCorrected, IndicatorObserved, ReportSubmitted
from shared.messages import Fault, Message

PHASES = tuple(Phase)
OPEN_PHASES = frozenset({Phase.REGISTERING, Phase.RUNNING})
"""Units register, amend and record works in these."""
EDITABLE = frozenset({ParticipationStatus.DRAFT, ParticipationStatus.RETURNED})
BEFORE = {WorkStatus.COMPLETED: WorkStatus.STARTED, WorkStatus.UNVEILED: WorkStatus.COMPLETED}
"""The status from which a started work reaches another."""


def due_phases(schedule: Iterable[tuple[Phase, datetime]], stands: Phase, now: datetime) -> list[tuple[Phase, datetime]]:
    """The later phases of a schedule whose instant has come, in order. A phase never goes back, whatever the dates become."""
    return [(phase, at) for phase, at in schedule if PHASES.index(phase) > PHASES.index(stands) and at <= now]


def indicators_of(campaign: Campaign, sheet: ScoreSheet) -> list[Indicator]:
    """The indicators that a score sheet measures, each once, in the sheet's order."""
    codes = dict.fromkeys(c.indicator for c in sheet.criteria if c.indicator)
    return [found for code in codes if (found := campaign.indicator(code))]


def kept(sheet: ScoreSheet) -> frozenset[str]:
    """The indicators that a sheet only asks to keep: their target may equal the baseline."""
    return frozenset(c.indicator for c in sheet.criteria if c.method == "keep" and c.indicator)


def commitment_faults(campaign: Campaign, cluster: str, commitments: Sequence[Commitment]) -> list[Fault]:
    """Everything wrong with the commitments of a unit of `cluster`; fields are `commitments.<n>.<field>`."""
    sheet = campaign.sheet_of(cluster)
    asked = {i.code: i for i in indicators_of(campaign, sheet)} if sheet else {}
    faults: list[Fault] = []
    for n, commitment in enumerate(commitments):
        if any(earlier.indicator == commitment.indicator for earlier in commitments[:n]):
            faults.append(Fault(f"commitments.{n}.indicator", Message("Chỉ tiêu này đã được ghi."), Message("Giữ lại một dòng.")))
        elif commitment.indicator not in asked:
            faults.append(_unasked(campaign, commitment.indicator, f"commitments.{n}.indicator"))
        else:
            found = asked[commitment.indicator]
            keeps = found.code in kept(sheet) if sheet else False
            faults += [f._replace(field=f"commitments.{n}.{f.field}") for f in target_faults(found, commitment, keeps=keeps)]
    return faults


def _unasked(campaign: Campaign, code: str, field: str) -> Fault:
    if campaign.indicator(code):
        problem = Message("Bảng điểm của cụm, khối không có chỉ tiêu {code}.", code=code)
    else:
        problem = Message("Không có chỉ tiêu {code}.", code=code)
    return Fault(field, problem, Message("Chọn một chỉ tiêu trong bảng điểm của cụm, khối mình."))


def target_faults(indicator: Indicator, commitment: Commitment, *, keeps: bool) -> Iterator[Fault]:
    """What is wrong with one target: its unit of measure, its range, the side of the baseline on which it lies.

    With `keeps` the target may equal the baseline, since the score sheet only asks that it gets no worse.
    """
    if commitment.unit_of_measure != indicator.unit_of_measure:
        problem = Message("Đơn vị tính {given} không đúng.", given=commitment.unit_of_measure)
        yield Fault("unit_of_measure", problem, Message("Ghi {right}.", right=indicator.unit_of_measure))
    ranges = [_range_fault(indicator, "baseline", commitment.baseline), _range_fault(indicator, "target", commitment.target)]
    yield from (fault for fault in ranges if fault)
    if fault := None if any(ranges) else _side_fault(indicator, commitment, keeps):
        yield fault


def _range_fault(indicator: Indicator, field: str, value: Decimal | None) -> Fault | None:
    if value is None:
        return None
    if indicator.lower is not None and value < indicator.lower:
        return Fault(field, Message("Giá trị nhỏ hơn mức thấp nhất có thể."), Message("Ghi từ {limit} trở lên.", limit=_plain(indicator.lower)))
    if indicator.upper is not None and value > indicator.upper:
        return Fault(field, Message("Giá trị lớn hơn mức cao nhất có thể."), Message("Ghi từ {limit} trở xuống.", limit=_plain(indicator.upper)))
    return None


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f").replace(".", ",")


def _side_fault(indicator: Indicator, commitment: Commitment, keeps: bool) -> Fault | None:
    baseline, target = commitment.baseline, commitment.target
    if baseline is None:
        if indicator.direction == "higher" and not keeps:
            return None
        return Fault("baseline", Message("Chưa có mức xuất phát."), Message("Ghi số liệu trước khi phong trào bắt đầu."))
    best = indicator.upper if indicator.direction == "higher" else indicator.lower
    may_equal = keeps or baseline == best
    if indicator.direction == "higher" and (target < baseline or (target == baseline and not may_equal)):
        problem = Message("Chỉ tiêu này phấn đấu tăng, mục tiêu phải cao hơn mức xuất phát.")
        return Fault("target", problem, Message("Ghi số lớn hơn {limit}.", limit=_plain(baseline)))
    if indicator.direction == "lower" and (target > baseline or (target == baseline and not may_equal)):
        problem = Message("Chỉ tiêu này phấn đấu giảm, mục tiêu phải thấp hơn mức xuất phát.")
        return Fault("target", problem, Message("Ghi số nhỏ hơn {limit}.", limit=_plain(baseline)))
    return None


def effective_fault(campaign: Campaign, last_day: date, effective_from: date, current_from: date | None) -> Fault | None:
    """Whether a new target's first day lies inside the campaign and not before that of the version it replaces."""
    earliest = max(campaign.starts, current_from or campaign.starts)
    if earliest <= effective_from <= last_day:
        return None
    cure = Message("Ghi ngày từ {first} đến {last}.", first=f"{earliest:%d/%m/%Y}", last=f"{last_day:%d/%m/%Y}")
    return Fault("effective_from", Message("Ngày hiệu lực ở ngoài thời gian phong trào hoặc trước mục tiêu đang có."), cure)


def may_step(status: WorkStatus, confirmed: bool, to: WorkStatus) -> bool:
    """Whether a work at `status` may take the step `to`. An unconfirmed one is confirmed first; nothing is left out or repeated."""
    if to is WorkStatus.CONFIRMED:
        return status is WorkStatus.DECLARED and not confirmed
    if to is WorkStatus.STARTED:
        return confirmed and status in {WorkStatus.DECLARED, WorkStatus.CONFIRMED}
    return BEFORE.get(to) is status


def needs_confirmation(campaign: Campaign, kind: str) -> bool:
    """Whether a work of a unit of this kind counts only when the unit above has confirmed it."""
    return any(duty.kind == kind and duty.confirmed_by_parent for duty in campaign.work_duties)


def share_faults(state_share: Decimal, people_share: Decimal) -> list[Fault]:
    """Shares are in million đồng, not negative, and not both nothing."""
    shares = {"state_share": state_share, "people_share": people_share}
    faults = [Fault(field, Message("Phần vốn không thể âm."), Message("Ghi 0 hoặc số dương.")) for field, v in shares.items() if v < 0]
    if not faults and state_share + people_share == 0:
        faults.append(Fault("state_share", Message("Công trình chưa có vốn."), Message("Ghi phần của Nhà nước hoặc của Nhân dân, triệu đồng.")))
    return faults


def missing_faults(**texts: str) -> list[Fault]:
    """A fault for each text that is empty."""
    return [Fault(field, Message("Chưa ghi nội dung này."), Message("Ghi ngắn gọn, rõ ràng.")) for field, text in texts.items() if not text.strip()]


def is_easier(indicator: Indicator, current: Decimal, proposed: Decimal) -> bool:
    """Whether another target asks less than the present one: a late easing must be visible to whoever approves it."""
    return proposed > current if indicator.direction == "lower" else proposed < current


OF_INDICATORS = frozenset({IndicatorObserved.TYPE, IndicatorCorrected.TYPE, ReportSubmitted.TYPE})
"""Whoever may say these says them of certain indicators: without any, everything would be refused."""
CLIENT = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
CLIENT_LIMIT = 32
QUOTA_LIMIT = 1_000_000


def partner_faults(campaign: Campaign, client: str, title: str, types: Sequence[str], indicators: Sequence[str]) -> list[Fault]:
    """Everything wrong with a partner system as it is to be registered. Its name becomes a part of subjects, streams and accounts."""
    faults = missing_faults(title=title)
    if not CLIENT.fullmatch(client) or len(client) > CLIENT_LIMIT:
        cure = Message("Dùng chữ thường không dấu, chữ số và dấu gạch nối, bắt đầu bằng chữ, không quá {limit} ký tự.", limit=CLIENT_LIMIT)
        faults.append(Fault("client", Message("Tên “{client}” của hệ thống trong địa chỉ sai dạng.", client=client[:CLIENT_LIMIT]), cure))
    known = {"types": inbound_types(), "indicators": tuple(indicator.code for indicator in campaign.indicators)}
    for field, given in (("types", types), ("indicators", indicators)):
        for wrong in sorted(set(given) - set(known[field])):
            cure = Message("Chọn trong: {listed}.", listed=", ".join(known[field]))
            faults.append(Fault(field, Message("Không có “{name}”.", name=wrong), cure))
    if not types:
        faults.append(Fault("types", Message("Chưa chọn loại sự kiện."), Message("Chọn ít nhất một loại.")))
    if not indicators and OF_INDICATORS & set(types):
        cure = Message("Chọn ít nhất một chỉ tiêu (ở dòng lệnh: --indicator).")
        faults.append(Fault("indicators", Message("Loại sự kiện được gửi là về chỉ tiêu, nhưng chưa chọn chỉ tiêu nào."), cure))
    return faults


def quota_faults(quota: int) -> list[Fault]:
    """A partner's quota is a number of events a minute."""
    if 1 <= quota <= QUOTA_LIMIT:
        return []
    return [Fault("quota", Message("Hạn mức phải từ 1 đến {limit} sự kiện mỗi phút.", limit=QUOTA_LIMIT))]


def signing_key_faults(keys: Sequence[str]) -> list[Fault]:
    """A signing key is an Ed25519 public key: 32 bytes in base64."""
    cure = Message("Ghi khóa công khai Ed25519 dạng base64, ví dụ 44 ký tự kết thúc bằng dấu bằng.")
    return [Fault("signing_keys", Message("Không đọc được khóa ký."), cure) for key in keys if not _is_key(key)]


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except ValueError:
        return False
