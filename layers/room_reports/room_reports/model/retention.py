"""Retention: how long the files of the reports are kept, counted from the end of their windows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from room_reports.model.windows import Window

EXPIRED = "expired"
"""The state of a window whose time is over: its file is removed, and it is not exported again."""


@dataclass(frozen=True)
class Retention:
    """How long the files of the reports are kept."""

    days: int = 0
    """Days after the end of a window; 0: without limit."""

    def cutoff(self, now: datetime) -> datetime | None:
        """Return the moment up to which windows must have ended to be expired; None: none are."""
        return now - timedelta(days=self.days) if self.days else None

    def is_expired(self, window: Window, now: datetime) -> bool:
        """Return whether the file of a window is not kept any more."""
        cutoff = self.cutoff(now)
        return cutoff is not None and window.end <= cutoff


UNLIMITED = Retention()
"""Files are kept without limit."""
