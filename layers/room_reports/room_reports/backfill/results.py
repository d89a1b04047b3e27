"""Results: what the child workflows of one round have done, and why windows are still due."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from room_reports.export.result import FailedTask, RunResult

MAX_ERROR = 200
"""Characters of an error in a result: the cause of a failed execution holds all reasons."""
MAX_REASONS = 8
"""Reasons of one region in its state, for the same purpose."""


@dataclass(frozen=True)
class Failure:
    """Windows that failed for the same reason, with one of them as an example."""

    reason: str
    """The error's code."""
    windows: int
    retryable: bool
    """Whether a later attempt may succeed although the operator changes nothing."""
    task: str
    """The object key of the example."""
    error: str

    @classmethod
    def of(cls, failed: FailedTask) -> Self:
        """Return the failure of one task."""
        code = failed.error.partition(":")[0]
        return cls(code, 1, failed.retryable, failed.task.key, failed.error[:MAX_ERROR])


def by_reason(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """Return one failure for each reason, the most frequent first."""
    found: dict[tuple[str, bool], Failure] = {}
    for failure in failures:
        kind = failure.reason, failure.retryable
        known = found.get(kind)
        windows = failure.windows + (known.windows if known else 0)
        found[kind] = replace(known or failure, windows=windows)
    return tuple(sorted(found.values(), key=lambda each: (-each.windows, each.reason)))


def to_result(portion: Mapping[str, Any], run: RunResult | None) -> dict[str, Any]:
    """Return the result of one child workflow.

    Args:
        portion: The event of the child workflow.
        run: What its run did; None if it exported nothing, because its region is down.
    """
    control = portion["backfill"]
    failures = by_reason(map(Failure.of, run.failed if run else ()))
    exported = run.exported if run else ()
    return {
        **{name: control[name] for name in ("execution", "region", "round", "portion")},
        "report": portion["reports"][0],
        "granularity": portion["granularity"],
        "from": portion["from"],
        "to": portion["to"],
        "windows": control["windows"],
        "exported": len(exported),
        "rows": sum(done.fetched.summary.rows for done in exported),
        "skipped": run.skipped if run else 0,
        "deferred": run.deferred if run else control["windows"],
        "failures": [asdict(failure) for failure in failures],
        "down": run is not None and is_down(run),
        "run_id": run.run_id if run else None,
    }


def is_down(run: RunResult) -> bool:
    """Return whether a run could export nothing because of its region."""
    return (
        not run.exported and bool(run.failed) and all(failed.region_fault for failed in run.failed)
    )


@dataclass(frozen=True)
class RoundOutcome:
    """What all child workflows of one round have done."""

    exported: int = 0
    """Windows."""
    rows: int = 0
    down: bool = False
    """Whether the region was down at some time."""
    failures: tuple[Failure, ...] = ()

    @classmethod
    def of(cls, results: Iterable[Mapping[str, Any]], errors: Iterable[Mapping[str, Any]]) -> Self:
        """Return the sum of the results, and of the errors of those that have none.

        Args:
            errors: Each has ``error`` and ``cause``, as Step Functions describes a failed task, and
                the number of ``windows``.
        """
        exported = rows = 0
        down = False
        failures: list[Failure] = []
        for result in results:
            exported += result["exported"]
            rows += result["rows"]
            down |= result["down"]
            failures += (Failure(**failure) for failure in result["failures"])
        for error in errors:
            name = str(error.get("error", "Unknown"))
            text = f"{name}: {_message(error)}"[:MAX_ERROR]
            failures.append(Failure(name, error.get("windows", 1), _may_pass(name), "", text))
        return cls(exported, rows, down, by_reason(failures)[:MAX_REASONS])

    @property
    def is_permanent(self) -> bool:
        """Whether everything that failed would fail again."""
        return bool(self.failures) and not any(failure.retryable for failure in self.failures)


def _message(error: Mapping[str, Any]) -> str:
    """Return the message in the cause of a failed invocation, which Lambda writes as JSON."""
    cause = str(error.get("cause", ""))
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, TypeError, KeyError):
        return cause


def _may_pass(name: str) -> bool:
    return name != "ConfigurationError"
