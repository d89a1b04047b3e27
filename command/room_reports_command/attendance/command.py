"""``room-reports attendance``: who was there, by course and class, and how sure that is."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import RenderableType

from room_reports_command.athena import run_query
from room_reports_command.attendance.csv_output import write_attendance_csv
from room_reports_command.attendance.days import day_files_sql, open_days, stretches
from room_reports_command.attendance.report import AttendanceReport
from room_reports_command.attendance.rows import (
    attendance_rows,
    attendance_sql,
    last_attendance,
    last_attendance_of,
    last_attendance_sql,
    policy,
    policy_sql,
)
from room_reports_command.attendance.statuses import STATUSES
from room_reports_command.context import Context, with_context
from room_reports_command.download import replacing
from room_reports_command.errors import FindingsError, InputError
from room_reports_command.output import Output, counted, printable, table
from room_reports_command.stack import DeployedStack

_STDOUT = "-"
_FORMATS = (".xlsx", ".csv")


@with_context
def attendance(
    context: Context,
    *,
    first: Annotated[str, typer.Option("--from", help="First day, such as 2026-09-01.")],
    last: Annotated[str, typer.Option("--to", help="Last day, exclusive.")],
    course: Annotated[
        list[str] | None, typer.Option(help="Id of a course; repeatable. Default: all.")
    ] = None,
    all_days: Annotated[
        bool,
        typer.Option(
            "--last-of-all-days",
            help="Look for the last attendance in all days, which reads all files.",
        ),
    ] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="File to write: .xlsx or .csv; - writes CSV to stdout."
        ),
    ] = None,
) -> None:
    """Write the attendance of courses under the policy, as a workbook, CSV or JSON.

    Without --output, this shows how often each status occurs.
    """
    _check(first, last, output, as_json=context.output.as_json)
    courses = tuple(dict.fromkeys(course or ()))
    report = read_report(context.stack, first, last, courses, all_days=all_days)
    _note_open(context.output, report)
    if not report.rows:
        raise FindingsError(
            "There is no class of these courses in these days.",
            "Check the days and the ids of the courses. room-reports reference check names courses "
            "without a room or a roster.",
        )
    if output == _STDOUT:
        write_attendance_csv(report.rows, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    if output:
        _write(report, Path(output))
    document = {"file": output, **report.to_dict(with_rows=output is None)}
    context.output.result(document, lambda: _lines(report, output))
    _note_missing(context.output, report.without_classes())


def read_report(
    stack: DeployedStack, first: str, last: str, courses: Sequence[str], *, all_days: bool = False
) -> AttendanceReport:
    """Return the attendance of some courses, from Athena.

    Args:
        first: The first day.
        last: The day after the last one.
        courses: Ids of courses; all if there are none.
        all_days: Whether to look for the last attendance in all days, which reads all files.

    Raises:
        QueryFailedError: If a query fails.
    """
    # The settings of the exporter have it too, and need another permission.
    zone = ZoneInfo(stack.parameters.get("TimeZone") or "UTC")
    made_at = datetime.now(UTC)
    rows = attendance_rows(run_query(stack, attendance_sql(courses, first, last)))
    files = run_query(stack, day_files_sql(first, last))
    days = open_days(files, first, last, made_at.astimezone(zone).date().isoformat())
    found = run_query(stack, last_attendance_sql(courses)) if rows and all_days else None
    return AttendanceReport(
        made_at=made_at,
        first=first,
        last=last,
        zone=zone,
        rows=rows,
        last_attendance=last_attendance(found)
        if found
        else last_attendance_of(rows, first, last, days),
        of_all_days=all_days,
        policy=policy(run_query(stack, policy_sql())),
        open_days=days,
        asked_for=tuple(courses),
    )


def _check(first: str, last: str, output: str | None, *, as_json: bool) -> None:
    """Raise InputError if an argument is wrong, before Athena is asked."""
    for name, text in (("--from", first), ("--to", last)):
        try:
            right = date.fromisoformat(text).isoformat() == text
        except ValueError:
            right = False
        if not right:
            raise InputError(f"{name} {text!r} is no day.", "Write it like 2026-09-01.")
    if first >= last:
        raise InputError(
            f"There is no day from {first} to {last}.", "--to is the day after the last one."
        )
    if output == _STDOUT and as_json:
        raise InputError("--json and -o - would both write to stdout.", "Leave one of them out.")
    if output not in (None, _STDOUT):
        path = Path(output or "")
        if path.suffix.lower() not in _FORMATS:
            raise InputError(
                f"{output} is neither a workbook nor CSV.", "End it with .xlsx or .csv."
            )
        if not path.parent.is_dir():
            raise InputError(f"There is no folder {path.parent}.", "Make it, or correct --output.")


def _write(report: AttendanceReport, path: Path) -> None:
    # Its package takes a fifth of the time in which the command starts, and few subcommands use it.
    from room_reports_command.attendance.workbook import write_workbook  # noqa: PLC0415

    with replacing(path) as out:
        if path.suffix.lower() == ".csv":
            write_attendance_csv(report.rows, out)
        else:
            write_workbook(report, out)


def _lines(report: AttendanceReport, output: str | None) -> Iterator[RenderableType]:
    courses = report.courses()
    yield table(
        ("course", "name", "classes", "people", *(status.word for status in STATUSES)),
        [
            (
                each.id,
                each.name,
                f"{len(each.classes):,}",
                f"{len(each.people):,}",
                *(f"{each.counts[status.name]:,}" for status in STATUSES),
            )
            for each in courses
        ],
        numbers=",".join(("classes", "people", *(status.word for status in STATUSES))),
    )
    if output:
        yield printable(f"Wrote {output}: {counted(len(report.rows), 'row')}.")


def _note_open(output: Output, report: AttendanceReport) -> None:
    """Note the days of which classes may be missing, which no row says."""
    for day, last in stretches(report.open_days):
        days = day.dt if day.dt == last else f"{day.dt} to {last}"
        output.note(f"Classes may be missing on {days}{_in(day.region)}: {day.why}")


def _in(region: str) -> str:
    return f" in {region}" if region else ""


def _note_missing(output: Output, missing: Sequence[str]) -> None:
    if missing:
        output.note(f"No class in these days: {', '.join(missing)}")
