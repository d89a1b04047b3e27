"""The summary with which a backfill ends."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from room_reports.backfill.results import Failure
from room_reports.backfill.rounds import Ended, RegionState
from room_reports.model.windows import iso

_DEFERRED = "DEFERRED: not tried, because a circuit breaker was open or the time was up"


def summarise(
    request: Mapping[str, Any], states: Mapping[str, RegionState], finished: datetime
) -> dict[str, Any]:
    """Return what a backfill has done.

    Args:
        request: What it was asked for.
        states: The last state of each region.
    """
    dry_run = bool(request["event"].get("dry_run", False))
    complete = all(state.ended is Ended.COMPLETE for state in states.values())
    return {
        "execution": request["execution"],
        "complete": complete and not dry_run,
        "dry_run": dry_run,
        "from": request["event"]["from"],
        "to": request["event"]["to"],
        "started_at": request["started_at"],
        "finished_at": iso(finished),
        "exported": _sum(state.exported for state in states.values()),
        "rows": _sum(state.rows for state in states.values()),
        "remaining": _sum(state.remaining for state in states.values()),
        "expired": _sum(state.expired for state in states.values()),
        "failures": [
            {"region": region, **asdict(failure)}
            for region, state in states.items()
            for failure in (*state.failures, *_deferred(state))
        ],
        "regions": {
            region: {
                "exported": state.exported,
                "rows": state.rows,
                "remaining": state.remaining,
                "expired": state.expired,
                "rounds": state.round,
                "ended": state.ended,
            }
            for region, state in states.items()
        },
    }


def _deferred(state: RegionState) -> Iterable[Failure]:
    """Yield the windows that were left although they had not failed."""
    failed = sum(failure.windows for failure in state.failures)
    if state.remaining > failed and state.ended is not Ended.DRY_RUN:
        yield Failure("DEFERRED", state.remaining - failed, True, "", _DEFERRED)


def _sum(numbers: Iterable[int]) -> int:
    return sum(numbers)
