"""Score sheets: every criterion can be measured, and the weights make 100."""

from decimal import Decimal

from services.registration.loading.document import Document, Steps
from services.registration.loading.faults import Faults
from shared.events.campaign import Cluster, Criterion, Indicator, ScoreSheet, WorkDuty
from shared.messages import Message

MEASURED = ("attainment", "bands", "keep")
OUTSIDE = ("bonus", "penalty")
WHOLE = Decimal(100)


def check_score_sheets(document: Document, faults: Faults) -> None:
    """Note every fault of every sheet; sheets with unreadable lines are checked as far as they can be read."""
    for path, sheet in document.each(ScoreSheet, "score_sheets"):
        _check_weights(document, path, sheet, faults)
        _check_caps(document, path, sheet, faults)
        _check_grades(document, path, sheet, faults)
    for sheet_path in document.entries("score_sheets"):
        for path, criterion in document.each(Criterion, *sheet_path, "criteria"):
            for check in (_check_points, _check_indicator, _check_bands, _check_levels, _check_late_share):
                check(document, path, criterion, faults)
    _check_works(document, faults)


def _check_weights(document: Document, path: Steps, sheet: ScoreSheet, faults: Faults) -> None:
    total = sum((c.max_points for c in sheet.criteria if c.method not in OUTSIDE), Decimal(0))
    if total != WHOLE:
        message = Message("Tổng điểm tối đa là {total}, chưa bằng 100 (không kể điểm thưởng, điểm trừ).", total=total)
        cure = Message("{change} điểm ở các tiêu chí của bảng này.", change=_change(WHOLE - total))
        faults.add(document.place(*path, "criteria")._replace(line=document.place(*path).line), message, cure)


def _change(difference: Decimal) -> Message:
    return (
        Message("Thêm {points}", points=difference) if difference > 0 else Message("Bớt {points}", points=-difference)
    )


def _check_caps(document: Document, path: Steps, sheet: ScoreSheet, faults: Faults) -> None:
    for method, name, cap in (("bonus", "bonus_cap", sheet.bonus_cap), ("penalty", "penalty_cap", sheet.penalty_cap)):
        place = document.place(*path, name)
        if cap < 0:
            faults.add(place, Message("{value} quá nhỏ.", value=cap), Message("Ghi số từ 0 trở lên."))
        if cap == 0 and any(c.method == method for c in sheet.criteria):
            message = Message("Bảng có tiêu chí {method} nhưng mức trần bằng 0.", method=method)
            faults.add(place, message, Message('Ghi "{name}" lớn hơn 0 hoặc bỏ tiêu chí đó.', name=name))
    if not WHOLE <= sheet.total_cap <= WHOLE + max(sheet.bonus_cap, Decimal(0)):
        message = Message("Điểm trần {cap} nằm ngoài khoảng từ 100 đến 100 cộng điểm thưởng.", cap=sheet.total_cap)
        cure = Message("Ghi số từ 100 đến {most}.", most=WHOLE + max(sheet.bonus_cap, Decimal(0)))
        faults.add(document.place(*path, "total_cap"), message, cure)


def _check_grades(document: Document, path: Steps, sheet: ScoreSheet, faults: Faults) -> None:
    bounds = [grade.at_least for grade in sheet.grades]
    if bounds != sorted(set(bounds), reverse=True) or (bounds and bounds[0] > WHOLE):
        message = Message("Các mức xếp loại không giảm dần từ 100 trở xuống.")
        faults.add(
            document.place(*path, "grades"), message, Message("Xếp at_least từ cao xuống thấp, không trùng nhau.")
        )
    if bounds and bounds[-1] != 0:
        message = Message(
            "Mức xếp loại thấp nhất bắt đầu từ {bound}, điểm thấp hơn không có xếp loại.", bound=bounds[-1]
        )
        faults.add(document.place(*path, "grades", len(bounds) - 1, "at_least"), message, Message("Ghi at_least: 0."))


def _check_points(document: Document, path: Steps, criterion: Criterion, faults: Faults) -> None:
    if criterion.max_points <= 0:
        message = Message("Điểm tối đa phải lớn hơn 0.")
        faults.add(document.place(*path, "max_points"), message, Message("Ghi số lớn hơn 0 hoặc bỏ tiêu chí này."))
    if criterion.method == "works" and criterion.required < 1:
        message = Message("{value} quá nhỏ.", value=criterion.required)
        faults.add(document.place(*path, "required"), message, Message("Ghi số từ 1 trở lên."))


def _check_indicator(document: Document, path: Steps, criterion: Criterion, faults: Faults) -> None:
    place = document.place(*path, "indicator")
    if criterion.method not in MEASURED:
        if criterion.indicator:
            message = Message("Tiêu chí {method} không tính từ chỉ tiêu.", method=criterion.method)
            faults.add(place, message, Message('Bỏ dòng "indicator" hoặc đổi "method".'))
        return
    if not criterion.indicator:
        cure = Message('Thêm dòng "indicator: …", hoặc ghi "method: rubric" với các mức.')
        faults.add(place, Message("Tiêu chí không đo được: chưa gắn với chỉ tiêu nào."), cure)
    elif faults.refer(place, criterion.indicator, document.names("indicators"), Message("chỉ tiêu")):
        _check_direction(document, path, criterion, faults)


def _check_direction(document: Document, path: Steps, criterion: Criterion, faults: Faults) -> None:
    directions = {i.code: i.direction for _, i in document.each(Indicator, "indicators")}
    if criterion.method != "keep" and directions.get(criterion.indicator or "") == "keep":
        message = Message(
            'Chỉ tiêu "{code}" chỉ cần giữ vững, không có mức tăng để tính điểm.', code=criterion.indicator
        )
        faults.add(document.place(*path, "method"), message, Message('Ghi "method: keep".'))


def _check_bands(document: Document, path: Steps, criterion: Criterion, faults: Faults) -> None:
    place = document.place(*path, "bands")
    if criterion.method != "bands":
        if criterion.bands:
            faults.add(place, *_out_of_place("bands", criterion))
        return
    if not criterion.bands:
        faults.add(place, Message("Tiêu chí theo bậc chưa có bậc nào."), Message('Thêm "bands" với at_least và share.'))
    bounds = [band.at_least for band in criterion.bands]
    if len(set(bounds)) != len(bounds):
        faults.add(place, Message("Hai bậc có cùng mức at_least."), Message("Ghi mỗi bậc một mức khác nhau."))
    for n, band in enumerate(criterion.bands):
        _check_share(document, (*path, "bands", n, "share"), band.share, faults)


def _check_levels(document: Document, path: Steps, criterion: Criterion, faults: Faults) -> None:
    place = document.place(*path, "levels")
    if criterion.method != "rubric":
        if criterion.levels:
            faults.add(place, *_out_of_place("levels", criterion))
        return
    if len(criterion.levels) < 2:
        message = Message("Tiêu chí không đo được: chưa có từ hai mức đánh giá trở lên.")
        faults.add(place, message, Message('Thêm "levels" với code, title và share.'))
    for n, level in enumerate(criterion.levels):
        _check_share(document, (*path, "levels", n, "share"), level.share, faults)


def _check_late_share(document: Document, path: Steps, criterion: Criterion, faults: Faults) -> None:
    if criterion.method == "timeliness":
        _check_share(document, (*path, "late_share"), criterion.late_share, faults)


def _out_of_place(name: str, criterion: Criterion) -> tuple[Message, Message]:
    message = Message('"{name}" không dùng với tiêu chí {method}.', name=name, method=criterion.method)
    return message, Message('Bỏ mục này hoặc đổi "method".')


def _check_share(document: Document, path: Steps, share: Decimal, faults: Faults) -> None:
    if not 0 <= share <= 1:
        message = Message("Tỷ lệ {share} nằm ngoài khoảng từ 0 đến 1.", share=share)
        faults.add(document.place(*path), message, Message("Ghi số từ 0 đến 1, ví dụ 0.5."))


def _check_works(document: Document, faults: Faults) -> None:
    """A works criterion asks for a duty of the cluster's kind: otherwise nobody owes what it scores."""
    obliged = {duty.kind for _, duty in document.each(WorkDuty, "work_duties")}
    kinds = {c.score_sheet: c.kind for _, c in document.each(Cluster, "clusters") if c.kind not in obliged}
    for sheet in document.entries("score_sheets"):
        kind = kinds.get(document.text(*sheet, "code") or "")
        for path, criterion in document.each(Criterion, *sheet, "criteria"):
            if kind and criterion.method == "works":
                message = Message(
                    'Loại đơn vị "{kind}" không có nghĩa vụ công trình trong work_duties.', kind=kind.value
                )
                cure = Message("Thêm nghĩa vụ cho loại đơn vị này hoặc bỏ tiêu chí.")
                faults.add(document.place(*path, "method"), message, cure)
