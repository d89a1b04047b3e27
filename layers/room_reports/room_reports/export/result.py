"""The result of a run: the response to its caller, and the run record in the bucket."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from room_reports.export.planner import Task
from room_reports.export.publish import ExportedTask
from room_reports.export.scope import Scope
from room_reports.model.windows import iso


@dataclass(frozen=True)
class FailedTask:
    """A task that was tried and is still due."""

    task: Task
    error: str
    retryable: bool
    """Whether a later run may succeed although the operator changes nothing."""


@dataclass(frozen=True)
class RunResult:
    """What a run did."""

    run_id: str
    exported: tuple[ExportedTask, ...]
    skipped: int
    """Windows that were not due."""
    deferred: int
    """Tasks that are due and were left to the next run."""
    failed: tuple[FailedTask, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the response to the caller. Tasks are named by their objects' keys."""
        return {
            "run_id": self.run_id,
            "exported": [done.task.key for done in self.exported],
            "skipped": self.skipped,
            "deferred": self.deferred,
            "failed": [
                {"task": failed.task.key, "error": failed.error, "retryable": failed.retryable}
                for failed in self.failed
            ],
        }

    def run_record(self, scope: Scope, started: datetime, finished: datetime) -> str:
        """Return the run record: a JSON document in one line, which Athena reads as a row."""
        record = {
            **self.to_dict(),
            "trigger": scope.trigger,
            "now": iso(scope.now),
            "started_at": iso(started),
            "finished_at": iso(finished),
            "exported": [_exported(done) for done in self.exported],
        }
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"


def _exported(done: ExportedTask) -> dict[str, Any]:
    series, window, summary = done.task.series, done.task.window, done.fetched.summary
    return {
        "task": done.task.key,
        "report": series.slug,
        "region": series.region,
        "granularity": series.granularity,
        "start": window.label,
        "reason": done.task.reason.name.lower(),
        "state": done.state,
        "rows": summary.rows,
        "size": summary.size,
        "sha256": summary.sha256,
        "pieces": done.fetched.pieces,
        "unknown_columns": list(summary.unknown_columns),
        "replaced_bytes": done.fetched.replaced,
        "change": asdict(done.change) if done.change else None,
        "same": done.same,
    }
