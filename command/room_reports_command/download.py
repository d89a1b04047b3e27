"""Downloading the files of a range, each checked against its SHA-256, and joining them into one.

Each file is kept next to the output until all are there, so that a download that was interrupted
goes on where it stopped.
"""

import csv
import hashlib
import io
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from room_reports.runtime import ThreadRuntime, map_concurrently
from room_reports.storage.keys import Series
from room_reports_command.errors import DownloadError
from room_reports_command.sources import Part, Source

_CONCURRENT_DOWNLOADS = 4
_CHUNK = 1 << 16
_ATTEMPTS = 2

Progress = Callable[[Part, int], None]
"""Called with a part and the number of new bytes, which is 0 when the part is complete."""


def download(
    source: Source, series: Series, parts: Sequence[Part], folder: Path, progress: Progress
) -> list[Path]:
    """Download parts into a folder, except for those that it already holds; return their paths.

    Raises:
        DownloadError: If one cannot be downloaded, or its SHA-256 is wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def one(part: Part) -> Path:
        path = _download(source, series, part, folder, progress)
        progress(part, 0)
        return path

    runtime = ThreadRuntime(_CONCURRENT_DOWNLOADS)
    return map_concurrently(runtime, one, parts, _CONCURRENT_DOWNLOADS)


def _download(source: Source, series: Series, part: Part, folder: Path, progress: Progress) -> Path:
    for _ in range(_ATTEMPTS):
        done = folder / f"{part.start}-{(part.sha256 or 'unknown')[:16]}.csv"
        if done.exists() and part.sha256 in (None, _digest(done)):
            return done
        partial = done.with_suffix(".part")
        offset = partial.stat().st_size if partial.exists() else 0
        # It was complete if the command was stopped before it was renamed.
        if offset and part.sha256 == _digest(partial):
            return partial.replace(done)
        with (
            source.open(series, part, offset) as (begin, chunks),
            partial.open("r+b" if partial.exists() else "wb") as out,
        ):
            out.seek(begin)
            out.truncate()
            for chunk in chunks:
                out.write(chunk)
                progress(part, len(chunk))
        if part.sha256 in (None, _digest(partial)):
            return partial.replace(done)
        # It may have been exported again meanwhile: the rest of an older file is of no use.
        partial.unlink()
        part = source.one(series, part.start)
    raise DownloadError(
        f"The file of {part.start} does not have the SHA-256 that it should have.",
        "Run the command again. If it stays, export the window again with force.",
    )


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that appears under its name only when it is complete."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as out:
            yield out
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def join(paths: Sequence[Path], out: IO[bytes]) -> None:
    """Write CSV files as one, with the header once.

    A file without a column that another one has gets empty values in it: Kaltura can add a column
    within the range.
    """
    headers = [_header(path) for path in paths]
    columns = list(dict.fromkeys(name for header in headers for name in header))
    if headers[0] != columns:
        out.write(_line(columns))
    for number, (path, header) in enumerate(zip(paths, headers, strict=True)):
        if header == columns:
            with path.open("rb") as part:
                if number:
                    part.readline()
                shutil.copyfileobj(part, out, _CHUNK)
            continue
        for row in _rows(path):
            values = dict(zip(header, row, strict=True))
            out.write(_line([values.get(name, "") for name in columns]))


def _rows(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="") as part:
        reader = csv.reader(part)
        next(reader, None)
        yield from reader


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as part:
        return next(csv.reader(part), [])


def _line(values: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
