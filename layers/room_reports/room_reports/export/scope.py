"""The scope of a run: what the schedule or an event asks it to look at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from room_reports.model.reports import Report
from room_reports.model.windows import Calendar, Granularity, TimeRange, Window

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class CalendarRange(TimeRange):
    """A time range, and the calendar that divides it into windows."""

    calendar: Calendar


@dataclass(frozen=True)
class Scope:
    """The reports, regions and windows that a run considers, and its "now"."""

    trigger: str
    """``schedule``, ``event`` or ``backfill``."""
    now: datetime
    reports: Mapping[str, tuple[Report, ...]]
    """The reports of each region, by the region's name."""
    time_ranges: Mapping[Granularity, CalendarRange]
    open_windows: bool
    """Whether windows that have not ended are considered."""
    force: bool = False
    """Whether settled windows are exported again, and may lose rows."""
    dry_run: bool = False
    """Whether to count the tasks only."""
    other_filters: bool = False
    """Whether only the windows are considered whose files were made with other filters."""
    other_privacy: bool = False
    """Whether only the windows are considered whose files were made with other privacy settings."""
    missing_since: datetime | None = None
    """Missing windows that ended before this are left to a backfill; None: none are."""
    written_before: datetime | None = None
    """Forced and open windows that were written since then are not due again; None: they are."""
    expired_before: datetime | None = None
    """Windows that ended before this, or then, have expired and are not due; None: none have."""
    sample_days: int = 0
    """Settled days of each series that are asked for again when nothing is due any more."""

    @property
    def regions(self) -> tuple[str, ...]:
        """The names of the regions."""
        return tuple(self.reports)

    def series(self) -> Iterator[tuple[Report, str, Granularity]]:
        """Yield each combination of report, region and granularity."""
        for granularity in self.time_ranges:
            for region, reports in self.reports.items():
                for report in reports:
                    yield report, region, granularity

    def is_expired(self, window: Window) -> bool:
        """Return whether the time for which the file of a window is kept is over."""
        return self.expired_before is not None and window.end <= self.expired_before

    def windows(self, granularity: Granularity) -> Iterator[Window]:
        """Yield the windows to consider, oldest first; never one that has not begun.

        Those that have expired are among them.
        """
        span = self.time_ranges[granularity]
        for window in span.calendar.overlapping(span.start, min(span.end, self.now)):
            if window.end <= self.now or (self.open_windows and window.start < self.now):
                yield window

    def days(self, granularity: Granularity) -> tuple[str, str] | None:
        """Return the first and the last ``dt`` of the windows that have not expired.

        None when there are none.
        """
        span = self.time_ranges[granularity]
        start, end = max(span.start, self.expired_before or span.start), min(span.end, self.now)
        if start >= end:
            return None
        calendar = span.calendar
        return calendar.containing(start).dt, calendar.containing(end - _INSTANT).dt
