"""Windows per minute: a backfill by the state machine, against repeating a direct event."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from local.kaltura.control_client import ControlClient
from local.stack.lifecycle import local_stack
from local.stack.stack import Stack

LATENCY = 2.0
"""Seconds that each call to the simulated Kaltura takes. Kaltura's own latency is not known."""
DAYS = 59
WINDOWS = DAYS * 3 * 2
TITLE = (
    f"Backfill: {WINDOWS} windows of two regions on the local stack, "
    f"with {LATENCY:g} s for each call to Kaltura"
)
COLUMNS = ("how", "requests at once per region", "seconds", "windows per minute", "times")
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def rows(limits: tuple[int, ...] = (8, 16, 32)) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table: the direct event, then the backfill with several limits."""
    with local_stack() as stack:
        for region in stack.kaltura.urls:
            _control(stack, region).send("PUT", "latency", {"seconds": LATENCY})
        stack.invoke({**_range(0), "dry_run": True})  # so that no function starts cold
        direct = _measure(stack, 0, lambda event: _repeat(stack, event))
        yield "direct event, repeated", *_described(stack, direct, direct)
        for place, limit in enumerate(limits, 1):
            stack.configure(BACKFILL_CONCURRENCY=str(limit))
            spent = _measure(stack, place, lambda event: _backfill(stack, event))
            name = f"backfill, BackfillConcurrency={limit}"
            yield name, *_described(stack, spent, direct)


def _range(place: int) -> dict[str, str]:
    """Return a range that no other measurement uses."""
    start = _FIRST + place * timedelta(days=DAYS)
    return {"from": f"{start:%Y-%m-%d}", "to": f"{start + timedelta(days=DAYS):%Y-%m-%d}"}


def _measure(stack: Stack, place: int, export: Callable[[dict[str, str]], None]) -> float:
    for region in stack.kaltura.urls:
        _control(stack, region).send("DELETE", "calls")
    begun = time.perf_counter()
    export(_range(place))
    spent = time.perf_counter() - begun
    left = stack.invoke({**_range(place), "dry_run": True}).payload["deferred"]
    if left:
        raise RuntimeError(f"{left} windows are still due")
    return spent


def _repeat(stack: Stack, event: dict[str, str]) -> None:
    while stack.invoke(event).response()["deferred"]:
        pass


def _backfill(stack: Stack, event: dict[str, str]) -> None:
    machines = stack.aws.state_machines
    execution = machines.start_execution(
        stateMachineArn=stack.outputs["BackfillStateMachine"],
        name=f"bench-{uuid4()}",
        input=json.dumps(event),
    )["executionArn"]
    while machines.describe_execution(executionArn=execution)["status"] == "RUNNING":
        time.sleep(0.2)


def _described(stack: Stack, spent: float, direct: float) -> tuple[str, ...]:
    most = max(
        _control(stack, region).send("GET", "at_once")["most"] for region in stack.kaltura.urls
    )
    return str(most), f"{spent:.0f}", f"{WINDOWS / spent * 60:,.0f}", f"{direct / spent:.1f}"


def _control(stack: Stack, region: str) -> ControlClient:
    return ControlClient(stack.kaltura.urls[region])
