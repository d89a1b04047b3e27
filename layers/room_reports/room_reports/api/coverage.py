"""Coverage: which windows of a series are exported, and how final they are."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from room_reports.api.params import CoverageQuery
from room_reports.model.freshness import state_at
from room_reports.model.windows import iso
from room_reports.storage.bucket import Bucket, latest_by_label

MISSING = "missing"
"""The state of a window that has ended and was not exported."""


def coverage(
    bucket: Bucket,
    query: CoverageQuery,
    settle: timedelta,
    now: datetime,
    *,
    configured: bool = True,
) -> list[dict[str, Any]]:
    """Return each window that is exported or has ended, oldest first.

    Args:
        configured: Whether the region's report is exported, so that a window without a file is
            missing.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    windows = _windows(bucket, query, settle, now)
    return [window for window in windows if configured or window["state"] != MISSING]


def _windows(
    bucket: Bucket, query: CoverageQuery, settle: timedelta, now: datetime
) -> Iterator[dict[str, Any]]:
    windows = list(query.calendar.overlapping(query.time_range.start, query.time_range.end))
    if not windows:
        return
    held = latest_by_label(bucket.exports(query.series, windows[0].dt, windows[-1].dt))
    for window in windows:
        stored = held.get(window.label)
        if stored:
            yield {
                "start": window.label,
                "state": state_at(window, settle, stored.last_modified).value,
                "size": stored.size,
                "exported_at": iso(stored.last_modified),
            }
        elif window.end <= now:
            yield {"start": window.label, "state": MISSING, "size": None, "exported_at": None}
