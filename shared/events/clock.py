"""What the clock says: time is an event."""

from datetime import datetime
from typing import Literal

from shared.events.contract import Event


class MinuteTicked(Event, type="clock.minute.ticked.v1"):
    """It is `instant`. Everything due since the last tick that was handled happens now; an older tick is ignored."""

    instant: datetime
    mode: Literal["real", "simulated"]
