"""What notification says: which letters reached whom."""

from datetime import datetime

from shared.events.contract import CampaignEvent


class LetterDelivered(CampaignEvent, type="notification.letter.delivered.v1"):
    """A letter about `cause` (the id of a warning, report or decision) reached a unit by a channel."""

    letter: str
    unit: str
    rule: str
    cause: str
    channel: str
    revision: int
    at: datetime
