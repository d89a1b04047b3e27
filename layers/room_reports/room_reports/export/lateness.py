"""Freshness after a run: which windows are still due, and how late they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from room_reports.export.planner import Due, Reason, SeriesPlan, Task
from room_reports.storage.keys import Series

_MOST_NAMED = 100
_NOT_LATE = (Reason.OPEN, Reason.FORCED)


@dataclass(frozen=True)
class SeriesFreshness:
    """What is still due of one series after a run."""

    series: Series
    due: int
    """Windows that are due, apart from open and forced ones."""
    oldest: Due | None
    """The one that has been due for longest."""
    hours_late: float
    """For how long it has been due; 0 when none is."""
    deferred: tuple[str, ...]
    """Labels of windows that were left to the next run, at most 100."""

    @classmethod
    def of(cls, plan: SeriesPlan, unfinished: Sequence[Task], now: datetime) -> "SeriesFreshness":
        """Measure a series.

        Args:
            unfinished: The tasks that were started and are still due.
        """
        left = [*plan.remaining(), *map(plan.due, unfinished)]
        late = [due for due in left if due.reason not in _NOT_LATE]
        oldest = min(late, key=lambda due: due.since, default=None)
        hours = (now - oldest.since).total_seconds() / 3600 if oldest else 0.0
        labels = tuple(due.window.label for due in left[:_MOST_NAMED])
        return cls(plan.series, len(late), oldest, max(hours, 0.0), labels)

    def to_dict(self) -> dict[str, Any]:
        """Return it as the run record holds it."""
        return {
            "report": self.series.slug,
            "region": self.series.region,
            "granularity": self.series.granularity,
            "due": self.due,
            "oldest_due": self.oldest.window.label if self.oldest else None,
            "hours_late": round(self.hours_late, 2),
            "deferred": list(self.deferred),
        }
