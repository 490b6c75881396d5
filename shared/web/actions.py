"""The audit trail's actions in words for people; an action without words is shown by its code."""

from shared.messages import Message

ACTIONS = {
    "amendment.approved": Message("Duyệt điều chỉnh chỉ tiêu"),
    "amendment.proposed": Message("Đề nghị điều chỉnh chỉ tiêu"),
    "amendment.returned": Message("Trả lại đề nghị điều chỉnh"),
    "campaign.loaded": Message("Nạp phong trào"),
    "campaign.review-opened": Message("Mở kỳ xét duyệt"),
    "dead-letter.replayed": Message("Áp dụng lại sự kiện lỗi"),
    "discrepancy.resolved": Message("Kết luận số liệu lệch"),
    "letters.chosen": Message("Chọn thư nhận qua e-mail"),
    "officer.disabled": Message("Khóa tài khoản"),
    "officer.password-set": Message("Đặt lại mật khẩu"),
    "participation.approved": Message("Duyệt đăng ký"),
    "participation.returned": Message("Trả lại đăng ký"),
    "participation.saved": Message("Lưu đăng ký"),
    "participation.submitted": Message("Gửi đăng ký"),
    "report.corrected": Message("Đính chính báo cáo"),
    "report.returned": Message("Trả lại báo cáo"),
    "report.submitted": Message("Gửi báo cáo"),
    "round.opened-for-unit": Message("Mở kỳ báo cáo cho đơn vị"),
    "session.ended": Message("Đăng xuất"),
}
