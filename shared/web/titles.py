"""What events and services are called on pages: the types and names that programs use say little to most readers."""

from collections.abc import Mapping

from shared.events import clock, evaluation, notification, registration, reporting
from shared.messages import Message

EVENTS: Mapping[str, Message] = {
    clock.MinuteTicked.TYPE: Message("Đồng hồ điểm một phút"),
    evaluation.AdjustmentEntered.TYPE: Message("Hội đồng ghi điểm thưởng hoặc điểm trừ"),
    evaluation.FrontRunnerFound.TYPE: Message("Đơn vị dẫn đầu chỉ tiêu qua nhiều kỳ"),
    evaluation.FrontRunnerLost.TYPE: Message("Đơn vị không còn dẫn đầu chỉ tiêu"),
    evaluation.HoldLifted.TYPE: Message("Thôi tạm dừng xét đơn vị"),
    evaluation.HoldPlaced.TYPE: Message("Một đơn vị bị tạm dừng xét"),
    evaluation.RankingFrozen.TYPE: Message("Chốt bảng xếp hạng"),
    evaluation.RubricEntered.TYPE: Message("Hội đồng chấm mức của đơn vị"),
    evaluation.ScoreChanged.TYPE: Message("Điểm của đơn vị thay đổi"),
    evaluation.TrialScored.TYPE: Message("Chấm điểm chạy thử"),
    evaluation.WarningCleared.TYPE: Message("Hết cảnh báo: tiến độ đã đủ"),
    evaluation.WarningRaised.TYPE: Message("Cảnh báo: với tiến độ này sẽ không đạt chỉ tiêu"),
    reporting.IndicatorCorrected.TYPE: Message("Đính chính một số liệu đã gửi: vẫn đơn vị, chỉ tiêu và ngày của sự kiện được dẫn"),
    reporting.IndicatorObserved.TYPE: Message("Số liệu về một đơn vị mà hệ thống của cơ quan khác ghi nhận"),
    reporting.ReportSubmitted.TYPE: Message("Báo cáo trọn kỳ nộp thay một đơn vị, được xét như khi đơn vị tự nộp"),
    reporting.UnitReorganised.TYPE: Message("Đơn vị được sắp xếp lại theo một văn bản; thư ký Hội đồng xác nhận rồi mới có hiệu lực"),
    reporting.WorkReported.TYPE: Message("Công trình đã khởi công, hoàn thành hoặc gắn biển; đơn vị xác nhận rồi mới được tính"),
    notification.LetterDelivered.TYPE: Message("Thư đã đến đơn vị"),
    registration.CampaignAdvanced.TYPE: Message("Phong trào sang giai đoạn khác"),
    registration.CampaignPublished.TYPE: Message("Công bố phong trào: lĩnh vực, chỉ tiêu, kỳ báo cáo, cụm khối, bảng điểm"),
    registration.CommitmentApproved.TYPE: Message("Duyệt chỉ tiêu đăng ký của một đơn vị"),
    registration.KeyPublished.TYPE: Message("Công bố khóa kiểm tra phiên đăng nhập"),
    registration.OfficerAppointed.TYPE: Message("Giao vai trò cho cán bộ"),
    registration.OfficerDisabled.TYPE: Message("Ngừng quyền của cán bộ"),
    registration.ParticipationApproved.TYPE: Message("Duyệt đăng ký tham gia của một đơn vị"),
    registration.ParticipationReturned.TYPE: Message("Trả lại đăng ký tham gia"),
    registration.ParticipationSubmitted.TYPE: Message("Đơn vị gửi đăng ký tham gia"),
    registration.PartnerAdmitted.TYPE: Message("Cho hệ thống đối tác vào bằng khóa"),
    registration.PartnerRegistered.TYPE: Message("Đăng ký hoặc đổi quyền của hệ thống đối tác"),
    registration.PartnerRevoked.TYPE: Message("Thu hồi quyền của hệ thống đối tác"),
    registration.ProposalDecided.TYPE: Message("Đã có quyết định về một đề nghị của hệ thống này"),
    registration.SessionEnded.TYPE: Message("Kết thúc một phiên đăng nhập"),
    registration.UnitChanged.TYPE: Message("Thông tin của một đơn vị thay đổi: tên, cấp trên, mã"),
    registration.UnitsSucceeded.TYPE: Message("Các đơn vị được sắp xếp thành đơn vị khác"),
    registration.WorkProgressed.TYPE: Message("Công trình sang bước khác, kèm mã của công trình"),
    reporting.DiscrepancyOpened.TYPE: Message("Số của đơn vị và của hệ thống khác chênh nhau"),
    reporting.DiscrepancyResolved.TYPE: Message("Chênh lệch số liệu đã giải quyết"),
    reporting.EventRejected.TYPE: Message("Một sự kiện của hệ thống này bị từ chối, kèm lý do từng mục"),
    reporting.ObservationAccepted.TYPE: Message("Nhận số liệu của hệ thống khác"),
    reporting.ReorganisationProposed.TYPE: Message("Đề nghị ghi nhận sắp xếp đơn vị"),
    reporting.ReportAccepted.TYPE: Message("Nhận báo cáo của đơn vị"),
    reporting.ReportMissed.TYPE: Message("Đơn vị không nộp báo cáo đúng hạn"),
    reporting.ReportReturned.TYPE: Message("Trả báo cáo về đơn vị"),
    reporting.RoundClosed.TYPE: Message("Kỳ báo cáo hết hạn, kèm số đơn vị đã nộp và còn thiếu"),
    reporting.RoundOpened.TYPE: Message("Kỳ báo cáo mở"),
    reporting.TrialEnded.TYPE: Message("Xóa phần chạy thử của một hệ thống"),
    reporting.WorkProposed.TYPE: Message("Đề nghị ghi nhận bước của công trình"),
    "inbound": Message("Sự kiện của hệ thống khác"),
}
"""By type; "inbound" is what a partner sent, before it is known what it is."""
SERVICES: Mapping[str, Message] = {
    "registration": Message("Dịch vụ đăng ký"),
    "reporting": Message("Dịch vụ báo cáo"),
    "evaluation": Message("Dịch vụ chấm điểm"),
    "notification": Message("Dịch vụ thông báo"),
}
