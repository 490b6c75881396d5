"""What codes are called for people, and the tone in which a status is shown."""

from typing import NamedTuple

from shared.messages import Message


class Word(NamedTuple):
    """A status in words, and the tone that repeats it in colour."""

    text: Message
    tone: str = "muted"


PARTICIPATION = {
    "none": Word(Message("Chưa đăng ký"), "poor"),
    "draft": Word(Message("Bản nháp")),
    "submitted": Word(Message("Chờ duyệt"), "fair"),
    "returned": Word(Message("Đã trả lại"), "poor"),
    "approved": Word(Message("Đã duyệt"), "good"),
}
AMENDMENT = {
    "proposed": Word(Message("Chờ duyệt"), "fair"),
    "returned": Word(Message("Đã trả lại"), "poor"),
    "approved": Word(Message("Đã duyệt"), "good"),
}
WORK = {
    "declared": Word(Message("Đã khai báo")),
    "confirmed": Word(Message("Đã xác nhận"), "accent"),
    "started": Word(Message("Đã khởi công"), "accent"),
    "completed": Word(Message("Đã hoàn thành"), "good"),
    "unveiled": Word(Message("Đã gắn biển"), "good"),
}
PHASE = {
    "draft": Word(Message("Dự thảo")),
    "launched": Word(Message("Đã phát động"), "accent"),
    "registering": Word(Message("Đang đăng ký"), "accent"),
    "running": Word(Message("Đang thực hiện"), "accent"),
    "closed": Word(Message("Đã kết thúc")),
    "reviewing": Word(Message("Đang xét"), "fair"),
    "ranked": Word(Message("Đã xếp hạng"), "good"),
    "honoured": Word(Message("Đã tôn vinh"), "good"),
    "archived": Word(Message("Đã lưu trữ")),
}
PURPOSE = {"economic": Message("Kinh tế"), "social": Message("Xã hội"), "living": Message("Dân sinh")}
KIND = {
    "province": Message("Tỉnh"),
    "district": Message("Huyện, thành phố"),
    "commune": Message("Xã, phường, thị trấn"),
    "department": Message("Cơ quan, ban, ngành"),
    "enterprise": Message("Doanh nghiệp"),
}
ROLE = {
    "clerk": Message("Cán bộ nhập"),
    "head": Message("Người đứng đầu"),
    "cluster-head": Message("Trưởng cụm, khối"),
    "secretary": Message("Thư ký Hội đồng"),
    "member": Message("Ủy viên Hội đồng"),
    "chair": Message("Chủ tịch Hội đồng"),
    "auditor": Message("Cán bộ kiểm tra"),
    "operator": Message("Cán bộ vận hành"),
}
DIRECTION = {"higher": Message("Phấn đấu tăng"), "lower": Message("Phấn đấu giảm"), "keep": Message("Giữ vững")}
NATURE = {"flow": Message("Lũy kế"), "stock": Message("Thời điểm"), "rate": Message("Tỷ lệ")}
PERIOD = {
    "month": Message("Tháng"),
    "quarter": Message("Quý"),
    "half-year": Message("6 tháng"),
    "nine-months": Message("9 tháng"),
    "year": Message("Năm"),
    "school-year": Message("Năm học"),
    "ad-hoc": Message("Khi phát sinh"),
}
METHOD = {
    "attainment": Message("Theo mức hoàn thành"),
    "bands": Message("Theo bậc hoàn thành"),
    "works": Message("Số công trình"),
    "keep": Message("Không thấp hơn mức xuất phát"),
    "timeliness": Message("Báo cáo đúng hạn"),
    "rubric": Message("Hội đồng chấm"),
    "bonus": Message("Điểm thưởng"),
    "penalty": Message("Điểm trừ"),
}
