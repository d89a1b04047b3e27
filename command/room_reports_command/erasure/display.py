"""How an erasure is shown: what was found, and what goes on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from room_reports_command.erasure.limits import limits_document, limits_lines
from room_reports_command.erasure.record import found_document
from room_reports_command.erasure.survey import Progress, Survey
from room_reports_command.output import Output, counted, table

_PLAIN_SECONDS = 10.0
"""Between two lines of progress outside a terminal."""


@contextmanager
def shown_progress(output: Output) -> Iterator[Progress]:
    """Yield what shows progress: bars on a terminal, and a line now and then elsewhere."""
    if not output.interactive:
        yield _lines(output)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bars(*columns, TimeElapsedColumn(), console=output.errors, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield show


def _lines(output: Output) -> Progress:
    last: dict[str, float] = {}

    def show(what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - last.setdefault("at", now) >= _PLAIN_SECONDS:
            last["at"] = now
            output.note(f"{what}: {done:,} of {total:,}")

    return show


def survey_lines(survey: Survey) -> Iterator[RenderableType]:
    """Yield what a search has found."""
    found = found_document(survey)
    if found:
        names = ("what", "report", "region", "granularity", "versions", "rows")
        rows = [
            (
                each["kind"] + (", former" if each["former"] else ""),
                each["report"],
                each["region"],
                each["granularity"],
                f"{each['files']:,}",
                f"{each['rows']:,}" if each["rows"] else None,
            )
            for each in found
        ]
        yield table(names, rows, numbers="versions,rows")
    searched = f"{counted(survey.versions, 'version')} searched, {survey.size:,} bytes"
    yield f"{searched}." if found else f"Nothing was found. {searched}."
    yield from limits_lines(limits_document(survey))
    if survey.mentions:
        yield (
            f"{counted(survey.mentions, 'row')} of others have the person's id or name in a text, "
            "such as the name of a room. They stay as they are."
        )
    unreadable = sum(not each.is_readable for each in survey.found)
    if unreadable:
        yield f"{counted(unreadable, 'file')} of these cannot be rewritten: not CSV, or no user_id."
