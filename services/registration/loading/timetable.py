"""The movement's dates and reporting rounds."""

from datetime import date, datetime, timedelta
from itertools import pairwise

from services.registration.loading.document import Document, Steps
from services.registration.loading.faults import Faults
from services.registration.loading.workdays import working_days_between
from shared.clock import LOCAL
from shared.events.campaign import Anniversary, EarlyWarning, Round, Text
from shared.events.contract import Contract
from shared.messages import Message


class Holiday(Contract):
    """A day off that the calendar of weeks does not show."""

    day: date
    title: Text


def check_dates(document: Document, faults: Faults) -> None:
    """The movement runs forward: start, end of registration, close; anniversaries follow what they celebrate."""
    starts, until, ends = (document.values.get((name,)) for name in ("starts", "registration_until", "ends_at"))
    if starts and until and until < starts:
        message = Message("Hạn đăng ký ở trước ngày bắt đầu phong trào.")
        faults.add(
            document.place("registration_until"), message, Message("Ghi ngày từ {day:%Y-%m-%d} trở đi.", day=starts)
        )
    if until and ends and until >= ends.astimezone(LOCAL).date():
        message = Message("Hạn đăng ký không ở trước ngày kết thúc phong trào.")
        faults.add(document.place("registration_until"), message, _before(ends))
    if starts and ends and ends.astimezone(LOCAL).date() <= starts:
        message = Message("Phong trào kết thúc trước khi bắt đầu.")
        faults.add(document.place("ends_at"), message, Message("Ghi thời điểm sau ngày {day:%Y-%m-%d}.", day=starts))
    for path, anniversary in document.each(Anniversary, "anniversaries"):
        if anniversary.celebrated <= anniversary.since:
            message = Message("Ngày kỷ niệm không ở sau ngày diễn ra sự kiện.")
            faults.add(
                document.place(*path, "celebrated"),
                message,
                Message("Ghi ngày sau {day:%Y-%m-%d}.", day=anniversary.since),
            )
    warning = document.values.get(("early_warning",))
    if isinstance(warning, EarlyWarning) and warning.clear_at < warning.warn_below:
        message = Message("Ngưỡng gỡ cảnh báo thấp hơn ngưỡng cảnh báo.")
        cure = Message("Ghi clear_at từ {least} trở lên.", least=warning.warn_below)
        faults.add(document.place("early_warning", "clear_at"), message, cure)


def _before(ends: datetime) -> Message:
    return Message("Ghi ngày trước {day:%Y-%m-%d}.", day=ends.astimezone(LOCAL))


def check_rounds(document: Document, faults: Faults) -> None:
    """Windows follow one another without gaps; each deadline leaves a working day and stays inside the movement."""
    before = {path: document.values.get(earlier) for earlier, path in pairwise(document.entries("rounds"))}
    for path, round in document.each(Round, "rounds"):
        _check_window(document, path, round, before.get(path), faults)
        _check_deadline(document, path, round, before.get(path), faults)


def _check_window(document: Document, path: Steps, round: Round, previous: Round | None, faults: Faults) -> None:
    starts = document.values.get(("starts",))
    if round.cutoff < round.window_start:
        message = Message("Ngày chốt số liệu ở trước ngày bắt đầu kỳ số liệu.")
        cure = Message("Ghi ngày từ {day:%Y-%m-%d} trở đi.", day=round.window_start)
        faults.add(document.place(*path, "cutoff"), message, cure)
    if previous and round.window_start != (expected := previous.cutoff + timedelta(days=1)):
        message = Message("Kỳ số liệu không nối tiếp kỳ trước: hở hoặc chồng ngày.")
        faults.add(document.place(*path, "window_start"), message, Message("Ghi {day:%Y-%m-%d}.", day=expected))
    if path == ("rounds", 0) and starts and round.window_start < starts:
        message = Message("Kỳ số liệu bắt đầu trước khi phát động phong trào.")
        cure = Message("Ghi ngày từ {day:%Y-%m-%d} trở đi.", day=starts)
        faults.add(document.place(*path, "window_start"), message, cure)


def _check_deadline(document: Document, path: Steps, round: Round, previous: Round | None, faults: Faults) -> None:
    ends, place = document.values.get(("ends_at",)), document.place(*path, "deadline")
    days_off = {holiday.day for _, holiday in document.each(Holiday, "holidays")}
    if working_days_between(round.cutoff, round.deadline.astimezone(LOCAL).date(), days_off) < 1:
        message = Message("Giữa ngày chốt số liệu và hạn gửi báo cáo không có ngày làm việc nào.")
        faults.add(
            place,
            message,
            Message("Lùi hạn gửi để còn ít nhất 1 ngày làm việc sau ngày chốt {day:%Y-%m-%d}.", day=round.cutoff),
        )
    if ends and round.deadline > ends:
        message = Message("Hạn gửi ở sau khi phong trào kết thúc.")
        faults.add(place, message, Message("Ghi muộn nhất là {at:%Y-%m-%dT%H:%M:%S+07:00}.", at=ends.astimezone(LOCAL)))
    if previous and round.deadline <= previous.deadline:
        message = Message("Hạn gửi không ở sau hạn của kỳ trước.")
        cure = Message(
            "Xếp các kỳ theo thứ tự thời gian; ghi hạn sau {day:%Y-%m-%d}.", day=previous.deadline.astimezone(LOCAL)
        )
        faults.add(place, message, cure)
    if not round.window_start <= round.opens_at.astimezone(LOCAL).date() or round.opens_at >= round.deadline:
        message = Message("Kỳ báo cáo mở ngoài khoảng từ đầu kỳ số liệu đến hạn gửi.")
        cure = Message("Ghi thời điểm mở từ đầu kỳ số liệu và trước hạn gửi.")
        faults.add(document.place(*path, "opens_at"), message, cure)
