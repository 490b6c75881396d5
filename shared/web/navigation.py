"""The ways through the product, by what an officer may do: what is due comes first."""

from typing import NamedTuple

from shared.events.registration import Role
from shared.messages import Message
from shared.security import Officer

COUNCIL = (Role.SECRETARY, Role.MEMBER, Role.CHAIR)
UNIT = (Role.CLERK, Role.HEAD, Role.CLUSTER_HEAD)


class Way(NamedTuple):
    """A place in the navigation; `{unit}` in the path stands for the officer's own unit."""

    path: str
    words: Message
    roles: tuple[Role, ...]


WAYS = (
    Way("/reporting/due", Message("Việc cần làm"), (Role.CLERK, Role.HEAD)),
    Way("/evaluation/overview", Message("Tổng quan"), (*COUNCIL, Role.AUDITOR)),
    Way("/evaluation/league", Message("Bảng xếp hạng"), (*COUNCIL, Role.CLUSTER_HEAD, Role.AUDITOR)),
    Way("/evaluation/units/{unit}", Message("Đơn vị của tôi"), UNIT),
    Way("/evaluation/league", Message("Bảng xếp hạng"), (Role.CLERK, Role.HEAD)),
    Way("/registration/operations", Message("Vận hành"), (Role.OPERATOR,)),
    Way("/evaluation/warnings", Message("Cảnh báo"), (*COUNCIL, Role.HEAD, Role.CLUSTER_HEAD)),
    Way("/reporting/completeness", Message("Tiến độ báo cáo"), (*COUNCIL, Role.HEAD, Role.AUDITOR)),
    Way("/reporting/discrepancies", Message("Số liệu lệch"), (*COUNCIL, Role.CLERK, Role.HEAD)),
    Way("/registration/participation", Message("Đăng ký chỉ tiêu"), (Role.CLERK, Role.HEAD)),
    Way("/registration/amendments", Message("Điều chỉnh mục tiêu"), (Role.HEAD, Role.SECRETARY)),
    Way("/registration/participations", Message("Duyệt đăng ký"), (*COUNCIL, Role.AUDITOR)),
    Way("/registration/works", Message("Công trình"), (Role.CLERK, Role.HEAD, *COUNCIL)),
    Way("/registration/proposals", Message("Đề nghị từ hệ thống khác"), (Role.CLERK, Role.HEAD, Role.SECRETARY)),
    Way("/registration/units", Message("Cây đơn vị"), tuple(Role)),
    Way("/registration/campaign", Message("Phong trào"), tuple(Role)),
    Way("/evaluation/council", Message("Hội đồng"), COUNCIL),
    Way("/evaluation/rankings", Message("Kết quả đã chốt"), (*COUNCIL, Role.AUDITOR)),
    Way("/reporting/inbound", Message("Sự kiện từ mọi hệ thống"), (Role.OPERATOR, Role.SECRETARY, Role.AUDITOR)),
    Way("/reporting/partners", Message("Theo dõi từng hệ thống"), (Role.CLERK, Role.HEAD, Role.OPERATOR)),
    Way("/notification/log", Message("Nhật ký gửi thư"), (Role.OPERATOR, Role.SECRETARY, Role.AUDITOR)),
    Way("/registration/officers", Message("Tài khoản"), (Role.OPERATOR,)),
    Way("/registration/partners", Message("Quyền và khóa của hệ thống"), (Role.OPERATOR,)),
    Way("/registration/dead-letters", Message("Sự kiện lỗi"), (Role.OPERATOR,)),
    Way("/registration/audit", Message("Nhật ký kiểm tra"), tuple(Role)),
    Way("/registration/password", Message("Đổi mật khẩu"), tuple(Role)),
)


class Entry(NamedTuple):
    """A link of the navigation as one officer sees it; `here` marks where the reader is."""

    path: str
    words: Message
    here: bool


def entries(officer: Officer | None, at: str) -> list[Entry]:
    """The officer's ways in order, each once; nothing for somebody who is not signed in."""
    if officer is None:
        return []
    mine = [(way.path.format(unit=officer.unit), way.words) for way in WAYS if officer.holds(*way.roles)]
    return [Entry(path, words, at == path or at.startswith(path + "/")) for path, words in dict(mine).items()]
