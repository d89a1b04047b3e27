"""What the published file must hold for a value that Kaltura holds: the oracle of demo and tests.

It is written from the description of the API and of the files alone and shares no code with the
library, so that a mistake there is not repeated here.
"""

from collections.abc import Sequence

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
