"""The reference for normalising: one row at a time, with the csv module, as plainly as possible.

What the library does in blocks must give the same bytes, errors and counts.
"""

import csv
import io

from room_reports.kaltura.csv_reader import unquoted
from room_reports.model.reports import Kind, Report

HIVE_ESCAPE = "\ue000"


class RefusedError(Exception):
    """Raised with the message that the library's error has."""


def reference(data: bytes, report: Report, *, neutralise: bool) -> tuple[bytes, int, int]:
    """Return the strict CSV, its number of rows, and the number of replaced sequences.

    ``data`` begins with a BOM; its header has the columns of the catalogue.
    """
    first, *lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    header = first.decode().split(",")
    cut = lines.pop()
    replaced = sum(
        line.decode(errors="replace").count("\ufffd") - line.count("\ufffd".encode())
        for line in lines
    )
    numbers = {column.name for column in report.columns if column.kind is not Kind.TEXT}
    rows, in_row = _rows([line.decode(errors="replace") for line in lines], header, numbers)
    if cut:
        raise RefusedError("the report stops before the end of its last line")
    if in_row:
        raise RefusedError(f"the report ends in line {len(lines) + 1}, in the middle of a row")
    known = [column.name for column in report.columns]
    order = known + [name for name in header if name not in known]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(order)
    for row in rows:
        cells = dict(zip(header, map(unquoted, row), strict=True))
        writer.writerow(
            _published(cells[name], is_formula=neutralise and name not in numbers) for name in order
        )
    return out.getvalue().encode(), len(rows), replaced


def _rows(lines: list[str], header: list[str], numbers: set[str]) -> tuple[list[list[str]], bool]:
    """Return the rows, and whether the lines end within one."""
    rows: list[list[str]] = []
    row = ""
    in_row = False
    for number, line in enumerate(lines, 2):
        if len(header) > 1 and not in_row and "," not in line:
            if not line:
                raise RefusedError(
                    f"line {number} ends a row of 0 values where the header has {len(header)}"
                )
            if header[-1] in numbers or not rows:
                raise RefusedError(
                    f"line {number} has no comma, and no row before it that it can continue"
                )
            rows[-1][-1] += f"\n{line}"
            continue
        row = f"{row}\n{line}" if in_row else line
        values = row.split(",")
        in_row = len(values) < len(header)
        if len(values) > len(header):
            raise RefusedError(
                f"line {number} ends a row of {len(values)} values "
                f"where the header has {len(header)}"
            )
        if not in_row:
            rows.append(values)
    return rows, in_row


def _published(value: str, *, is_formula: bool) -> str:
    if is_formula and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        value = "'" + value
    value = value.replace("\r\n", " ").replace("\r", " ").replace("\n", " ")
    return value.replace(HIVE_ESCAPE, "\ufffd")
