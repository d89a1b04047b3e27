"""How final an export is, which only time can tell."""

from datetime import datetime, timedelta
from enum import StrEnum

from room_reports.settings import CLOCK_SKEW
from room_reports.windows import Window


class State(StrEnum):
    """How final an export is, by when it was made."""

    OPEN = "open"
    SETTLING = "settling"
    SETTLED = "settled"


def milestones(window: Window, settle: timedelta) -> tuple[datetime, datetime]:
    """When a window's exports are due: after its end, and after Kaltura processed late data.

    The second never lies within the clocks' skew of the first, so that what Kaltura's clock puts
    into the window after ours has closed it is not lost.
    """
    return window.end, window.end + max(settle, CLOCK_SKEW)


def state_at(window: Window, settle: timedelta, moment: datetime) -> State:
    """The state of an export that was made at ``moment``."""
    end, settled = milestones(window, settle)
    if moment < end:
        return State.OPEN
    return State.SETTLED if moment >= settled else State.SETTLING
