"""The status as people see it: the tables of ``room-reports status``."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from room_reports.model.windows import iso
from room_reports_command.late_data_display import conclusions
from room_reports_command.late_data_display import rendered as rendered_late_data
from room_reports_command.output import counted, duration, printable, table
from room_reports_command.plan import SeriesState

if TYPE_CHECKING:
    from room_reports_command.status import Status

RUNS_SHOWN = 5
_MISSING_SHOWN = 10
_UNTRIED = "none: no run has tried it yet"


def rendered(found: "Status") -> Iterator[RenderableType]:
    """Yield the tables of a status, for people."""
    yield table(
        ("report", "region", "granularity", "newest", "state", "due", "oldest due", "late"),
        [
            (
                series.slug,
                series.region,
                series.granularity,
                state.newest.parsed.label if state.newest else None,
                state.newest_state,
                state.freshness.due,
                state.freshness.oldest.window.label if state.freshness.oldest else None,
                _lateness(state, series in found.late),
            )
            for series, state in found.series.items()
        ],
        title=f"Freshness at {iso(found.now)}",
        numbers="due",
    )
    if found.missing:
        yield Text()
        yield from _missing_table(found)
    yield Text()
    yield _runs_table(found)
    yield Text()
    yield _next_text(found)
    yield _samples_text(found)
    if found.retention_days:
        yield printable(f"Files are kept for {found.retention_days} days after their windows")
    if found.late_data_in_full:
        yield from rendered_late_data(found.late_data or ())
    else:
        yield from conclusions(found.late_data or ())


def _lateness(state: SeriesState, late: bool) -> Text:
    hours = state.freshness.hours_late
    if not hours:
        return Text("on time", "green")
    return Text(duration(timedelta(hours=hours)), "red" if late else "yellow")


def _missing_table(found: "Status") -> Iterator[RenderableType]:
    # Those with an error first: they say why.
    ordered = sorted(found.missing, key=lambda each: (each.error is None, each.due_since))
    yield table(
        ("report", "region", "start", "why it is due", "due for", "last error"),
        [
            (
                each.series.slug,
                each.series.region,
                each.start,
                each.reason,
                duration(found.now - each.due_since),
                each.error or ("none: the last run deferred it" if each.deferred else _UNTRIED),
            )
            for each in ordered[:_MISSING_SHOWN]
        ],
        title=f"Missing or to be exported again: {counted(len(found.missing), 'window')}",
    )
    if len(ordered) > _MISSING_SHOWN:
        yield Text(f"… and {len(ordered) - _MISSING_SHOWN} more; --json has all of them", "dim")


def _runs_table(found: "Status") -> RenderableType:
    return table(
        ("started", "trigger", "exported", "rows", "failed", "deferred", "took"),
        [
            (
                run.fields["started_at"],
                run.trigger,
                len(run.fields["exported"]),
                f"{run.rows:,}",
                Text(str(len(run.fields["failed"])), "red" if run.fields["failed"] else ""),
                run.fields["deferred"],
                duration(timedelta(seconds=run.seconds)),
            )
            for run in found.runs[:RUNS_SHOWN]
        ],
        title="Last runs" if found.runs else "Last runs: none in the last seven days",
        numbers="exported,rows,failed,deferred,took",
    )


def _next_text(found: "Status") -> RenderableType:
    if found.next_run is None:
        return printable(f"Next run: the schedule {found.schedule!r} has none")
    windows = ", ".join(f"{number} {reason}" for reason, number in found.next_windows.items())
    wait = duration(found.next_run - found.now)
    return printable(
        f"Next run: {iso(found.next_run)}, in {wait}; due then: {windows or 'nothing'}"
    )


def _samples_text(found: "Status") -> RenderableType:
    asked, changed, failed = (
        sum(run.samples[name] for run in found.runs) for name in ("asked", "changed", "failed")
    )
    return printable(
        f"Settled files checked for late data in the last {counted(len(found.runs), 'run')}: "
        f"{asked}, of which {changed} had changed; failed: {failed}"
    )
