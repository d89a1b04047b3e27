"""The simulated week: which files it must lead to, and when the schedule fires in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from room_reports.model.reports import REPORTS, Report

REGIONS = ("us", "eu")
MONDAY = datetime(2025, 3, 24, tzinfo=UTC)
"""Long ago, so that everything in it has happened whatever this machine's clock says."""
NEXT_MONDAY = MONDAY + timedelta(days=7)
FIRST_NIGHT = datetime(2025, 3, 28, 0, 7, tzinfo=UTC)
OUTAGE = datetime(2025, 3, 31, 0, 7, tzinfo=UTC)
RECOVERY = datetime(2025, 3, 31, 1, 7, tzinfo=UTC)
DOWN = "eu"
"""The region that is down during the outage."""
CATCH_UP_DAYS = 4
"""What the demo deploys with: as many days as lie between the runs, and one for luck."""

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class File:
    """A file that must be there: one report of one region for one window."""

    report: Report
    region: str
    granularity: str
    start: datetime
    end: datetime

    @property
    def key(self) -> str:
        """Where it must lie."""
        label = f"{self.start:%Y-%m-%d}" if self.granularity == "day" else f"{self.start:%FT%HZ}"
        slug = self.report.slug
        return (
            f"{slug}/granularity={self.granularity}/region={self.region}/dt={self.start:%F}"
            f"/{slug}_{self.region}_{label}.csv"
        )


def files(now: datetime, since: datetime = MONDAY) -> list[File]:
    """The files of every window that begins at ``since`` or later and has ended by ``now``."""
    return [
        File(report, region, granularity, start, start + length)
        for granularity, length in (("day", _DAY), ("hour", _HOUR))
        for start in _starts(since, now, length)
        for region in REGIONS
        for report in REPORTS
    ]


def _starts(since: datetime, now: datetime, length: timedelta) -> Iterator[datetime]:
    start = since
    while start + length <= now:
        yield start
        start += length
