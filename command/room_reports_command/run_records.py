"""The run records in the bucket: the last runs, and the last error of each task."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from room_reports.model.errors import WindowError
from room_reports.model.windows import parse_timestamp
from room_reports.runtime import ThreadRuntime, map_concurrently
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import run_records_of

_DAYS_BACK = 7
_CONCURRENT_READS = 8
_MANY_READS = 32


@dataclass(frozen=True)
class RunRecord:
    """One run; ``fields`` is the whole record, as docs/contract.md describes it."""

    run_id: str
    trigger: str
    started: datetime
    finished: datetime
    fields: dict[str, Any]

    @property
    def seconds(self) -> float:
        """How long the run took."""
        return (self.finished - self.started).total_seconds()

    @property
    def rows(self) -> int:
        """The rows that it exported."""
        return sum(each["rows"] for each in self.fields["exported"])

    @property
    def samples(self) -> dict[str, int]:
        """How many samples it took, how many files had changed, and how many samples failed."""
        found = self.fields.get("samples") or {}
        return {
            "asked": found.get("asked", 0),
            "changed": found.get("changed", 0),
            "failed": len(found.get("failed", ())),
        }

    def summary(self) -> dict[str, Any]:
        """Return the run without its lists."""
        return {
            "run_id": self.run_id,
            "trigger": self.trigger,
            "started_at": self.fields["started_at"],
            "seconds": self.seconds,
            "exported": len(self.fields["exported"]),
            "rows": self.rows,
            "skipped": self.fields["skipped"],
            "deferred": self.fields["deferred"],
            "failed": len(self.fields["failed"]),
            "samples": self.samples,
        }


def latest_runs(
    bucket: Bucket, now: datetime, most: int, *, until_scheduled: bool = False
) -> list[RunRecord]:
    """Return the last runs of the last week, the newest first.

    Args:
        most: How many at most.
        until_scheduled: Whether to go on until there is a scheduled run among them. A backfill
            leaves hundreds of records in an hour.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    runs: list[RunRecord] = []
    for days in range(_DAYS_BACK + 1):
        day = (now - timedelta(days=days)).date()
        # Run ids begin with the time, so that the keys of a day are in the order of its runs.
        keys = sorted(bucket.keys(run_records_of(day)), reverse=True)
        while keys:
            missing = most - len(runs)
            if missing <= 0:
                if not until_scheduled or any(run.trigger == "schedule" for run in runs):
                    return runs
                missing = most
            batch, keys = keys[:missing], keys[missing:]
            runs += _read(bucket, batch)
    return runs


def runs_of_days(bucket: Bucket, now: datetime, days: int) -> list[RunRecord]:
    """Return all runs of the last days, in any order.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    prefixes = [run_records_of((now - timedelta(days=back)).date()) for back in range(days + 1)]
    keys = map_concurrently(ThreadRuntime(_MANY_READS), bucket.keys, prefixes, _MANY_READS)
    return _read(bucket, [key for of_day in keys for key in of_day], _MANY_READS)


def _read(bucket: Bucket, keys: Sequence[str], threads: int = _CONCURRENT_READS) -> list[RunRecord]:
    found = map_concurrently(ThreadRuntime(threads), bucket.read_small, keys, threads)
    return list(_parsed([each.text for each in found if each]))


def last_errors(runs: Sequence[RunRecord]) -> dict[str, tuple[RunRecord, str]]:
    """Return the last error of each task that has not been exported since, by object key."""
    errors: dict[str, tuple[RunRecord, str]] = {}
    settled: set[str] = set()
    for run in runs:
        for failed in run.fields["failed"]:
            if failed["task"] not in settled:
                errors.setdefault(failed["task"], (run, failed["error"]))
        settled.update(each["task"] for each in run.fields["exported"])
    return errors


def _parsed(texts: Sequence[str]) -> Iterator[RunRecord]:
    for text in texts:
        try:
            fields = json.loads(text)
            yield RunRecord(
                run_id=fields["run_id"],
                trigger=fields["trigger"],
                started=parse_timestamp(fields["started_at"]),
                finished=parse_timestamp(fields["finished_at"]),
                fields=fields,
            )
        except (ValueError, TypeError, KeyError, WindowError):
            continue  # another program wrote it, or a version whose records were different
