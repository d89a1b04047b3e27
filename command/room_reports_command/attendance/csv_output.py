"""Attendance as CSV, for other programs and for spreadsheets."""

import csv
import io
import re
from collections.abc import Iterable
from typing import IO

from room_reports.storage.csv_file import FORMULA_STARTS
from room_reports_command.attendance.report import row_dict
from room_reports_command.attendance.rows import COLUMNS, AttendanceRow

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_NUMBERS = ("class_minutes", "minutes", "share")


def write_attendance_csv(rows: Iterable[AttendanceRow], out: IO[bytes]) -> None:
    """Write rows as CSV in UTF-8, as strict as the files of the reports.

    A text that a spreadsheet would run has an apostrophe before it, and a line break is a space.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = row_dict(row)
        writer.writerow([_cell(name, values[name]) for name in COLUMNS])
        out.write(text.getvalue().encode())
        text.seek(0)
        text.truncate()
    out.write(text.getvalue().encode())


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    is_formula = name not in _NUMBERS and text[:1] in FORMULA_STARTS
    return _LINE_BREAK.sub(" ", f"'{text}" if is_formula else text)
