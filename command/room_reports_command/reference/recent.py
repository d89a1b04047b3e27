"""The ids of users and of rooms that recent reports in the bucket have."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from room_reports.model.reports import ATTENDEES, ROOM_DATA, Report
from room_reports.runtime import ThreadRuntime, map_concurrently
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket
from room_reports.storage.csv_file import FORMULA_STARTS, read_csv
from room_reports.storage.keys import Series
from room_reports.storage.objects import StoredObject

_CONCURRENT_READS = 8
_IN_MEMORY = 1 << 20
_NO_USER = ("", "0", "Unknown", "Error")
"""What the reports have instead of an id for users that Kaltura does not know."""


@dataclass(frozen=True)
class RecentIds:
    """Ids in the reports of some days."""

    days: int
    users: frozenset[str]
    rooms: frozenset[str]


def recent_ids(bucket: Bucket, settings: Settings, now: datetime, days: int) -> RecentIds:
    """Return the ids in the files of the last days, of all regions.

    Raises:
        StorageError: If S3 refuses or fails.
        UnreadableCsvError: If a file is not strict CSV.
    """
    users = _values(bucket, _files(bucket, settings, ATTENDEES, now, days), "user_id")
    rooms = _values(bucket, _files(bucket, settings, ROOM_DATA, now, days), "entry_id")
    return RecentIds(days, frozenset(users - set(_NO_USER)), frozenset(rooms - {""}))


def _values(bucket: Bucket, items: Iterable[StoredObject], column: str) -> set[str]:
    """Return the different values of a column in some files."""

    def values(item: StoredObject) -> set[str]:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            if not bucket.read(item.key, file):
                return set()
            rows = read_csv(file, compressed=item.key.endswith(".gz"))
            header = next(rows, [])
            if column not in header:
                return set()
            place = header.index(column)
            return {_as_sent(row[place]) for row in rows}

    found = map_concurrently(
        ThreadRuntime(_CONCURRENT_READS), values, list(items), _CONCURRENT_READS
    )
    return set[str]().union(*found)


def _files(
    bucket: Bucket, settings: Settings, report: Report, now: datetime, days: int
) -> Iterator[StoredObject]:
    # Days have all rows of the hours, except those of the last hours.
    granularity = min(settings.granularities, key=lambda each: each.value)
    first = f"{(now - timedelta(days=days)).date()}"
    last = f"{(now + timedelta(days=1)).date()}"
    for region, reports in settings.reports_by_region.items():
        if report in reports:
            yield from bucket.exports(Series(report.slug, region, granularity), first, last)


def _as_sent(value: str) -> str:
    """Return a value as Kaltura sent it, without the apostrophe before a formula."""
    return value[1:] if value[:1] == "'" and value[1:2] in {*FORMULA_STARTS, " "} else value
