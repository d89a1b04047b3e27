"""Freshness: how final an export is, which depends only on when it was made."""

from datetime import datetime, timedelta
from enum import StrEnum

from room_reports.model.windows import Window

CLOCK_SKEW = timedelta(minutes=10)
"""The largest difference between the clocks of Lambda, S3 and Kaltura that loses no row."""


class State(StrEnum):
    """How final an export is, by when it was made."""

    OPEN = "open"
    """Made before the window's end."""
    SETTLING = "settling"
    """Made after the end, but before Kaltura had processed late data."""
    SETTLED = "settled"


def milestones(window: Window, settle: timedelta) -> tuple[datetime, datetime]:
    """Return the moments at which a window is exported: its end, and its end plus ``settle``.

    The second is at least ``CLOCK_SKEW`` after the first. Otherwise a row that Kaltura's clock
    puts into the window after our clock has closed it would be lost.
    """
    return window.end, window.end + max(settle, CLOCK_SKEW)


def state_at(window: Window, settle: timedelta, moment: datetime) -> State:
    """Return the state of an export that was made at ``moment``."""
    end, settled = milestones(window, settle)
    if moment < end:
        return State.OPEN
    return State.SETTLED if moment >= settled else State.SETTLING
