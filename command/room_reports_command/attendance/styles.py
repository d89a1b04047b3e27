"""The formats of a workbook's cells, and writing values that can never run as a formula."""

import re
from datetime import date, datetime
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from room_reports_command.attendance.statuses import STATUSES, UNKNOWN

_LONGEST_TEXT = 32_767
"""Characters in a cell of Excel, in UTF-16 code units."""
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
OPTIONS = {
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "constant_memory": False,
}
"""Texts stay texts, whatever they look like."""


class Styles:
    """The formats of one workbook."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self.title = self._format(bold=True, font_size=14)
        self.bold = self._format(bold=True)
        self.header = self._format(
            bold=True, text_wrap=True, bottom=1, valign="top", bg_color="#F2F2F2"
        )
        self.text = self._format()
        self.wrapped = self._format(text_wrap=True, valign="top")
        self.day = self._format(num_format="yyyy-mm-dd", align="left")
        self.time = self._format(num_format="yyyy-mm-dd hh:mm:ss", align="left")
        self.count = self._format(num_format="0")
        self.number = self._format(num_format="0.00")
        self.share = self._format(num_format="0.00%")
        self.statuses = {
            status.name: self._format(
                bg_color=f"#{status.colour}",
                border=1,
                border_color="#BFBFBF",
                italic=not status.decided,
            )
            for status in (*STATUSES, UNKNOWN)
        }

    def status(self, name: str) -> Format:
        """Return the format of a status."""
        return self.statuses.get(name, self.statuses[UNKNOWN.name])

    def _format(self, **properties: Any) -> Format:
        # With the prefix, a text stays a text also after a person has edited its cell.
        return self._workbook.add_format({"quote_prefix": True, **properties})


class Sheet:
    """A worksheet that is written row by row."""

    def __init__(self, worksheet: Worksheet, styles: Styles) -> None:
        self.worksheet = worksheet
        self.styles = styles
        self.row = 0
        """The next row."""

    def add(self, *values: object, style: Format | None = None) -> None:
        """Write a row of values; None leaves a cell empty."""
        for column, value in enumerate(values):
            self.write(column, value, style)
        self.row += 1

    def write(self, column: int, value: object, style: Format | None = None) -> None:
        """Write a value into the current row; a text is never a formula, a link or a number."""
        place, sheet, styles = (self.row, column), self.worksheet, self.styles
        if value is None:
            return
        if isinstance(value, bool):
            sheet.write_string(*place, "yes" if value else "no", style or styles.text)
        elif isinstance(value, int):
            sheet.write_number(*place, value, style or styles.count)
        elif isinstance(value, float):
            sheet.write_number(*place, value, style or styles.number)
        elif isinstance(value, datetime):
            sheet.write_datetime(*place, value, style or styles.time)
        elif isinstance(value, date):
            sheet.write_datetime(*place, value, style or styles.day)
        else:
            sheet.write_string(*place, cell_text(str(value)), style or styles.text)

    def widths(self, *widths: float) -> None:
        """Set the widths of the first columns, in characters."""
        for column, width in enumerate(widths):
            self.worksheet.set_column(column, column, width)


def cell_text(text: str) -> str:
    """Return a text as a cell can have it: without what XML cannot hold, and not too long."""
    kept = _NOT_IN_XML.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    encoded = kept.encode("utf-16-le")
    if len(encoded) <= 2 * _LONGEST_TEXT:
        return kept
    return encoded[: 2 * (_LONGEST_TEXT - 1)].decode("utf-16-le", "ignore") + "…"
