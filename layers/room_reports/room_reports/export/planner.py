"""Planning: which windows are due, given the time, the settings and the objects in the bucket."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from room_reports.export.scope import Scope
from room_reports.model.freshness import milestones
from room_reports.model.reports import Report
from room_reports.model.windows import Window
from room_reports.storage.bucket import StoredObject
from room_reports.storage.keys import Series

Listing = Mapping[Series, Mapping[str, StoredObject]]
"""The objects in the bucket, by series and by the window's label."""


class Reason(IntEnum):
    """Why a task is due; the lowest value is the most urgent."""

    MISSING = 0
    SETTLE = 1
    OPEN = 2
    FORCED = 3


@dataclass(frozen=True)
class Task:
    """One report of one region for one window, due to be exported."""

    report: Report
    series: Series
    window: Window
    reason: Reason
    key: str
    stored: StoredObject | None
    """The object that is in the bucket already, if any."""

    @property
    def gzip(self) -> bool:
        """Whether the object is compressed."""
        return self.key.endswith(".gz")

    def __str__(self) -> str:
        return f"{self.series.slug} {self.series.region} {self.window}"


@dataclass(frozen=True)
class Plan:
    """The tasks of a run, in order of execution."""

    tasks: tuple[Task, ...]
    skipped: int
    """The number of windows that need no export now."""


def plan(scope: Scope, settle: timedelta, listing: Listing, *, gzip: bool) -> Plan:
    """Return the tasks that are due within ``scope``.

    A window is due if it is missing, or if it was last written before the latest of its milestones
    that has passed. The newest missing windows come first, then older ones, then those that have
    settled since they were written, then open windows, and at last those that are only forced.

    Args:
        scope: The reports, regions and windows to consider.
        settle: The time after which a window is settled.
        listing: The objects in the bucket.
        gzip: Whether new objects are compressed. An object that exists keeps its key, so changing
            this setting never creates a second object for the same window.
    """
    tasks: list[Task] = []
    skipped = 0
    for report, region, granularity in scope.series():
        series = Series(report.slug, region, granularity)
        held = listing.get(series, {})
        for window in scope.windows(granularity):
            stored = held.get(window.label)
            if stored is None and scope.missing_since and window.end <= scope.missing_since:
                continue
            reason = _reason(window, settle, stored, scope)
            if reason is None:
                skipped += 1
                continue
            key = stored.key if stored else series.key(window, gzip=gzip)
            tasks.append(Task(report, series, window, reason, key, stored))
    order = {report.slug: place for place, report in enumerate(scope.reports)}
    tasks.sort(key=lambda task: order[task.report.slug])
    tasks.sort(key=lambda task: (task.window.end, task.window.start), reverse=True)
    tasks.sort(key=lambda task: task.reason)
    return Plan(tuple(tasks), skipped)


def _reason(
    window: Window, settle: timedelta, stored: StoredObject | None, scope: Scope
) -> Reason | None:
    passed = [moment for moment in milestones(window, settle) if moment <= scope.now]
    if not passed:
        return Reason.OPEN
    if stored is None:
        return Reason.MISSING
    if stored.last_modified < passed[-1]:
        return Reason.MISSING if stored.last_modified < passed[0] else Reason.SETTLE
    return Reason.FORCED if scope.force else None
