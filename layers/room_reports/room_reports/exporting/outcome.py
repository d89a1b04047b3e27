"""What came of a run: the answer to its caller, and the record that it leaves in the bucket."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from room_reports.exporting.export import Exported
from room_reports.exporting.planner import Task
from room_reports.exporting.scope import Scope
from room_reports.windows import iso


@dataclass(frozen=True)
class Failure:
    """A task that was tried and is still due."""

    task: Task
    error: str
    retryable: bool
    """Whether a later run may succeed with nothing changed by the operator."""


class RunFailedError(Exception):
    """Raised at the end of a run in which a task failed; its text is the answer, as JSON."""

    def __init__(self, outcome: "Outcome") -> None:
        self.outcome = outcome
        super().__init__(json.dumps(outcome.answer(), ensure_ascii=False))


@dataclass(frozen=True)
class Outcome:
    """What a run did."""

    run_id: str
    exported: tuple[Exported, ...]
    skipped: int
    """Windows that needed nothing."""
    deferred: int
    """Tasks that are due and were left to the next run."""
    failed: tuple[Failure, ...]

    def answer(self) -> dict[str, Any]:
        """The answer to whoever invoked the exporter; tasks are named by their objects' keys."""
        return {
            "run_id": self.run_id,
            "exported": [done.task.key for done in self.exported],
            "skipped": self.skipped,
            "deferred": self.deferred,
            "failed": [
                {"task": failure.task.key, "error": failure.error, "retryable": failure.retryable}
                for failure in self.failed
            ],
        }

    def record(self, scope: Scope, started: datetime, finished: datetime) -> str:
        """The run record: one JSON document in one line, so that Athena reads it as a row."""
        record = {
            **self.answer(),
            "trigger": scope.trigger,
            "now": iso(scope.now),
            "started_at": iso(started),
            "finished_at": iso(finished),
            "exported": [_exported(done) for done in self.exported],
        }
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"


def _exported(done: Exported) -> dict[str, Any]:
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
