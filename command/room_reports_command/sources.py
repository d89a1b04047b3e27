"""Sources of files: the bucket, with AWS credentials, or the API, with a key."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from room_reports.model.windows import Granularity
from room_reports.storage.keys import Series
from room_reports_command.errors import CommandError, DownloadError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

CHUNK = 1 << 16
LATEST = "latest"


@dataclass(frozen=True)
class Part:
    """One window's file."""

    start: str
    """The label of the window."""
    rows: int | None
    size: int
    """Bytes as stored."""
    sha256: str | None
    """Of the uncompressed CSV; None for a file that the exporter did not write."""
    key: str = ""
    """The object's key, where the source knows it."""


@dataclass(frozen=True)
class Found:
    """The files of a range, oldest first, and the windows that have ended and have none."""

    parts: tuple[Part, ...]
    missing: tuple[str, ...]
    """Labels of windows that can still be exported."""
    expired: int = 0
    """Windows whose files are no longer kept."""


class Source(Protocol):
    """A source of files."""

    def latest(self, series: Series) -> Part:
        """Return the newest file of a series; raises NotExportedError if there is none."""

    def range(self, series: Series, first: str, last: str) -> Found:
        """Return the files from ``first``, inclusive, to ``last``, exclusive."""

    def one(self, series: Series, start: str) -> Part:
        """Return the file of one window; raises NotExportedError if there is none."""

    def open(
        self, series: Series, part: Part, offset: int
    ) -> "AbstractContextManager[tuple[int, Iterator[bytes]]]":
        """Return a file's uncompressed bytes, and the offset that they begin at.

        The offset is the one that was asked for, or 0 where the source cannot begin there.
        """


def broken(part: Part, error: BaseException) -> CommandError:
    """Return the error for a download that broke."""
    return DownloadError(
        # Only the type: the text of an error of requests contains the presigned link.
        f"The download of {part.start} broke: {type(error).__name__}.",
        "Run the command again: it resumes.",
    )


def granularity_of(text: str) -> Granularity:
    """Return the granularity that the label of a window has."""
    return Granularity.HOUR if "T" in text else Granularity.DAY


def check_label(text: str, granularity: Granularity) -> None:
    """Raise InputError if a text is neither a date, nor a timestamp or the label of an hour."""
    pattern = r"\d{4}-\d{2}-\d{2}"
    if granularity is Granularity.HOUR:
        pattern += r"T\d{2}(Z|:.*)"
    if not re.fullmatch(pattern, text):
        example = "2026-11-22T13Z" if granularity is Granularity.HOUR else "2026-11-22"
        raise InputError(f"{text!r} is not the start of a window.", f"Write it like {example}.")
