"""Rows of others that have a person's id or name in a text: only counted, and never changed."""

import re
from collections.abc import Iterable

from room_reports.model.suppression import folded
from room_reports.storage.errors import UnreadableCsvError
from room_reports_command.erasure.csv_rows import raw_rows
from room_reports_command.erasure.places import Kind, Place
from room_reports_command.erasure.rewrite import ReportRows
from room_reports_command.erasure.subject import Subject

_DISTINCTIVE = 5
"""Characters. Shorter values are in too many texts to say anything."""


class Mentions:
    """Counts the rows that have a person's id or name as words of a text."""

    def __init__(self, subject: Subject, names: Iterable[str]) -> None:
        """Count a person.

        Args:
            names: The person's names and addresses.
        """
        comparable = (folded(each.strip()) for each in (*subject.values, *names))
        values = {each for each in comparable if len(each) >= _DISTINCTIVE}
        self._subject = subject
        self._values = sorted(values)
        words = "|".join(re.escape(each) for each in self._values)
        self._pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)") if words else None

    def in_text(self, text: str, place: Place) -> int:
        """Return the number of rows of others that have one of them."""
        if self._pattern is None:
            return 0
        searched = folded(text)
        if not any(each.replace('"', '""') in searched for each in self._values):
            return 0
        try:
            return sum(map(bool, self._rows(text, place, self._pattern)))
        except UnreadableCsvError:
            return 1

    def _rows(self, text: str, place: Place, pattern: "re.Pattern[str]") -> Iterable[bool]:
        table: ReportRows | None = None
        for _, row in raw_rows(text):
            if table is None:
                table = ReportRows(row, place.report, self._subject)
            elif not self._is_own(row, place, table):
                yield any(pattern.search(folded(cell)) for cell in row)

    def _is_own(self, row: list[str], place: Place, table: ReportRows) -> bool:
        """Return whether a row is one that is erased or removed."""
        if place.kind is Kind.ROSTER:
            return any(map(self._subject.is_meant_by, row))
        return place.kind is Kind.REPORT and table.erased(row) is not None
