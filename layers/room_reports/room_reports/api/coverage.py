"""Coverage: which windows of a series are exported, and how final they are."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from room_reports.api.day_files import day_facts, nothing_known
from room_reports.api.params import CoverageQuery
from room_reports.model.freshness import state_at
from room_reports.model.retention import EXPIRED, UNLIMITED, Retention
from room_reports.model.windows import Granularity, iso
from room_reports.storage.bucket import Bucket
from room_reports.storage.objects import latest_by_label

MISSING = "missing"
"""The state of a window that has ended, was not exported and has not expired."""
_WITHOUT_FILE = (MISSING, EXPIRED)


def coverage(
    bucket: Bucket,
    query: CoverageQuery,
    settle: timedelta,
    now: datetime,
    *,
    configured: bool = True,
    retention: Retention = UNLIMITED,
) -> list[dict[str, Any]]:
    """Return each window that is exported or has ended, oldest first.

    A day has also what the index of day files says of its file, or null and no findings if it says
    nothing.

    Args:
        configured: Whether the region's report is exported, so that a window without a file is
            missing.
        retention: How long files are kept. A window that has expired has no file, also if there is
            one that is not removed yet.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    windows = _windows(bucket, query, settle, now, retention)
    return [w for w in windows if configured or w["state"] not in _WITHOUT_FILE]


def _windows(
    bucket: Bucket, query: CoverageQuery, settle: timedelta, now: datetime, retention: Retention
) -> Iterator[dict[str, Any]]:
    windows = list(query.calendar.overlapping(query.time_range.start, query.time_range.end))
    if not windows:
        return
    held = latest_by_label(bucket.exports(query.series, windows[0].dt, windows[-1].dt))
    of_days = query.series.granularity is Granularity.DAY
    facts = day_facts(bucket, query.series, held.values()) if of_days else {}
    for window in windows:
        stored = held.get(window.label)
        expired = retention.is_expired(window, now)
        unknown = nothing_known() if of_days else {}
        known = unknown if expired else facts.get(window.label, unknown)
        if stored and not expired:
            yield {
                "start": window.label,
                "state": state_at(window, settle, stored.last_modified).value,
                "size": stored.size,
                "exported_at": iso(stored.last_modified),
                **known,
            }
        elif window.end <= now:
            state = EXPIRED if expired else MISSING
            nothing = {"state": state, "size": None, "exported_at": None}
            yield {"start": window.label, **nothing, **known}
