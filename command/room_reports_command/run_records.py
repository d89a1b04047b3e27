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


def _read(bucket: Bucket, keys: Sequence[str]) -> list[RunRecord]:
    found = map_concurrently(
        ThreadRuntime(_CONCURRENT_READS), bucket.read_small, keys, _CONCURRENT_READS
    )
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
