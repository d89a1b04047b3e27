"""Results: what the child workflows of one round have done, and why windows are still due."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from room_reports.backfill.attempts import Counted
from room_reports.errors import ConfigurationError
from room_reports.export.result import FailedTask, RunResult

MAX_ERROR = 200
"""Characters of an error in a result: the cause of a failed execution holds all reasons."""
MAX_REASONS = 8
"""Reasons of one region in its state, for the same purpose."""
NOTHING = Counted()


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

    @classmethod
    def of_step(cls, error: str, cause: str, windows: int) -> Self:
        """Return the failure of a step, as Step Functions describes it.

        Args:
            error: The class of the exception, or a name of Step Functions.
            cause: What Lambda says about the exception, as JSON, or any text.
        """
        try:
            message = str(json.loads(cause)["errorMessage"])
        except (ValueError, TypeError, KeyError):
            message = cause
        retryable = error != ConfigurationError.__name__
        return cls(error, windows, retryable, "", f"{error}: {message}"[:MAX_ERROR])


def by_reason(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """Return one failure for each reason, the most frequent first."""
    found: dict[tuple[str, bool], Failure] = {}
    for failure in failures:
        kind = failure.reason, failure.retryable
        known = found.get(kind)
        windows = failure.windows + (known.windows if known else 0)
        found[kind] = replace(known or failure, windows=windows)
    return tuple(sorted(found.values(), key=lambda each: (-each.windows, each.reason)))


def to_result(
    portion: Mapping[str, Any], run: RunResult | None, earlier: Counted = NOTHING
) -> dict[str, Any]:
    """Return the result of one child workflow.

    Args:
        portion: The event of the child workflow.
        run: What its run did; None if it exported nothing, because its region is down.
        earlier: What earlier attempts of the child workflow have exported.
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
        "exported": len(exported) + earlier.windows,
        "rows": sum(done.fetched.summary.rows for done in exported) + earlier.rows,
        "skipped": run.skipped if run else 0,
        "deferred": run.deferred if run else max(0, control["windows"] - earlier.windows),
        "failures": [asdict(failure) for failure in failures],
        "down": run is not None and is_down(run),
        "run_id": run.run_id if run else None,
    }


def to_error(
    portion: Mapping[str, Any], failed: Mapping[str, Any], earlier: Counted
) -> dict[str, Any]:
    """Return what is kept of a child workflow whose last attempt failed.

    Args:
        portion: The event of the child workflow.
        failed: Has ``Error`` and ``Cause``, as Step Functions describes a failed step.
        earlier: What its attempts have exported.
    """
    return {
        "windows": portion["backfill"]["windows"],
        "exported": earlier.windows,
        "rows": earlier.rows,
        "error": failed["Error"],
        "cause": failed["Cause"],
    }


def last_of_each_portion(
    documents: Iterable[tuple[int, Mapping[str, Any]]],
) -> list[Mapping[str, Any]]:
    """Return the last result or error of each portion of a round.

    There are several when a child workflow was tried again. The last one counts what all of them
    have exported.

    Args:
        documents: The number of the portion, and the document.
    """
    in_order = sorted(documents, key=lambda each: each[1].get("finished_at", ""))
    return list(dict(in_order).values())


def failures_of(document: Mapping[str, Any]) -> list[Failure]:
    """Return the failures of a result, or the one of an error."""
    if "error" not in document:
        return [Failure(**failure) for failure in document["failures"]]
    left = document["windows"] - document.get("exported", 0)
    return [Failure.of_step(document["error"], document["cause"], left)] if left > 0 else []


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
    def of(cls, documents: Iterable[tuple[int, Mapping[str, Any]]]) -> Self:
        """Return the sum of the results of a round, and of the errors of portions without one.

        Args:
            documents: The number of the portion, and the result or the error.
        """
        documents = list(documents)
        last = last_of_each_portion(documents)
        failures = by_reason(failure for each in last for failure in failures_of(each))
        return cls(
            exported=sum(each.get("exported", 0) for each in last),
            rows=sum(each.get("rows", 0) for each in last),
            down=any(each.get("down", False) for _, each in documents),
            failures=failures[:MAX_REASONS],
        )

    @property
    def is_permanent(self) -> bool:
        """Whether everything that failed would fail again."""
        return bool(self.failures) and not any(failure.retryable for failure in self.failures)
