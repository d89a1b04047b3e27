"""Windows per minute: a backfill by the state machine, against repeating a direct event.

The rule of the stack is disabled, so that no scheduled run adds its requests.
"""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from local.kaltura.control_client import ControlClient
from local.stack.lifecycle import local_stack
from local.stack.stack import Stack
from tests.bench.figures import QUICK
from tests.bench.section import Section

TITLE = "A backfill, against repeating the direct event"
LATENCY = 2.0
"""Seconds that each call to the simulated Kaltura takes. Kaltura's own latency is not known."""
DAYS = 7 if QUICK else 59
WINDOWS = DAYS * 3 * 2
COLUMNS = ("how", "requests at once per region", "seconds", "windows per minute", "times")
_LIMITS = (8, 16, 32)
_NOTES = (
    f"{WINDOWS} windows of two regions on the local stack, with {LATENCY:g} s for each call to the "
    "simulated Kaltura. *Requests at once* is the most that either region counted. The state "
    "machine, all functions and S3 share this machine's cores, so that more requests at once stop "
    "to help earlier than on AWS."
)
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def measure() -> Section:
    """Run the direct event, then the backfill with several limits."""
    return Section(COLUMNS, list(_rows()), _NOTES)


def _rows() -> Iterator[tuple[str, ...]]:
    with local_stack() as stack:
        _disable_schedule(stack)
        for region in stack.kaltura.urls:
            _control(stack, region).send("PUT", "latency", {"seconds": LATENCY})
        stack.invoke({**_range(0), "dry_run": True})  # so that no function starts cold
        direct = _measure(stack, 0, lambda event: _repeat(stack, event))
        yield "direct event, repeated", *_described(stack, direct, direct)
        for place, limit in enumerate(_LIMITS):
            stack.configure(BACKFILL_CONCURRENCY=str(limit))
            _backfill(stack, _range(2 * place + 1))  # likewise
            spent = _measure(stack, 2 * place + 2, lambda event: _backfill(stack, event))
            name = f"backfill, BackfillConcurrency={limit}"
            yield name, *_described(stack, spent, direct)


def _disable_schedule(stack: Stack) -> None:
    functions, events = stack.aws.functions, stack.aws.events
    arn = functions.get_function_configuration(FunctionName=stack.outputs["ExporterFunction"])[
        "FunctionArn"
    ]
    (name,) = events.list_rule_names_by_target(TargetArn=arn)["RuleNames"]
    events.disable_rule(Name=name)


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
    while (status := machines.describe_execution(executionArn=execution)["status"]) == "RUNNING":
        time.sleep(0.2)
    if status != "SUCCEEDED" or any(
        key.endswith(".error.json") for key in stack.versions("backfill/")
    ):
        raise RuntimeError(f"the backfill {status}, or an invocation failed")


def _described(stack: Stack, spent: float, direct: float) -> tuple[str, ...]:
    most = max(
        _control(stack, region).send("GET", "at_once")["most"] for region in stack.kaltura.urls
    )
    return str(most), f"{spent:.0f}", f"{WINDOWS / spent * 60:,.0f}", f"{direct / spent:.1f}"


def _control(stack: Stack, region: str) -> ControlClient:
    return ControlClient(stack.kaltura.urls[region])
