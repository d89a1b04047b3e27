"""How a backfill is shown: what it has to do, its progress, and its summary."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from room_reports_command.backfill_estimate import Estimate
from room_reports_command.backfill_progress import BackfillProgress
from room_reports_command.output import duration, printable, table


def line(progress: BackfillProgress, now: datetime) -> str:
    """Return the progress as one line."""
    if not progress.planned:
        return "Looking for what is due …"
    left = progress.seconds_left(now)
    return (
        f"{progress.done:,} of {progress.total:,} windows, {progress.rows:,} rows, "
        f"{progress.rate(now) * 60:,.1f} windows a minute, "
        f"{'time left unknown' if left is None else duration(timedelta(seconds=left)) + ' left'}, "
        f"{progress.failed:,} failed"
    )


def bar(name: str, progress: BackfillProgress, now: datetime) -> RenderableType:
    """Return the progress as bars: one for each region, and the line below."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for region, each in progress.regions.items():
        failed = ", ".join(f"{number} {reason}" for reason, number in each.failed.items())
        grid.add_row(
            Text(region, "bold"),
            ProgressBar(total=max(each.total, 1), completed=each.done, width=30),
            Text(f"{each.done:,}/{each.total:,}"),
            Text(f"{each.rows:,} rows"),
            Text(f"round {each.round}", "dim"),
            Text(failed, "red"),
        )
    return Group(Text(f"Backfill {name}", "bold"), grid, printable(line(progress, now)))


def summary_lines(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield the summary of a backfill, for people."""
    yield printable(
        f"{summary['exported']:,} windows and {summary['rows']:,} rows exported, "
        f"{summary['remaining']:,} windows still due"
    )
    if summary.get("expired"):
        yield printable(f"{summary['expired']:,} windows have expired and are not exported again")
    yield table(
        ("region", "exported", "rows", "still due", "rounds", "ended"),
        [
            (name, each["exported"], each["rows"], each["remaining"], each["rounds"], each["ended"])
            for name, each in summary["regions"].items()
        ],
        numbers="exported,rows,still due,rounds",
    )
    if summary["failures"]:
        yield Text()
        yield table(
            ("region", "reason", "windows", "an example"),
            [
                (each["region"], each["reason"], each["windows"], each.get("error"))
                for each in summary["failures"]
            ],
            title="Failures by reason",
            numbers="windows",
        )


def plan_document(planned: Estimate, event: Mapping[str, object]) -> dict[str, Any]:
    """Return what a backfill has to do, as JSON holds it."""
    return {
        "event": dict(event),
        "windows": planned.total,
        "rows": planned.rows,
        "seconds": planned.duration.total_seconds() if planned.duration else None,
        "series": [
            {
                "report": series.slug,
                "region": series.region,
                "granularity": series.granularity,
                "windows": number,
            }
            for series, number in planned.windows.items()
        ],
    }


def plan_lines(planned: Estimate) -> Iterator[RenderableType]:
    """Yield what a backfill has to do, for people."""
    yield table(
        ("report", "region", "granularity", "due"),
        [
            (series.slug, series.region, series.granularity, f"{number:,}")
            for series, number in planned.windows.items()
        ],
        numbers="due",
    )
    if not planned.total:
        yield printable("Nothing is due in this range.")
        return
    about = [f"{planned.total:,} windows"]
    if planned.rows is not None:
        about.append(f"about {planned.rows:,} rows")
    if planned.duration is not None:
        about.append(f"about {duration(planned.duration)}")
    else:
        about.append("no estimate of the time, because no run has exported enough yet")
    yield printable(", ".join(about))
