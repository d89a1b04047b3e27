"""The progress of a backfill, as the objects under ``backfill/{execution}/`` tell it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from room_reports.backfill.results import failures_of, last_of_each_portion
from room_reports.backfill.store import PREFIX
from room_reports.model.windows import parse_timestamp
from room_reports.runtime import ThreadRuntime, map_concurrently
from room_reports.storage.bucket import Bucket

_PORTIONS = re.compile(r"(?P<region>[a-z0-9-]+)/round-(?P<round>\d+)\.json")
_RESULT = re.compile(
    r"(?P<region>[a-z0-9-]+)/round-(?P<round>\d+)/(?P<portion>\d+)(\.down|\.error|)\.json"
)
_CONCURRENT_READS = 8


@dataclass(frozen=True)
class RegionProgress:
    """What has been done of one region."""

    total: int
    """Windows that were due at the start."""
    done: int
    rows: int
    round: int
    """The round that is under way; a round takes up again what an earlier one left."""
    failed: Mapping[str, int]
    """Windows that failed in the latest round, by the reason; a later round tries them again."""


@dataclass(frozen=True)
class BackfillProgress:
    """What has been done of all regions."""

    regions: Mapping[str, RegionProgress]
    planned: bool
    """Whether the number of windows of every region is known."""
    started: datetime | None

    @property
    def total(self) -> int:
        """Windows that were due at the start."""
        return sum(each.total for each in self.regions.values())

    @property
    def done(self) -> int:
        """Windows that have been exported."""
        return sum(each.done for each in self.regions.values())

    @property
    def rows(self) -> int:
        """Rows that have been exported."""
        return sum(each.rows for each in self.regions.values())

    @property
    def failed(self) -> int:
        """Windows that failed in the latest round of their region."""
        return sum(sum(each.failed.values()) for each in self.regions.values())

    def rate(self, now: datetime) -> float:
        """Return the windows for each second since the start; 0 before the first one."""
        seconds = (now - self.started).total_seconds() if self.started else 0.0
        return self.done / seconds if seconds > 0 else 0.0

    def seconds_left(self, now: datetime) -> float | None:
        """Return an estimate of the seconds until the end; None before there is a rate."""
        rate = self.rate(now)
        return (self.total - self.done) / rate if rate and self.planned else None


def progress_of(objects: Mapping[str, Any]) -> BackfillProgress:
    """Return the progress that a backfill's objects tell.

    Args:
        objects: The JSON of each object, by its key without ``backfill/{execution}/``.
    """
    request = objects.get("request.json") or {}
    portions: dict[str, dict[int, list[Any]]] = {}
    results: dict[str, dict[int, list[tuple[int, Any]]]] = {}
    for key, document in objects.items():
        if match := _PORTIONS.fullmatch(key):
            portions.setdefault(match["region"], {})[int(match["round"])] = document
        elif match := _RESULT.fullmatch(key):
            rounds = results.setdefault(match["region"], {})
            rounds.setdefault(int(match["round"]), []).append((int(match["portion"]), document))
    names = dict.fromkeys([*request.get("regions", ()), *sorted(portions)])
    started = request.get("started_at")
    return BackfillProgress(
        {name: _region(portions.get(name, {}), results.get(name, {})) for name in names},
        planned=bool(names) and all(1 in portions.get(name, {}) for name in names),
        started=parse_timestamp(started) if started else None,
    )


def _region(
    portions: Mapping[int, list[Any]], results: Mapping[int, list[tuple[int, Any]]]
) -> RegionProgress:
    last = {number: last_of_each_portion(documents) for number, documents in results.items()}
    every = [each for documents in last.values() for each in documents]
    done = sum(each.get("exported", 0) for each in every)
    failed: dict[str, int] = {}
    for each in last.get(max(last, default=0), ()):
        for failure in failures_of(each):
            failed[failure.reason] = failed.get(failure.reason, 0) + failure.windows
    due = sum(each["backfill"]["windows"] for each in portions.get(1, ()))
    # A window that became due after the start is exported as well.
    return RegionProgress(
        total=max(due, done),
        done=done,
        rows=sum(each.get("rows", 0) for each in every),
        round=max((*portions, *results), default=0),
        failed=failed,
    )


@dataclass
class ProgressReader:
    """Reads a backfill's objects, each one again only when it was written again."""

    bucket: Bucket
    execution: str
    _objects: dict[str, Any] = field(default_factory=dict)
    _etags: dict[str, str] = field(default_factory=dict)

    def read(self) -> BackfillProgress:
        """Return the progress now.

        Raises:
            StorageError: If S3 refuses or fails.
        """
        prefix = f"{PREFIX}{self.execution}/"
        new = [
            item.key
            for item in self.bucket.small_objects(prefix)
            if self._etags.get(item.key) != item.etag
        ]
        found = map_concurrently(
            ThreadRuntime(_CONCURRENT_READS), self.bucket.read_small, new, _CONCURRENT_READS
        )
        for item in found:
            if item:
                self._objects[item.key.removeprefix(prefix)] = json.loads(item.text)
                self._etags[item.key] = item.etag
        return progress_of(self._objects)
