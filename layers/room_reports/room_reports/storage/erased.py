"""A report without the people of the suppression list.

Every row passes through here between Kaltura and the first file that it is written to, so that no
value that identifies one of them is stored anywhere.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from room_reports.model.pseudonyms import PLACEHOLDERS
from room_reports.model.reports import Report
from room_reports.model.suppression import Person, Suppression
from room_reports.storage.csv_file import CsvSource
from room_reports.storage.strict_lines import Spans

_PERSONAL_NAME = re.compile(
    r"(?:.*_)?(?:user|host|initiator|owner|creator|first|last|full|display)_?name|.*(?:email|mail)(?:_.*)?",
    re.IGNORECASE,
)
"""Columns that the catalogue does not know and that seem to have names or addresses of people."""
_ID_NAME = re.compile(
    r".*(?:id|key|login|account|user|initiator|owner|creator|participant|attendee|member|person"
    r"|student|teacher)",
    re.IGNORECASE,
)
"""Such columns in which a number may be the id of a user."""


class ErasedRows:
    """Takes out of single rows what identifies the people of the suppression list.

    An id becomes the person's token. A row of attendees whose id or email address is the person's
    is the person's: its name and address, and columns that the catalogue does not know, are
    emptied. A user whom Kaltura does not know stays unknown. In any other row, a name is emptied
    if it is the person's address.

    In columns that the catalogue does not know, and in reports that it does not know, every value
    that is one of the person's becomes the token, except for a number in a column that does not
    seem to have ids. In such a row, columns that seem to have names and addresses are emptied, and
    in reports that the catalogue does not know every text that is not in a column of ids: it may be
    the person's name.
    """

    def __init__(self, header: Sequence[str], report: Report, suppression: Suppression) -> None:
        """Erase people from the rows of a table, from Kaltura or published.

        Args:
            header: The names of the table's columns.
        """
        self._of = suppression.of
        self._is_token = suppression.tokens.__contains__
        columns = {column.name: column for column in report.columns}
        self._knows_columns = bool(columns)
        self._user = self._place(header, report.user_column)
        self._ids: list[int] = []
        self._emails: list[int] = []
        self._names: list[int] = []
        self._others: list[tuple[int, bool, bool]] = []
        for place, name in enumerate(header):
            column = columns.get(name)
            if column is None:
                personal = bool(_PERSONAL_NAME.fullmatch(name))
                self._others.append((place, personal, bool(_ID_NAME.fullmatch(name))))
            elif column.personal and not column.is_name:
                self._ids.append(place)
            elif column.personal:
                (self._emails if "email" in name else self._names).append(place)
        self._about_user = [*self._emails, *self._names, *(each[0] for each in self._others)]
        self.places = [*self._ids, *self._about_user]
        """The places of all columns that are looked at."""

    @staticmethod
    def _place(header: Sequence[str], name: str | None) -> int | None:
        return header.index(name) if name in header else None

    def __call__(self, row: list[str]) -> None:
        """Change a row in place."""
        owner = self._owner(row)
        for place in self._ids:
            person = self._of(row[place])
            if person is None and place == self._user and row[place] not in PLACEHOLDERS:
                person = owner
            if person is not None:
                row[place] = person.token
        if owner is not None:
            for place in self._about_user:
                row[place] = ""
            return
        for place in self._names:
            if "@" in row[place] and self._of(row[place]):
                row[place] = ""
        if self._others:
            self._erase_others(row)

    def _owner(self, row: list[str]) -> Person | None:
        """Return the person that a row of attendees is about."""
        if self._user is None:
            return None
        person = self._of(row[self._user])
        for place in self._emails:
            person = person or self._of(row[place])
        return person

    def _erase_others(self, row: list[str]) -> None:
        """Erase people from columns that the catalogue does not know."""
        found = False
        for place, personal, is_id in self._others:
            value = row[place]
            person = self._of(value)
            if person is None or not (personal or is_id or not _is_number(value)):
                continue
            found = True
            row[place] = person.token
        if not found:
            return
        for place, personal, is_id in self._others:
            can_stay = self._knows_columns or is_id or _is_number(row[place])
            if personal or not (can_stay or self._is_token(row[place])):
                row[place] = ""


class ErasedTable:
    """A table without the people of the suppression list.

    Lines that are strict CSV already stay so, several hundred at a time, if none of them has a
    value that stands for one of these people.
    """

    def __init__(self, source: CsvSource, report: Report, suppression: Suppression) -> None:
        """Erase people from a table; its rows are changed in place."""
        self._source = source
        self._suppression = suppression
        self.header = source.header
        self._erase = ErasedRows(self.header, report, suppression)

    def __iter__(self) -> Iterator[list[str]]:
        for row in self._source:
            self._erase(row)
            yield row

    def blocks(
        self, segments: Callable[[bytes], Iterable[tuple[bytes, int, Spans]]]
    ) -> Iterator[tuple[bytes, int, Spans, list[list[str]]] | list[list[str]]]:
        """Yield the rows several at a time, as lines only where no person has to be erased."""

        def free(block: bytes) -> Iterator[tuple[bytes, int, Spans]]:
            for lines, count, spans in segments(block):
                if count and not self._is_free(lines):
                    yield lines, 0, []
                else:
                    yield lines, count, spans

        for block in self._source.blocks(free):
            for row in block[3] if isinstance(block, tuple) else block:
                self._erase(row)
            yield block

    def _is_free(self, lines: bytes) -> bool:
        """Return whether some lines, each of which is one row, have none of the people."""
        values = lines[:-1].replace(b"\n", b",").split(b",")
        width = len(self.header)
        return all(
            self._suppression.is_free(set(values[place::width])) for place in self._erase.places
        )


def _is_number(value: str) -> bool:
    return value.replace(".", "", 1).isdecimal()
