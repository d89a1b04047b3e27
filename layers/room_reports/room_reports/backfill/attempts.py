"""What all attempts of a portion have exported, as the files say.

Step Functions invokes a child workflow's function again when the response is lost or the function
was killed. Then the first attempt has left files, and perhaps no result and no run record. The next
one finds nothing to do. So each run of a portion has an id that ends in the same characters, the
metadata of each file names its run, and a result counts the files of all attempts.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from room_reports.model.freshness import CLOCK_SKEW
from room_reports.model.windows import Granularity, parse_timestamp
from room_reports.runtime import Runtime, map_concurrently
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series
from room_reports.storage.objects import StoredObject

_CONCURRENT_READS = 16
_MARGIN = {Granularity.DAY: timedelta(days=1), Granularity.HOUR: timedelta()}
"""A day is named by its date in the time zone, and an hour by its date in UTC."""
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Counted:
    """Windows that were exported, and the rows in them."""

    windows: int = 0
    rows: int = 0


def run_suffix(control: Mapping[str, Any]) -> str:
    """Return the eight characters in which the id of each run of a portion ends.

    Args:
        control: The field ``backfill`` of the portion's event.
    """
    names = (control[name] for name in ("execution", "region", "round", "portion"))
    return hashlib.sha256("/".join(map(str, names)).encode()).hexdigest()[:8]


def exported_by_attempts(
    item: Mapping[str, Any], bucket: Bucket, runtime: Runtime, leave_out: Collection[str] = ()
) -> Counted:
    """Return what the attempts of a portion have exported.

    It takes a request for each file in the portion's range that was written since the execution was
    started.

    Args:
        item: The portion's event.
        leave_out: The keys of files that are not counted.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    suffix = f"-{run_suffix(item['backfill'])}"
    written = [each for each in _written(item, bucket) if each.key not in leave_out]
    heads = map_concurrently(
        runtime, bucket.head, [each.key for each in written], _CONCURRENT_READS
    )
    found = [head.metadata for head in heads if head]
    rows = [int(each.get("rows", 0)) for each in found if each.get("run-id", "").endswith(suffix)]
    return Counted(len(rows), sum(rows))


def _written(item: Mapping[str, Any], bucket: Bucket) -> Iterable[StoredObject]:
    """Return the files around a portion that were written since the execution was started."""
    granularity = Granularity(item["granularity"])
    series = Series(item["reports"][0], item["backfill"]["region"], granularity)
    first = parse_timestamp(item["from"]) - _MARGIN[granularity]
    last = parse_timestamp(item["to"]) - _INSTANT + _MARGIN[granularity]
    since: datetime = parse_timestamp(item["backfill"]["started_at"]) - CLOCK_SKEW
    stored = bucket.exports(series, f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}")
    return (each for each in stored if each.last_modified >= since)
