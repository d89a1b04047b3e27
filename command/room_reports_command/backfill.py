"""``room-reports backfill``: export years of windows with the stack's state machine."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.live import Live

from room_reports.model.windows import Granularity
from room_reports_command.backfill_display import (
    bar,
    line,
    plan_document,
    plan_lines,
    summary_lines,
)
from room_reports_command.backfill_estimate import Estimate, estimate
from room_reports_command.backfill_progress import BackfillProgress, ProgressReader
from room_reports_command.context import Context, with_context
from room_reports_command.errors import (
    CommandError,
    ExitCode,
    FindingsError,
    InputError,
    StackError,
)
from room_reports_command.output import Output, counted
from room_reports_command.plan import scope_of, survey
from room_reports_command.prompts import confirmed
from room_reports_command.run_records import latest_runs
from room_reports_command.stack import DeployedStack

_RUNS_READ = 48
_POLL_SECONDS = 2.0
_PLAIN_SECONDS = 10.0
"""Between two lines of progress outside a terminal."""


class DetachedError(CommandError):
    """Raised when Ctrl-C ended following a backfill, which goes on."""

    exit_code = ExitCode.INTERRUPTED


@dataclass(frozen=True)
class Execution:
    """An execution of the state machine."""

    name: str
    arn: str


@with_context
def backfill(
    context: Context,
    *,
    from_: Annotated[
        str | None, typer.Option("--from", help="First day or time, inclusive.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="Last day or time, exclusive.")] = None,
    reports: Annotated[
        str | None, typer.Option(help="Reports, separated by commas; default: all.")
    ] = None,
    regions: Annotated[
        str | None, typer.Option(help="Kaltura regions, separated by commas; default: all.")
    ] = None,
    granularity: Annotated[
        Granularity | None, typer.Option(help="Default: as the stack exports.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Export again what is settled.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what is due, and estimate the time.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Start without asking.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Start it, and do not wait for its end.")
    ] = False,
    attach: Annotated[
        bool,
        typer.Option(
            "--attach", help="Follow the backfill that is running, or show how the last one ended."
        ),
    ] = False,
) -> None:
    """Export a range of any length; what has been exported already is left out.

    First shows how many windows are due and about how long it takes. Ctrl-C stops following it, and
    the backfill goes on. Exit code 1: windows are still due at its end.
    """
    stack, output = context.stack, context.output
    if attach:
        follow(stack, output, _latest(stack))
        return
    event = _event(from_, to, reports, regions, granularity, force=force)
    planned = plan(stack, event)
    if dry_run or not planned.total:
        output.result(plan_document(planned, event), lambda: plan_lines(planned))
        return
    for shown in () if output.as_json else plan_lines(planned):
        output.errors.print(shown)
    if not yes:
        _confirm(output)
    execution = _start(stack, event)
    if detach:
        output.result(
            {"execution": execution.name, **plan_document(planned, event)},
            lambda: [f"Started {execution.name}. Follow it: room-reports backfill --attach"],
        )
        return
    follow(stack, output, execution)


def _event(
    from_: str | None,
    to: str | None,
    reports: str | None,
    regions: str | None,
    granularity: Granularity | None,
    *,
    force: bool,
) -> dict[str, Any]:
    """Return the direct event that the options mean."""
    if from_ is None or to is None:
        raise InputError("A backfill needs a range.", "Give --from and --to, or --attach.")
    event: dict[str, Any] = {"from": from_, "to": to}
    for name, text in (("reports", reports), ("regions", regions)):
        if text is not None:
            event[name] = [each.strip() for each in text.split(",") if each.strip()]
    if granularity:
        event["granularity"] = granularity.value
    if force:
        event["force"] = True
    return event


def plan(stack: DeployedStack, event: Mapping[str, object]) -> Estimate:
    """Return what is due in a range and how long it takes; nothing is changed.

    Raises:
        InputError: If the exporter would refuse the event.
    """
    now = datetime.now(UTC)
    settings = stack.settings
    states = survey(settings, stack.bucket, scope_of(event, settings, now), now)
    return estimate(
        {series: len(state.plan) for series, state in states.items()},
        latest_runs(stack.bucket, now, _RUNS_READ),
        concurrency=settings.concurrency,
        backfill_concurrency=stack.backfill_concurrency,
    )


def follow(stack: DeployedStack, output: Output, execution: Execution) -> None:
    """Show the progress of a backfill until it ends, and then its summary.

    Raises:
        FindingsError: If windows are still due at its end.
        DetachedError: If Ctrl-C was pressed.
    """
    reader = ProgressReader(stack.bucket, execution.name)
    try:
        described = _watch(stack, output, execution, reader)
    except KeyboardInterrupt:
        raise DetachedError(
            f"The backfill {execution.name} goes on.",
            "Follow it again: room-reports backfill --attach",
        ) from None
    summary = _summary(described)
    if summary is None:
        raise FindingsError(
            f"The backfill {execution.name} ended as {described['status']}: "
            f"{described.get('error', '')} {described.get('cause', '')}".strip(),
            "Run the command again: it does only what is missing.",
        )
    output.result(
        {"execution": execution.name, "status": described["status"], **summary},
        lambda: summary_lines(summary),
    )
    if summary["remaining"]:
        raise FindingsError(
            f"Still due: {counted(summary['remaining'], 'window')}.",
            "The errors above name the cause; docs/operating.md#error-messages has the cures. "
            "Then run the command again: it does only what is missing.",
        )


def _watch(
    stack: DeployedStack, output: Output, execution: Execution, reader: ProgressReader
) -> Mapping[str, Any]:
    """Return the description of an execution when it has ended; show its progress until then."""

    def look() -> tuple[Mapping[str, Any], BackfillProgress]:
        described = stack.state_machines.describe_execution(executionArn=execution.arn)
        return dict(described), reader.read()

    if output.interactive:
        with Live(console=output.errors, auto_refresh=False, transient=True) as live:
            while True:
                described, progress = look()
                live.update(bar(execution.name, progress, datetime.now(UTC)), refresh=True)
                if described["status"] != "RUNNING":
                    return described
                time.sleep(_POLL_SECONDS)
    shown_at = float("-inf")
    while True:
        described, progress = look()
        ended = described["status"] != "RUNNING"
        if not output.as_json and (ended or time.monotonic() - shown_at >= _PLAIN_SECONDS):
            shown_at = time.monotonic()
            output.note(line(progress, datetime.now(UTC)))
        if ended:
            return described
        time.sleep(_POLL_SECONDS)


def _confirm(output: Output) -> None:
    if not output.interactive:
        raise InputError("There is no terminal to confirm on.", "Add --yes.")
    if not confirmed("Start it?"):
        raise InputError("Not started.")


def _machine(stack: DeployedStack) -> str:
    try:
        return stack.outputs["BackfillStateMachine"]
    except KeyError:
        raise StackError(
            f"The stack {stack.name} is of a version without backfills.",
            "Deploy the current version: sam build && sam deploy --config-file deploy.toml",
        ) from None


def _start(stack: DeployedStack, event: Mapping[str, object]) -> Execution:
    name = f"backfill-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    started = stack.state_machines.start_execution(
        stateMachineArn=_machine(stack), name=name, input=json.dumps(event)
    )
    return Execution(name, started["executionArn"])


def _latest(stack: DeployedStack) -> Execution:
    """Return the backfill that is running, or the last one, which has ended in the meantime."""
    found = stack.state_machines.list_executions(stateMachineArn=_machine(stack), maxResults=100)
    if not found["executions"]:
        raise InputError(
            "No backfill has been started.", "Start one: room-reports backfill --from … --to …"
        )
    latest = max(
        found["executions"], key=lambda each: (each["status"] == "RUNNING", each["startDate"])
    )
    return Execution(latest["name"], latest["executionArn"])


def _summary(described: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the summary that an execution ended with; None if it ended without one."""
    for text in (described.get("output"), described.get("cause")):
        try:
            found = json.loads(text or "")
        except ValueError:
            continue
        if isinstance(found, dict) and "remaining" in found:
            return found
    return None
