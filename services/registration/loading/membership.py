"""What only both files together show: who is in which cluster, and whether the campaign's units exist."""

from datetime import date

from services.registration.loading.document import Document
from services.registration.loading.faults import Faults
from services.registration.loading.periods import Period
from services.registration.loading.units import Directory, Line
from shared.clock import LOCAL
from shared.events.campaign import Cluster, Indicator, Partner, WorkDuty
from shared.messages import Message

EACH_UNIT = "unit"


def check_membership(document: Document, directory: Directory, faults: Faults) -> None:
    """Note every reference between the campaign and its units that leads nowhere or to the wrong kind of unit."""
    _check_owners(document, directory, faults)
    clusters = {cluster.code: cluster for _, cluster in document.each(Cluster, "clusters")}
    for row in directory.rows:
        if row["cluster"]:
            faults.refer(row.place("cluster"), row["cluster"], document.names("clusters"), Message("cụm, khối thi đua"))
    for line in directory.lines:
        if cluster := clusters.get(line.row["cluster"]):
            _check_member(line, cluster, document)
    _check_members(document, directory, faults)
    _check_confirmation(document, directory)


def _check_owners(document: Document, directory: Directory, faults: Faults) -> None:
    known = directory.named()
    for path, indicator in document.each(Indicator, "indicators"):
        faults.refer(document.place(*path, "owner"), indicator.owner, {*known, EACH_UNIT}, Message("đơn vị"))
    for path, partner in document.each(Partner, "partners"):
        faults.refer(document.place(*path, "unit"), partner.unit, known, Message("đơn vị"))


def _check_member(line: Line, cluster: Cluster, document: Document) -> None:
    if line.version.kind is not cluster.kind:
        message = Message(
            'Đơn vị loại "{kind}" đứng trong cụm của loại "{wanted}".',
            kind=line.version.kind.value,
            wanted=cluster.kind.value,
        )
        line.row.add("cluster", message, Message("Chỉ xếp hạng các đơn vị cùng loại: chọn cụm khác hoặc để trống."))
    run = _run(document)
    if run and not (line.period.holds(run.first) and line.period.holds(run.last or run.first)):
        message = Message("Đơn vị không tồn tại suốt thời gian phong trào nên không thể ở trong cụm.")
        line.row.add("cluster", message, Message("Để trống ô này hoặc sửa valid_from, valid_to."))


def _run(document: Document) -> Period | None:
    starts, ends = document.values.get(("starts",)), document.values.get(("ends_at",))
    return Period(starts, ends.astimezone(LOCAL).date()) if isinstance(starts, date) and ends else None


def _check_members(document: Document, directory: Directory, faults: Faults) -> None:
    used = {row["cluster"] for row in directory.rows}
    for path, cluster in document.each(Cluster, "clusters"):
        if cluster.code not in used:
            message = Message('Cụm "{code}" không có đơn vị nào.', code=cluster.code)
            cure = Message('Ghi mã cụm vào cột "cluster" của units.csv hoặc bỏ cụm.')
            faults.add(document.place(*path, "code"), message, cure)


def _check_confirmation(document: Document, directory: Directory) -> None:
    run = _run(document)
    kinds = {duty.kind for _, duty in document.each(WorkDuty, "work_duties") if duty.confirmed_by_parent}
    for line in directory.lines:
        if run and line.version.kind in kinds and not line.version.parent and line.period.holds(run.first):
            message = Message("Công trình của đơn vị này phải được cấp trên xác nhận, nhưng chưa có cấp trên.")
            line.row.add("parent", message, Message("Ghi khóa của đơn vị cấp trên."))
