"""Whether a workbook is the one that was asked for: another unit's figures in this unit's form would be a quiet mistake."""

from datetime import date

from services.reporting.pages.workbooks.layout import Identity
from services.reporting.pages.workbooks.packages import refusal
from services.reporting.rules.figures import Titled
from services.reporting.sheets import Sheet
from shared import units
from shared.database import ReadSession
from shared.events.campaign import Text
from shared.messages import Message

ID_LIMIT = 36


async def must_belong(session: ReadSession, identity: Identity, sheet: Sheet, unit: str, on: date) -> None:
    """Raise `Refused` unless the workbook was made for this campaign, unit and round."""
    if identity.campaign != sheet.campaign.code:
        raise refusal(Message("Biểu mẫu này của phong trào khác."), _take())
    if identity.unit != unit:
        other = await units.known(session, identity.unit[:ID_LIMIT], on)
        name = other.name if other else "?"
        raise refusal(Message("Biểu mẫu này của đơn vị khác ({name}), không phải của đơn vị đồng chí.", name=name), _take())
    if identity.round != sheet.round.code:
        other_round = sheet.campaign.round(identity.round)
        said = _words(other_round.title) if other_round else Message("không rõ")
        problem = Message("Biểu mẫu này của kỳ khác ({round}); trang này là {here}.", round=said, here=_words(sheet.round.title))
        raise refusal(problem, Message("Hãy mở trang nhập báo cáo của kỳ đó, hoặc tải biểu mẫu của kỳ này."))


def _take() -> Message:
    return Message("Hãy tải biểu mẫu Excel ở trang này rồi điền.")


def _words(title: Text) -> Message:
    return Titled(title.vi, title.en)
