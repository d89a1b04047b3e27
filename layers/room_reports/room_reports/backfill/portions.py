"""Portions: the due windows of a region, cut into about a month of one series each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from room_reports.export.planner import Due, Plan
from room_reports.model.windows import iso
from room_reports.storage.keys import Series


@dataclass
class Portion:
    """Due windows of one series in one month, which one child workflow exports."""

    series: Series
    month: str
    """Such as ``2026-09``: that of the windows' labels."""
    start: datetime
    """When the first of the windows starts."""
    end: datetime
    """When the last of them ends."""
    windows: int = 0
    """The number of windows that are due."""

    def add(self, due: Due) -> None:
        """Add a window."""
        self.start = min(self.start, due.window.start)
        self.end = max(self.end, due.window.end)
        self.windows += 1

    def event(self) -> dict[str, Any]:
        """Return the direct event that exports the windows."""
        return {
            "from": iso(self.start),
            "to": iso(self.end),
            "reports": [self.series.slug],
            "regions": [self.series.region],
            "granularity": str(self.series.granularity),
        }


def portions(plan: Plan) -> list[Portion]:
    """Return the due windows of a plan in portions, the newest month first.

    Within a month the series follow each other, so that a report that fails for good does not
    hold up the others.
    """
    found = [
        portion
        for series, planned in plan.items()
        for portion in _by_month(series, planned.remaining())
    ]
    found.sort(key=lambda portion: portion.series)
    found.sort(key=lambda portion: portion.month, reverse=True)
    return found


def _by_month(series: Series, remaining: Iterable[Due]) -> Iterable[Portion]:
    months: dict[str, Portion] = {}
    for due in remaining:
        month = due.window.label[:7]
        if month not in months:
            months[month] = Portion(series, month, due.window.start, due.window.end)
        months[month].add(due)
    return months.values()


def total(found: Iterable[Portion]) -> int:
    """Return the number of windows that are due in all portions."""
    return sum(portion.windows for portion in found)
