"""What becomes of partners' events, in one word each."""

from enum import StrEnum


class State(StrEnum):
    """What became of a partner's event. Only waiting and parked ones will change."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CONFLICT = "conflict"
    WAITING = "waiting"
    PARKED = "parked"
