"""The scope of a run: the reports, regions and windows that the schedule or an event selects."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from room_reports.model.reports import Report
from room_reports.model.windows import Calendar, Granularity, Window


@dataclass(frozen=True)
class TimeRange:
    """The interval ``[start, end)``, which a calendar divides into windows."""

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
    time_ranges: Mapping[Granularity, TimeRange]
    open_windows: bool
    """Whether windows that have not ended are considered."""
    force: bool = False
    missing_since: datetime | None = None
    """Missing windows that ended before this moment are not exported; None for no such limit."""

    def series(self) -> Iterator[tuple[Report, str, Granularity]]:
        """Yield each combination of report, region and granularity."""
        for granularity in self.time_ranges:
            for report in self.reports:
                for region in self.regions:
                    yield report, region, granularity

    def windows(self, granularity: Granularity) -> Iterator[Window]:
        """Yield the windows to consider that have begun, oldest first."""
        time_range = self.time_ranges[granularity]
        for window in time_range.calendar.overlapping(
            time_range.start, min(time_range.end, self.now)
        ):
            if window.end <= self.now or (self.open_windows and window.start < self.now):
                yield window
