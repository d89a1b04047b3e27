"""``room-reports status``: how fresh the data are, what is missing and why, and what comes next."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live

from room_reports.model.windows import iso
from room_reports.storage.keys import Series
from room_reports_command.context import Context, with_context
from room_reports_command.errors import FindingsError, InputError
from room_reports_command.late_data_display import LateDataOfAccount, read_late_data
from room_reports_command.plan import SeriesState, scheduled_event, scope_of, survey
from room_reports_command.run_records import RunRecord, last_errors, latest_runs
from room_reports_command.schedule import parse_schedule
from room_reports_command.stack import DeployedStack
from room_reports_command.status_display import RUNS_SHOWN, rendered

_RUNS_READ = 48
_LATE_DATA_DAYS = 30
"""Enough for most accounts, and read in seconds."""
_DAYS_IN_FULL = 90


@dataclass(frozen=True)
class Missing:
    """A window that is due, and why it was not exported."""

    series: Series
    start: str
    reason: str
    due_since: datetime
    error: str | None
    """The last error of this task in a run record; None if no run has tried it and failed."""
    deferred: bool
    """Whether the last run that looked at it left it to the next one."""


@dataclass(frozen=True)
class Status:
    """What the bucket and the run records say now."""

    now: datetime
    late_hours: float
    series: Mapping[Series, SeriesState]
    missing: tuple[Missing, ...]
    runs: tuple[RunRecord, ...]
    next_run: datetime | None
    schedule: str
    next_windows: Mapping[str, int]
    """What the next run will export, by reason."""
    retention_days: int = 0
    """Days for which files are kept after their windows; 0: without limit."""
    late_data: tuple[LateDataOfAccount, ...] | None = None
    """How late data come; None if it was not looked for."""
    late_data_in_full: bool = False
    """Whether to show what is known of late data, and not the conclusion only."""

    @property
    def late(self) -> tuple[Series, ...]:
        """The series that have been late for longer than the alarm allows."""
        return tuple(
            series
            for series, state in self.series.items()
            if state.freshness.hours_late > self.late_hours
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the status as JSON holds it."""
        return {
            "now": iso(self.now),
            "late": bool(self.late),
            "late_hours": self.late_hours,
            "report_retention_days": self.retention_days,
            "series": [
                {
                    **state.freshness.to_dict(),
                    "reasons": dict(state.reasons),
                    "newest": state.newest.parsed.label if state.newest else None,
                    "newest_state": state.newest_state,
                    "newest_exported_at": iso(state.newest.last_modified) if state.newest else None,
                    "late": series in self.late,
                }
                for series, state in self.series.items()
            ],
            "missing": [
                {
                    "report": each.series.slug,
                    "region": each.series.region,
                    "granularity": each.series.granularity,
                    "start": each.start,
                    "reason": each.reason,
                    "due_since": iso(each.due_since),
                    "error": each.error,
                    "deferred": each.deferred,
                }
                for each in self.missing
            ],
            "runs": [run.summary() for run in self.runs[:RUNS_SHOWN]],
            "next_run": {
                "schedule": self.schedule,
                "at": iso(self.next_run) if self.next_run else None,
                "windows": dict(self.next_windows),
            },
            "late_data": None
            if self.late_data is None
            else [each.to_dict() for each in self.late_data],
        }


@with_context
def status(
    context: Context,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again and again.")] = False,
    interval: Annotated[
        float, typer.Option(help="Seconds between two looks with --watch.", min=1)
    ] = 30.0,
    late_data: Annotated[
        bool, typer.Option("--late-data", help="Show what the conclusion on late data is made of.")
    ] = False,
    days: Annotated[
        int | None,
        typer.Option(
            help="Days of run records to read for late data. "
            f"Default: {_LATE_DATA_DAYS}, and {_DAYS_IN_FULL} with --late-data.",
            min=1,
            max=3650,
        ),
    ] = None,
) -> None:
    """Show how fresh the data are, what is missing and why, and what the next run will do.

    Exit code 1: a series is later than the stack's parameter LateHours.
    """
    stack, output = context.stack, context.output
    if not watch:
        now = datetime.now(UTC)
        found = read_status(stack, now)
        days = days or (_DAYS_IN_FULL if late_data else _LATE_DATA_DAYS)
        known = read_late_data(stack, now, days)
        found = replace(found, late_data=known, late_data_in_full=late_data)
        output.result(found.to_dict(), lambda: rendered(found))
        if found.late:
            raise FindingsError(
                f"{len(found.late)} of {len(found.series)} series are later than "
                f"{found.late_hours:g} hours.",
                "The errors above name the cause; docs/operating.md#error-messages has the cures.",
            )
        return
    if late_data:
        raise InputError("--watch and --late-data exclude each other.", "Leave one of them out.")
    if output.as_json:
        raise InputError("--watch and --json exclude each other.", "Repeat the command instead.")
    if not output.interactive:
        while True:
            again = read_status(stack, datetime.now(UTC))
            output.result(again.to_dict(), lambda: rendered(again))  # noqa: B023 - used at once
            time.sleep(interval)
    with Live(console=output.console, auto_refresh=False, screen=False) as live:
        while True:
            current = read_status(stack, datetime.now(UTC))
            live.update(Group(*rendered(current)), refresh=True)
            time.sleep(interval)


def read_status(stack: DeployedStack, now: datetime) -> Status:
    """Return the status of a stack; nothing is written.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    settings = stack.settings
    runs = latest_runs(stack.bucket, now, _RUNS_READ, until_scheduled=True)
    series = survey(settings, stack.bucket, scope_of(scheduled_event(now), settings, now), now)
    expression = stack.parameters.get("ScheduleExpression", "")
    next_run = _next_run(expression, now, runs)
    windows: dict[str, int] = {}
    if next_run:
        scope = scope_of(scheduled_event(next_run), settings, next_run)
        for state in survey(settings, stack.bucket, scope, now).values():
            for reason, number in state.reasons.items():
                windows[reason] = windows.get(reason, 0) + number
    return Status(
        now=now,
        late_hours=float(stack.parameters.get("LateHours") or 6),
        series=series,
        missing=tuple(_missing(series, runs)),
        runs=tuple(runs),
        next_run=next_run,
        schedule=expression,
        next_windows=windows,
        retention_days=settings.retention.days,
    )


def _missing(series: Mapping[Series, SeriesState], runs: list[RunRecord]) -> Iterator[Missing]:
    errors = {key.removesuffix(".gz"): error for key, (_, error) in last_errors(runs).items()}
    for each, state in series.items():
        deferred = _deferred(each, runs)
        for due in state.plan.remaining():
            label = due.window.label
            error = errors.get(each.key(due.window, gzip=False))
            yield Missing(each, label, due.reason.name.lower(), due.since, error, label in deferred)


def _deferred(series: Series, runs: list[RunRecord]) -> frozenset[str]:
    """Return the labels of the windows that the last run of a series deferred."""
    name = (series.slug, series.region, series.granularity.value)
    for run in runs:
        for each in run.fields.get("freshness", ()):
            if (each["report"], each["region"], each["granularity"]) == name:
                return frozenset(each["deferred"])
    return frozenset()


def _next_run(expression: str, now: datetime, runs: list[RunRecord]) -> datetime | None:
    try:
        schedule = parse_schedule(expression)
    except InputError:
        return None
    last = next((run.started for run in runs if run.trigger == "schedule"), None)
    return schedule.next_after(now, last)
