"""What a report's figures must be. Every fault is found at once, each with the field's place in the form and its cure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.reporting.rules.outliers import is_outlier
from shared.events.campaign import Indicator, Round
from shared.events.reporting import ValueKind
from shared.messages import Fault, Message

FINALITY = (ValueKind.ESTIMATE, ValueKind.PRELIMINARY, ValueKind.OFFICIAL)
NOTE_LIMIT = 2000
OUTLIER = "outlier"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure as its unit or a partner gives it. `confirmed`: the person was asked about an odd value and stands by it."""

    indicator: str
    value: Decimal | None
    unit_of_measure: str
    kind: ValueKind
    as_of: date
    note: str = ""
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an assigned indicator before a report is judged.

    `history`: the unit's accepted values of earlier rounds, oldest first. `kind_before`: the finality of the figure that this
    one would replace in the same round. `decimals`: of the unit of measure.
    """

    indicator: Indicator
    decimals: int = 2
    baseline: Decimal | None = None
    target: Decimal | None = None
    history: tuple[Decimal, ...] = ()
    kind_before: ValueKind | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`faults` keep a report out; `flags` (indicators whose value looks odd) are kept with it and shown."""

    faults: tuple[Fault, ...]
    flags: tuple[str, ...]


def judge(figures: Sequence[Figure], assigned: Mapping[str, Known], round: Round, today: date) -> Verdict:
    """Judge a whole report of a round on a day (Asia/Ho_Chi_Minh). Fields are named values.<place>.<field>."""
    faults = [*_missing(figures, assigned)]
    flags = []
    seen: set[str] = set()
    for place, figure in enumerate(figures):
        field = f"values.{place}"
        known = assigned.get(figure.indicator)
        if known is None:
            faults.append(_unassigned(field, figure.indicator))
        elif figure.indicator in seen:
            faults.append(Fault(f"{field}.indicator", Message("Chỉ tiêu này đã có ở dòng trên."), Message("Chỉ giữ một dòng.")))
        else:
            faults.extend(judge_figure(field, figure, known, round, today))
            if looks_odd(figure, known):
                flags.append(figure.indicator)
        seen.add(figure.indicator)
    return Verdict(tuple(faults), tuple(flags))


def judge_figure(field: str, figure: Figure, known: Known, round: Round, today: date) -> Iterator[Fault]:
    """The faults of one figure of a report."""
    yield from measure_faults(field, figure, known)
    yield from _as_of_faults(f"{field}.as_of", figure.as_of, round, today)
    yield from _note_faults(field, figure, known)


def measure_faults(field: str, figure: Figure, known: Known) -> Iterator[Fault]:
    """Unit of measure, whole numbers for things that are counted, and the indicator's range: for units and partners alike."""
    indicator = known.indicator
    if figure.unit_of_measure != indicator.unit_of_measure:
        yield Fault(
            f"{field}.unit_of_measure",
            Message("Sai đơn vị tính: “{given}”.", given=figure.unit_of_measure),
            Message("Hãy dùng “{wanted}”; hệ thống không tự quy đổi.", wanted=indicator.unit_of_measure),
        )
    value = figure.value
    if value is None:
        return
    if known.decimals == 0 and value != value.to_integral_value():
        yield Fault(f"{field}.value", Message("Chỉ tiêu này đếm bằng số nguyên."), Message("Hãy bỏ phần thập phân."))
    low, high = indicator.lower, indicator.upper
    if (low is not None and value < low) or (high is not None and value > high):
        yield Fault(f"{field}.value", Message("Giá trị nằm ngoài khoảng cho phép."), range_of(low, high))


def looks_odd(figure: Figure, known: Known) -> bool:
    """True when the value looks like a slip of the decimal mark; such a value is accepted, marked, and asked about."""
    return figure.value is not None and is_outlier(figure.value, known.history, known.baseline, known.target)


def falls(figure: Figure, known: Known) -> bool:
    """True when a cumulative flow is less than what was accepted for the round before."""
    return bool(
        figure.value is not None and known.indicator.nature == "flow" and known.history and figure.value < known.history[-1]
    )


def _missing(figures: Sequence[Figure], assigned: Mapping[str, Known]) -> Iterator[Fault]:
    given = {figure.indicator for figure in figures}
    for code, known in assigned.items():
        if code not in given:
            yield Fault(
                "values",
                Message("Thiếu chỉ tiêu {code} ({title}).", code=code, title=titled(known.indicator)),
                Message("Hãy ghi giá trị, hoặc để trống và nêu lý do ở ghi chú."),
            )


def titled(indicator: Indicator) -> Message:
    """The indicator's title in the reader's language: the catalogue holds no data, so the text brings both."""
    return Titled(indicator.title.vi, indicator.title.en)


class Titled(Message):
    """Words of a campaign, which come in both languages as data."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(vi)
        self.english = en

    def render(self, language: str) -> str:
        """The words in `language`."""
        return self.english if language == "en" else self.text


def _unassigned(field: str, code: str) -> Fault:
    return Fault(
        f"{field}.indicator",
        Message("Chỉ tiêu “{code}” không giao cho đơn vị này.", code=code),
        Message("Hãy bỏ dòng này; danh sách chỉ tiêu được giao ở trang nhập báo cáo."),
    )


def range_of(low: Decimal | None, high: Decimal | None) -> Message:
    """What to write where a number is bounded, or by nothing."""
    if low is None and high is None:
        return Message("Hãy ghi một số; chưa có số liệu thì để trống.")
    if low is None:
        return Message("Hãy ghi số không quá {high}.", high=written(high))
    if high is None:
        return Message("Hãy ghi số từ {low} trở lên.", low=written(low))
    return Message("Hãy ghi số từ {low} đến {high}.", low=written(low), high=written(high))


def written(value: Decimal | None) -> str:
    """A number inside a sentence: decimal comma, no grouping."""
    return "" if value is None else format(value, "f").replace(".", ",")


def _as_of_faults(field: str, as_of: date, round: Round, today: date) -> Iterator[Fault]:
    if as_of > today:
        yield Fault(field, Message("Ngày số liệu ở tương lai."), window_of(round))
    elif not round.window_start <= as_of <= round.cutoff:
        yield Fault(field, Message("Ngày số liệu không thuộc kỳ này."), window_of(round))


def window_of(round: Round) -> Message:
    """What to write where a day of the round is wanted."""
    return Message(
        "Hãy ghi một ngày từ {start} đến {cutoff}.",
        start=f"{round.window_start:%d/%m/%Y}", cutoff=f"{round.cutoff:%d/%m/%Y}",
    )


def _note_faults(field: str, figure: Figure, known: Known) -> Iterator[Fault]:
    """What may only be accepted with a reason in the note."""
    note = f"{field}.note"
    if len(figure.note) > NOTE_LIMIT:
        yield Fault(note, Message("Ghi chú dài hơn {limit} ký tự.", limit=NOTE_LIMIT), Message("Hãy rút gọn."))
    if figure.note.strip():
        return
    if figure.value is None:
        yield Fault(f"{field}.value", Message("Chưa có giá trị."), Message("Hãy ghi giá trị, hoặc nêu ở ghi chú vì sao chưa có."))
    if falls(figure, known):
        yield Fault(
            note,
            Message("Số lũy kế giảm so với kỳ trước ({before}).", before=written(known.history[-1])),
            Message("Hãy kiểm tra lại; nếu đúng, nêu lý do ở ghi chú."),
        )
    if known.kind_before is ValueKind.OFFICIAL and figure.kind is not ValueKind.OFFICIAL:
        yield Fault(
            note, Message("Số chính thức lại chuyển về chưa chính thức."), Message("Nếu đúng là phải vậy, hãy nêu lý do ở ghi chú.")
        )
