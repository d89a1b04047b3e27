"""What a published file must hold for Kaltura's own values: the oracle of the demo and the tests.

It is written from the description of the API and of the files alone and shares no code with the
library, so that a mistake there is not repeated here.
"""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from local.kaltura.csv_format import surviving
from room_reports.model.reports import Kind, Report

_FORMULA_STARTS = tuple("=+-@\t\r")
_LINE_BREAKS = ("\r\n", "\r", "\n")


def published_rows(report: Report, rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the header and the rows that the file must hold for Kaltura's own values."""
    texts = [column.kind is Kind.TEXT for column in report.columns]
    return [
        [column.name for column in report.columns],
        *(
            [
                published_value(surviving(value), is_text=text)
                for value, text in zip(row, texts, strict=True)
            ]
            for row in rows
        ),
    ]


def published_value(value: str, *, is_text: bool) -> str:
    """Return a value as the file must hold it: on one line, and harmless in a spreadsheet.

    Args:
        value: What Kaltura sent for it.
        is_text: Whether a leading formula sign gets an apostrophe before it.
    """
    if is_text and value.startswith(_FORMULA_STARTS):
        value = "'" + value
    for line_break in _LINE_BREAKS:
        value = value.replace(line_break, " ")
    return value.replace("\ue000", "\ufffd")


class WrongFileError(Exception):
    """Raised when a published file is not what it must be; the message says how it differs."""


def published_file(
    key: str,
    report: Report,
    window: tuple[int, int],
    true_rows: Sequence[Sequence[str]],
    *,
    body: bytes,
    metadata: Mapping[str, str],
) -> list[list[str]]:
    """Return the rows of a published file, after comparing it with the truth.

    Args:
        key: The key of the file, for the error.
        report: The report that the file holds.
        window: The start and the end of its window, in Unix seconds.
        true_rows: Kaltura's own rows for that window.
        body: The uncompressed file.
        metadata: The user metadata of its object.

    Raises:
        WrongFileError: If the rows, the line breaks or the metadata are wrong.
    """
    lines = list(csv.reader(io.StringIO(body.decode(), newline=""), strict=True))
    expected = published_rows(report, true_rows)
    if lines != expected:
        different = [pair for pair in zip(lines, expected, strict=False) if pair[0] != pair[1]]
        counts = f"{len(lines)} lines where Kaltura has {len(expected)}"
        raise WrongFileError(f"{key} has {counts}; the first that differ: {different[:1]}")
    if body.count(b"\n") != len(expected):
        raise WrongFileError(f"{key} has a line break inside a value")
    start, end = (datetime.fromtimestamp(edge, UTC) for edge in window)
    described = {
        "rows": str(len(true_rows)),
        "sha256": hashlib.sha256(body).hexdigest(),
        "window-start": f"{start:%FT%TZ}",
        "window-end": f"{end:%FT%TZ}",
    }
    if not described.items() <= metadata.items():
        raise WrongFileError(f"{key} has wrong metadata: {metadata}")
    return lines[1:]
