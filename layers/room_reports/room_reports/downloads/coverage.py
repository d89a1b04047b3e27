"""Coverage: which windows of a series are there, and how final they are."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from room_reports.downloads.queries import CoverageQuery
from room_reports.freshness import state_at
from room_reports.lake.bucket import Bucket, by_label
from room_reports.windows import iso

MISSING = "missing"
"""Beside the states of an export: the window has ended and was not exported."""


def coverage(
    bucket: Bucket, query: CoverageQuery, settle: timedelta, now: datetime
) -> list[dict[str, Any]]:
    """Each window that is in the bucket or should be, oldest first.

    Raises:
        LakeError: when S3 refuses or fails.
    """
    return list(_windows(bucket, query, settle, now))


def _windows(
    bucket: Bucket, query: CoverageQuery, settle: timedelta, now: datetime
) -> Iterator[dict[str, Any]]:
    windows = list(query.calendar.overlapping(query.span.start, query.span.end))
    if not windows:
        return
    held = by_label(bucket.exports(query.series, windows[0].dt, windows[-1].dt))
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
