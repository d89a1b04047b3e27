"""The result of a run: the response to its caller, and the run record in the bucket."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from traceback import extract_tb
from typing import Any

from room_reports.errors import RoomReportsError
from room_reports.export.errors import ExportError
from room_reports.export.lateness import SeriesFreshness
from room_reports.export.planner import Task
from room_reports.export.publish import ExportedTask
from room_reports.export.scope import Scope
from room_reports.kaltura.errors import KalturaError
from room_reports.model.findings import Finding
from room_reports.model.windows import iso
from room_reports.storage.keys import Series


@dataclass(frozen=True)
class FailedTask:
    """A task that was tried and is still due."""

    task: Task
    error: str
    retryable: bool
    """Whether a later run may succeed although the operator changes nothing."""
    region_fault: bool = False
    """Whether the fault lies with the region, and not with the report."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as the response and the run record hold it."""
        return {"task": self.task.key, "error": self.error, "retryable": self.retryable}


@dataclass(frozen=True)
class SampleResult:
    """What the samples of a run have shown."""

    asked: int = 0
    """Windows that Kaltura was asked for."""
    changed: int = 0
    """Windows whose file was different in more than names, and was replaced."""
    not_asked: int = 0
    """Windows that were left to the next run of the date, or to their next turn."""
    failed: tuple[FailedTask, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as the run record holds it."""
        return {
            "asked": self.asked,
            "changed": self.changed,
            "not_asked": self.not_asked,
            "failed": [failed.to_dict() for failed in self.failed],
        }


def describe_error(error: BaseException, *, mask: bool = False) -> str:
    """Return an error as the run record and the log show it.

    Args:
        mask: Whether to leave out the message of an error of other libraries, which can quote data.
    """
    if isinstance(error, KalturaError | ExportError):
        return str(error)
    if mask and not isinstance(error, RoomReportsError):
        frames = extract_tb(error.__traceback__)
        place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        return f"{type(error).__name__}{place}"
    return f"{type(error).__name__}: {error}"


@dataclass(frozen=True)
class RunResult:
    """What a run did."""

    run_id: str
    exported: tuple[ExportedTask, ...]
    skipped: int
    """Windows that were not due, and tasks that another run has exported meanwhile."""
    deferred: int
    """Tasks that are due and were left to the next run."""
    failed: tuple[FailedTask, ...]
    quarantined: int = 0
    """Responses that could not be read and were kept for the operator."""
    freshness: tuple[SeriesFreshness, ...] = ()
    """What is still due, by series."""
    retired: tuple[str, ...] = ()
    """Keys of objects that were emptied, because another object is of the same window."""
    other_filters: Mapping[Series, tuple[str, ...]] = field(default_factory=dict)
    """Labels of the windows whose files were made with other filters than today's."""
    other_privacy: Mapping[Series, tuple[str, ...]] = field(default_factory=dict)
    """The same for other settings of ``PrivacyColumns``, or another key of the pseudonyms."""
    findings: tuple[Finding, ...] = ()
    """What looks wrong about the files that were exported, and what is new about others."""
    new_findings: int = 0
    """How many of these raise the alarm: neither known nor acknowledged."""
    samples: SampleResult = SampleResult()
    expired: int = 0
    """Windows of the scope that are not due, because their files are not kept any more."""
    emptied: Mapping[Series, tuple[str, ...]] = field(default_factory=dict)
    """Labels of the windows whose files were emptied, because they have expired."""

    def to_dict(self) -> dict[str, Any]:
        """Return the response to the caller. Tasks are named by their objects' keys."""
        return {
            "run_id": self.run_id,
            "exported": [done.task.key for done in self.exported],
            "skipped": self.skipped,
            "deferred": self.deferred,
            "failed": [failed.to_dict() for failed in self.failed],
            "expired": self.expired,
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
            "freshness": [item.to_dict() for item in self.freshness],
            "retired": list(self.retired),
            "other_filters": _by_series(self.other_filters),
            "other_privacy": _by_series(self.other_privacy),
            "quality": [finding.to_dict() for finding in self.findings],
            "samples": self.samples.to_dict(),
            "emptied": _by_series(self.emptied),
        }
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"


def _by_series(windows: Mapping[Series, tuple[str, ...]]) -> list[dict[str, Any]]:
    return [
        {
            "report": series.slug,
            "region": series.region,
            "granularity": series.granularity,
            "windows": len(labels),
            "oldest": labels[0],
            "newest": labels[-1],
        }
        for series, labels in windows.items()
    ]


def _exported(done: ExportedTask) -> dict[str, Any]:
    series, window, summary = done.task.series, done.task.window, done.fetched.summary
    figures = done.figures
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
        "fewer_rows_than": done.fewer_rows_than,
        "window_start": iso(window.start),
        "window_end": iso(window.end),
        "time_zone": done.metadata.get("time-zone"),
        "filters": done.metadata.get("filters"),
        "source": done.metadata.get("source"),
        "sessions": figures.sessions,
        "users": figures.users,
        "minutes": round(figures.minutes, 2) if figures.minutes is not None else None,
        "previous_exported_at": done.former_exported_at,
        "privacy": done.metadata.get("privacy"),
    }
