"""What a run is asked to look at: by the schedule, or by somebody's event."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from room_reports.model.reports import Report
from room_reports.model.windows import Calendar, Granularity, Window


@dataclass(frozen=True)
class TimeRange:
    """An interval of time, cut into windows by a calendar."""

    calendar: Calendar
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Scope:
    """The reports, regions and windows that a run considers, and its "now"."""

    trigger: str
    """``schedule`` or ``event``."""
    now: datetime
    reports: tuple[Report, ...]
    regions: tuple[str, ...]
    spans: Mapping[Granularity, TimeRange]
    open_windows: bool
    """Whether windows that have not ended are considered."""
    force: bool = False
    missing_since: datetime | None = None
    """Missing windows that ended before this are left to backfill; None: none are."""

    def series(self) -> Iterator[tuple[Report, str, Granularity]]:
        """Each combination of report, region and granularity."""
        for granularity in self.spans:
            for report in self.reports:
                for region in self.regions:
                    yield report, region, granularity

    def windows(self, granularity: Granularity) -> Iterator[Window]:
        """The windows to consider, oldest first; never one that has not begun."""
        span = self.spans[granularity]
        for window in span.calendar.overlapping(span.start, min(span.end, self.now)):
            if window.end <= self.now or (self.open_windows and window.start < self.now):
                yield window
