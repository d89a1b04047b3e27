"""The checks of the backfill's state machine, as the real Step Functions runs it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from room_reports.backfill.store import PREFIX
from room_reports_command.doctor.check import Area, Check, Outcome, finding, not_checked, ok
from room_reports_command.doctor.examination import Examination

_EXECUTIONS_READ = 20
_OF_STEP_FUNCTIONS = "States."
"""How the errors begin that Step Functions raises itself."""


def _definition(given: Examination) -> Iterator[Outcome]:
    machines = given.stack.state_machines
    described = machines.describe_state_machine(stateMachineArn=_machine(given))
    found = machines.validate_state_machine_definition(
        definition=described["definition"], type="STANDARD", severity="ERROR"
    )
    yield judge_definition(found["result"], found["diagnostics"])


def judge_definition(result: str, diagnostics: Sequence[Mapping[str, Any]]) -> Outcome:
    """Return whether Step Functions accepts a definition; only the result counts for that."""
    if result == "OK":
        return ok("it is accepted")
    problems = [f"{each['code']}: {each['message']}" for each in diagnostics]
    return finding("; ".join(problems) or f"the result is {result}")


def _children(given: Examination) -> Iterator[Outcome]:
    machines = given.stack.state_machines
    executions = machines.list_executions(
        stateMachineArn=_machine(given), maxResults=_EXECUTIONS_READ
    )["executions"]
    if not executions:
        yield not_checked("no backfill has run yet; room-reports backfill runs one")
        return
    latest = machines.describe_execution(executionArn=executions[0]["executionArn"])
    error = latest.get("error", "")
    if error.startswith(_OF_STEP_FUNCTIONS):
        yield finding(f"{latest['name']} ended with {error}: {latest.get('cause', '')}".strip())
    for execution in executions:
        runs = machines.list_map_runs(executionArn=execution["executionArn"])["mapRuns"]
        if runs:
            run = machines.describe_map_run(mapRunArn=runs[0]["mapRunArn"])
            yield judge_children(
                execution["name"], run["maxConcurrency"], _planned(given, execution["name"])
            )
            return
    if not error.startswith(_OF_STEP_FUNCTIONS):
        yield not_checked("no backfill has had anything to export yet")


def _planned(given: Examination, execution: str) -> int | None:
    """Return how many child workflows at once an execution was planned with, if that is kept.

    The parameters may have been changed since.
    """
    found = given.stack.bucket.read_small(f"{PREFIX}{execution}/request.json")
    return int(json.loads(found.text)["children"]) if found else None


def judge_children(execution: str, at_once: int, planned: int | None) -> Outcome:
    """Return whether the number of child workflows was limited as the backfill planned it.

    Args:
        at_once: Child workflows of a region at once; 0 means that Step Functions does not limit
            them.
        planned: How many of them make no more requests than BackfillConcurrency allowed; None if
            that is not known.
    """
    text = f"{execution} ran {at_once or 'any number of'} child workflows of a region at once"
    if planned is None:
        return not_checked(f"{text}; its request.json is not in the bucket any more")
    if at_once == planned:
        return ok(text)
    return finding(f"{text}, and planned {planned}")


def _machine(given: Examination) -> str:
    return given.stack.outputs["BackfillStateMachine"]


CHECKS = (
    Check(
        "state-machine",
        Area.AWS,
        "Step Functions accepts the backfill: a Distributed Map in an inline Map, and "
        "MaxConcurrencyPath.",
        "Backfills cannot be started, or cannot be deployed again.",
        "docs/first-deployment.md#state-machine",
        _definition,
        not_local="it accepts every definition",
    ),
    Check(
        "child-workflows",
        Area.AWS,
        "A backfill ran its child workflows, as many at once as it planned for a region.",
        "Backfills fail, or make more requests to Kaltura than they may.",
        "docs/first-deployment.md#child-workflows",
        _children,
    ),
)
