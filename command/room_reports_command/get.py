"""``room-reports get``: a file, or a range of them as one, checked against its SHA-256."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from room_reports.model.errors import WindowError
from room_reports.model.windows import Granularity
from room_reports.storage.keys import Series
from room_reports_command.api_source import ApiSource
from room_reports_command.bucket_source import BucketSource
from room_reports_command.context import Context, with_context
from room_reports_command.download import download, join, replacing
from room_reports_command.errors import InputError, NotExportedError
from room_reports_command.output import Output, counted
from room_reports_command.prompts import ask
from room_reports_command.sources import (
    LATEST,
    Found,
    Part,
    Source,
    check_label,
    granularity_of,
)

_STDOUT = "-"
_NAMED = 10
_KEY_VARIABLE = "ROOM_REPORTS_API_KEY"


@with_context
def get(
    context: Context,
    report: Annotated[str, typer.Argument(help="Report, such as attendees.")],
    region: Annotated[str, typer.Argument(help="Kaltura region, such as us.")],
    start: Annotated[
        str,
        typer.Argument(
            help="Day (2026-11-22), hour (2026-11-22T13Z), latest, or a range FROM..TO, "
            "without TO itself."
        ),
    ],
    *,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="File to write; - is stdout.")
    ] = None,
    granularity: Annotated[
        Granularity | None, typer.Option(help="Length of the windows; default: as START says.")
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Write a range although windows are missing.")
    ] = False,
    api_url: Annotated[
        str | None,
        typer.Option(
            envvar="ROOM_REPORTS_API_URL",
            help=f"Address of the downloads API. Reads the key from {_KEY_VARIABLE}, and needs no "
            "AWS account. Without it, files come from S3, with AWS credentials.",
        ),
    ] = None,
) -> None:
    """Download a file, or a range of files as one, checked against its SHA-256.

    Run again, a download that was interrupted goes on where it stopped.
    """
    if context.output.as_json and output == _STDOUT:
        raise InputError("--json and -o - would both write to stdout.", "Leave one of them out.")
    source: Source = (
        ApiSource(api_url, _key())
        if api_url
        else BucketSource(
            context.stack.bucket, context.stack.s3, context.stack.settings, datetime.now(UTC)
        )
    )
    first = start.partition("..")[0]
    series = Series(report, region, granularity or granularity_of(first))
    try:
        found = _find(source, series, start)
    except WindowError as error:
        raise InputError(f"{error}.", "Write it like 2026-11-22 or 2026-11-22T13Z.") from error
    _refuse_gaps(found, series, allow_missing=allow_missing)
    if found.expired:
        context.output.note(f"No longer kept, and left out: {counted(found.expired, 'window')}")
    written = _write(context.output, source, series, found, _path(output, series, start))
    if output == _STDOUT:
        return
    rows = sum(part.rows or 0 for part in found.parts)
    document = {
        "file": str(written),
        "report": series.slug,
        "region": series.region,
        "granularity": series.granularity,
        "windows": [part.start for part in found.parts],
        "missing": list(found.missing),
        "expired": found.expired,
        "rows": rows,
        "sha256": {part.start: part.sha256 for part in found.parts},
    }
    unchecked = sum(part.sha256 is None for part in found.parts)
    context.output.result(
        document,
        lambda: [
            f"{written}: {counted(rows, 'row')} of {counted(len(found.parts), 'window')}, "
            + (f"{unchecked} without a SHA-256" if unchecked else "each with the right SHA-256")
        ],
    )


def _key() -> str:
    key = os.environ.get(_KEY_VARIABLE, "").strip()
    if key:
        return key
    if not sys.stdin.isatty():
        raise InputError(
            "The API needs a key.", f"Set {_KEY_VARIABLE}; it is not an option, which others see."
        )
    return ask("API key (not shown)", hidden=True)


def _find(source: Source, series: Series, start: str) -> Found:
    first, dots, last = start.partition("..")
    if not dots:
        if first == LATEST:
            return Found((source.latest(series),), ())
        check_label(first, series.granularity)
        return Found((source.one(series, first),), ())
    for each in (first, last):
        check_label(each, granularity_of(each))
    # An hour of a range is a time: 2026-11-22T13Z is 2026-11-22T13:00:00Z.
    first, last = (
        f"{each[:13]}:00:00Z" if len(each) == len("2026-11-22T13Z") else each
        for each in (first, last)
    )
    if first >= last:
        raise InputError(f"The range {start} ends before it begins.", "Write it FROM..TO.")
    return source.range(series, first, last)


def _refuse_gaps(found: Found, series: Series, *, allow_missing: bool) -> None:
    if found.missing and not allow_missing:
        named = ", ".join(found.missing[:_NAMED])
        more = f" and {len(found.missing) - _NAMED} more" if len(found.missing) > _NAMED else ""
        raise NotExportedError(
            f"{len(found.missing)} windows of {series.slug} in {series.region} are missing: "
            f"{named}{more}.",
            "Export them with room-reports backfill, or add --allow-missing.",
        )
    if not found.parts:
        raise NotExportedError(
            f"There is no file of {series.slug} in {series.region} in this range.",
            "See what there is: room-reports status",
        )


def _path(output: str | None, series: Series, start: str) -> Path | None:
    """Return where to write to; None for stdout."""
    if output == _STDOUT:
        return None
    label = start.replace("..", "_").replace(":", "")
    name = series.file_name(label)
    if output is None:
        return Path(name)
    return Path(output) / name if Path(output).is_dir() else Path(output)


def _write(
    output: Output, source: Source, series: Series, found: Found, path: Path | None
) -> Path | None:
    if path is None:
        with (
            tempfile.TemporaryDirectory(prefix="room-reports-") as temporary,
            _progress(output, len(found.parts)) as progress,
        ):
            join(
                download(source, series, found.parts, Path(temporary), progress), sys.stdout.buffer
            )
            sys.stdout.buffer.flush()
        return None
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent}.", "Make it, or correct --output.")
    folder = path.with_name(f"{path.name}.parts")
    with _progress(output, len(found.parts)) as progress:
        paths = download(source, series, found.parts, folder, progress)
    with replacing(path) as out:
        join(paths, out)
    shutil.rmtree(folder)
    return path


@contextmanager
def _progress(output: Output, parts: int) -> Iterator[Callable[[Part, int], None]]:
    """Show a progress bar on a terminal."""
    if not output.interactive:
        yield lambda _part, _size: None
        return
    columns = (
        TextColumn("Downloading"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files, {task.fields[received]}"),
        TimeElapsedColumn(),
    )
    lock = Lock()
    received = 0
    with Progress(*columns, console=output.errors, transient=True) as bar:
        task = bar.add_task("", total=parts, received="")

        def progress(_part: Part, size: int) -> None:
            nonlocal received
            with lock:
                received += size
                bar.update(task, advance=0 if size else 1, received=f"{received / 1e6:,.1f} MB")

        yield progress
