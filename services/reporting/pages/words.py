"""The words and tones for what codes mean."""

from services.reporting import ledger, sources
from services.reporting.completeness import Standing
from services.reporting.sheets import ACCEPTED, RETURNED
from services.reporting.states import State
from shared.events.campaign import UnitKind
from shared.events.registration import Decision
from shared.events.reporting import Channel, ValueKind
from shared.messages import Message
from shared.web.charts import Tone

STANDINGS = {
    Standing.ON_TIME: (Message("Đúng hạn"), "good"),
    Standing.LATE: (Message("Nộp muộn"), "fair"),
    Standing.RETURNED: (Message("Bị trả lại"), "poor"),
    Standing.WAITING: (Message("Chưa nộp"), "accent"),
    Standing.MISSING: (Message("Thiếu báo cáo"), "poor"),
    Standing.ON_HOLD: (Message("Tạm dừng xét"), "muted"),
}
TONES: dict[Standing, Tone] = {
    Standing.ON_TIME: "good",
    Standing.LATE: "fair",
    Standing.RETURNED: "accent",
    Standing.WAITING: "muted",
    Standing.MISSING: "poor",
    Standing.ON_HOLD: "muted",
}
"""In a drawing each standing needs a tone of its own; waiting and on hold are told apart by their order and the legend's figures."""
STATUSES = {ACCEPTED: (Message("Đã tiếp nhận"), "good"), RETURNED: (Message("Đã trả lại"), "poor")}
KINDS = {
    ValueKind.ESTIMATE: Message("Ước tính"),
    ValueKind.PRELIMINARY: Message("Sơ bộ"),
    ValueKind.OFFICIAL: Message("Chính thức"),
}
CHANNELS = {
    Channel.PAGE: Message("Trang nhập báo cáo"),
    Channel.API: Message("Phần mềm của đơn vị"),
    Channel.PARTNER: Message("Hệ thống khác"),
    Channel.RECONCILIATION: Message("Đối chiếu số liệu"),
}
STATES = {
    State.ACCEPTED: (Message("Đã nhận"), "good"),
    State.REJECTED: (Message("Từ chối"), "poor"),
    State.CONFLICT: (Message("Trùng mã, khác nội dung"), "poor"),
    State.WAITING: (Message("Đang chờ"), "fair"),
    State.PARKED: (Message("Giữ lại vì vượt hạn mức"), "fair"),
}
PARTNER_STATES = {ledger.RECEIVED: (Message("Đã đến"), "accent")} | STATES | {
    ledger.SUPERSEDED: (Message("Đã được thay"), "muted"),
    ledger.DUPLICATE: (Message("Gửi trùng"), "muted"),
}
DECISIONS = {
    "": (Message("Chờ xác nhận"), "accent"),
    Decision.CONFIRMED: (Message("Được xác nhận"), "good"),
    Decision.DECLINED: (Message("Không được xác nhận"), "poor"),
}
"""What became of a proposal; nothing yet at first."""
FIGURE_STATES = {
    sources.CURRENT: (Message("Đang dùng"), "good"),
    sources.SUPERSEDED: (Message("Đã được thay"), "muted"),
    RETURNED: (Message("Đã trả lại"), "poor"),
}
KEPT = {
    "unit": Message("Giữ số của đơn vị"),
    "partner": Message("Lấy số của hệ thống khác"),
    "agreement": Message("Hai số đã khớp"),
}
UNIT_KINDS = {
    UnitKind.PROVINCE: Message("Tỉnh"),
    UnitKind.DISTRICT: Message("Huyện, thành phố"),
    UnitKind.COMMUNE: Message("Xã, phường, thị trấn"),
    UnitKind.DEPARTMENT: Message("Sở, ban, ngành"),
    UnitKind.ENTERPRISE: Message("Doanh nghiệp"),
}
