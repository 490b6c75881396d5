"""campaign.yaml: decoded whole, then checked for what a field alone cannot show: codes, references, ranges."""

from pathlib import Path

from services.registration.loading.decoder import Decoder
from services.registration.loading.document import Document, Steps, open_document
from services.registration.loading.faults import Faults
from services.registration.loading.scalars import SLUG
from services.registration.loading.scoresheets import check_score_sheets
from services.registration.loading.timetable import Holiday, check_dates, check_rounds
from shared.events.campaign import Campaign, Cluster, Indicator, Partner, WorkDuty
from shared.messages import Message

PERIODS = ("month", "quarter", "half-year", "nine-months", "year", "school-year", "ad-hoc")
KEYS = {
    "areas": "number", "units_of_measure": "code", "indicators": "code", "rounds": "code",
    "score_sheets": "code", "clusters": "code", "partners": "client", "work_duties": "kind", "holidays": "day",
}  # fmt: skip
WHAT = {
    "area": Message("nội dung thi đua"),
    "measure": Message("đơn vị tính"),
    "indicator": Message("chỉ tiêu"),
    "sheet": Message("bảng điểm"),
    "period": Message("kỳ số liệu"),
}


class MovementFile(Campaign):
    """The campaign as its file writes it: without a version, with the days off that its deadlines must respect."""

    version: int = 0
    holidays: tuple[Holiday, ...] = ()

    def campaign(self) -> Campaign:
        """What the rest of the product knows of it; whoever saves it counts the version."""
        return Campaign(**{name: getattr(self, name) for name in Campaign.model_fields})


def read_movement(path: Path, faults: Faults) -> tuple[Document | None, Campaign | None]:
    """The document, for the checks that need other files too, and the campaign if every field could be read."""
    document = open_document(path, faults)
    if document is None:
        return None, None
    movement = Decoder(document, faults).decode(document.root, MovementFile)
    for check in (
        _check_codes,
        _check_indicators,
        check_dates,
        check_rounds,
        _check_clusters,
        _check_partners,
        check_score_sheets,
    ):
        check(document, faults)
    return document, movement.campaign() if isinstance(movement, MovementFile) else None


def _check_unique(document: Document, entries: list[Steps], key: str, faults: Faults) -> None:
    seen: dict[str, int] = {}
    for path in entries:
        text = document.text(*path, key)
        place = document.place(*path, key)
        if text and key in ("code", "client") and not SLUG.fullmatch(text):
            cure = Message("Chỉ dùng chữ thường không dấu, chữ số và dấu gạch nối, ví dụ ky-1.")
            faults.add(place, Message('Mã "{code}" sai dạng.', code=text), cure)
        if text and (first := seen.setdefault(text, place.line)) != place.line:
            cure = Message("Đổi hoặc bỏ một trong hai; lần đầu ở dòng {line}.", line=first)
            faults.add(place, Message('"{code}" được khai báo hai lần.', code=text), cure)


def _check_codes(document: Document, faults: Faults) -> None:
    _check_unique(document, [()], "code", faults)
    for section, key in KEYS.items():
        _check_unique(document, document.entries(section), key, faults)
    for sheet in document.entries("score_sheets"):
        _check_unique(document, document.entries(*sheet, "criteria"), "code", faults)
        _check_unique(document, document.entries(*sheet, "grades"), "code", faults)
        for criterion in document.entries(*sheet, "criteria"):
            _check_unique(document, document.entries(*criterion, "levels"), "code", faults)


def _check_indicators(document: Document, faults: Faults) -> None:
    areas, measures = document.names("areas", "number"), document.names("units_of_measure")
    for path, indicator in document.each(Indicator, "indicators"):
        faults.refer(document.place(*path, "area"), str(indicator.area), areas, WHAT["area"])
        faults.refer(document.place(*path, "unit_of_measure"), indicator.unit_of_measure, measures, WHAT["measure"])
        faults.refer(document.place(*path, "period"), indicator.period, PERIODS, WHAT["period"])
        _check_range(document, path, indicator, faults)
        _check_accumulation(document, path, indicator, faults)


def _check_range(document: Document, path: Steps, indicator: Indicator, faults: Faults) -> None:
    if indicator.lower is not None and indicator.upper is not None and indicator.lower >= indicator.upper:
        message = Message(
            "Cận dưới {lower} không nhỏ hơn cận trên {upper}.", lower=indicator.lower, upper=indicator.upper
        )
        faults.add(document.place(*path, "lower"), message, Message("Ghi lower nhỏ hơn upper."))


def _check_accumulation(document: Document, path: Steps, indicator: Indicator, faults: Faults) -> None:
    place = document.place(*path, "cumulative_from")
    if indicator.nature == "flow" and indicator.cumulative_from is None:
        message = Message("Chỉ tiêu lũy kế chưa có ngày bắt đầu cộng dồn.")
        faults.add(place, message, Message('Thêm dòng "cumulative_from: 2023-01-01".'))
    if indicator.nature != "flow" and indicator.cumulative_from is not None:
        faults.add(
            place, Message("Chỉ chỉ tiêu lũy kế mới có ngày cộng dồn."), Message('Bỏ dòng này hoặc ghi "nature: flow".')
        )


def _check_clusters(document: Document, faults: Faults) -> None:
    sheets = document.names("score_sheets")
    for path, cluster in document.each(Cluster, "clusters"):
        faults.refer(document.place(*path, "score_sheet"), cluster.score_sheet, sheets, WHAT["sheet"])
        _at_least_one(document, (*path, "least_members"), cluster.least_members, faults)
    for path, duty in document.each(WorkDuty, "work_duties"):
        _at_least_one(document, (*path, "required"), duty.required, faults)


def _at_least_one(document: Document, path: Steps, value: int, faults: Faults) -> None:
    if value < 1:
        faults.add(document.place(*path), Message("{value} quá nhỏ.", value=value), Message("Ghi số từ 1 trở lên."))


def _check_partners(document: Document, faults: Faults) -> None:
    indicators = document.names("indicators")
    for path, partner in document.each(Partner, "partners"):
        for n, code in enumerate(partner.indicators):
            faults.refer(document.place(*path, "indicators", n), code, indicators, WHAT["indicator"])
