"""CSV as rows with their bytes, so that a row that is not changed stays byte for byte."""

import csv
import io
from collections.abc import Iterator, Sequence

from room_reports.storage.errors import UnreadableCsvError


def raw_rows(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each row of a CSV file as it is in the file, with its line end, and its values.

    Raises:
        UnreadableCsvError: If it is not CSV.
    """
    lines: list[str] = []

    def read() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            lines.append(line)
            yield line

    try:
        for row in csv.reader(read(), strict=True):
            yield "".join(lines), row
            lines.clear()
    except csv.Error as error:
        # The reader's message names no value.
        raise UnreadableCsvError(str(error)) from error


def changed_row(raw: str, row: Sequence[str]) -> str:
    """Return a row with other values, quoted as strict CSV, with the line end that it had."""
    end = raw[len(raw.rstrip("\r\n")) :]
    values = [_quoted(value) for value in row]
    return (",".join(values) if len(values) > 1 or values[0] else '""') + end


def _quoted(value: str) -> str:
    if not any(sign in value for sign in ',"\r\n'):
        return value
    return '"' + value.replace('"', '""') + '"'
