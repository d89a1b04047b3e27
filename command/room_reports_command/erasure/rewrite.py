"""A file without one person: pure functions from text to text.

Rows of other people keep their bytes. What is left of the person's rows is what the exporter
publishes of them once the person is on the suppression list: both use ``ErasedRows``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from room_reports.model.pseudonyms import PLACEHOLDERS, as_shown
from room_reports.model.reports import REPORTS, Report
from room_reports.model.suppression import TOKEN, Rows, folded
from room_reports.storage.erased import ErasedRows
from room_reports.storage.errors import UnreadableCsvError
from room_reports_command.erasure.csv_rows import changed_row, raw_rows
from room_reports_command.erasure.subject import ANY_TOKEN, Subject

ROSTER_COLUMN = "user_id"
"""The column of a roster with the person."""


@dataclass
class PersonRows:
    """What one file has of a person."""

    rows: int = 0
    names: set[str] = field(default_factory=set)
    """Names and addresses in the person's rows, in each spelling."""
    spellings: set[str] = field(default_factory=set)
    """The person's ids and addresses as the file has them."""
    other_ids: set[str] = field(default_factory=set)
    """Ids in rows that are the person's by the address alone."""


class ReportRows:
    """The rows of one report's file, told apart by whether they identify a person."""

    def __init__(
        self, header: Sequence[str], slug: str, subject: Subject, token: str = ANY_TOKEN
    ) -> None:
        """Look at a table.

        Args:
            header: The names of its columns.
            slug: The report's name.
            token: What stands for the person from now on.
        """
        report = _report(slug)
        self._erase = ErasedRows(header, report, subject.suppression(token))
        self._token = token
        self._subject = subject
        user = report.user_column
        self._user = header.index(user) if user in header else None
        self._names = [
            header.index(column.name)
            for column in report.columns
            if column.personal and column.is_name and column.name in header
        ]
        personal = {column.name for column in report.columns if column.personal}
        self._personal = [place for place, name in enumerate(header) if name in personal]

    def erased(self, row: list[str]) -> list[str] | None:
        """Return a row without the person; None if it does not identify the person."""
        changed = list(row)
        self._erase(changed)
        return changed if changed != row else None

    def is_own(self, erased: Sequence[str]) -> bool:
        """Return whether a row, once erased, is one of the person alone."""
        return self._user is not None and erased[self._user] == self._token

    def names(self, row: Sequence[str]) -> set[str]:
        """Return the names and addresses of a row, as the views show them."""
        return {as_shown(row[place]) for place in self._names}

    def spellings(self, row: Sequence[str]) -> set[str]:
        """Return the ids and addresses of the person in a row, as the views show them."""
        values = {as_shown(row[place]) for place in self._personal}
        return {value for value in values if self._subject.is_meant_by(value)}

    def other_ids(self, row: Sequence[str]) -> set[str]:
        """Return the user's id in a row of the person if it was not given as one of the person."""
        if self._user is None:
            return set()
        value = as_shown(row[self._user])
        is_known = self._subject.is_meant_by(value) or TOKEN.fullmatch(value)
        return set() if is_known or value in PLACEHOLDERS else {value}


def without_person(
    text: str, slug: str, subject: Subject, token: str, rows: Rows
) -> tuple[str, PersonRows]:
    """Return the text of a report's file without a person, and what it had of the person.

    Args:
        text: Strict CSV.
        slug: The report's name.
        token: Stands for the person from now on.
        rows: Whether the person's own rows stay.

    Raises:
        UnreadableCsvError: If the text is not CSV.
    """
    written: list[str] = []
    found = PersonRows()
    for raw, row, erased, table in _rows(text, slug, subject, token):
        if erased is None or table is None:
            written.append(raw)
            continue
        _add(found, row, erased, table)
        if rows is Rows.KEEP or not table.is_own(erased):
            written.append(changed_row(raw, erased))
    return "".join(written), found


def person_in(text: str, slug: str, subject: Subject) -> PersonRows:
    """Return what a report's file has of a person.

    Raises:
        UnreadableCsvError: If the text is not CSV.
    """
    found = PersonRows()
    if _may_have(text, subject):
        for _, row, erased, table in _rows(text, slug, subject):
            if erased is not None and table is not None:
                _add(found, row, erased, table)
    return found


def rows_of(text: str, slug: str, subject: Subject) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the header, and each row of a person, of a report's file.

    Raises:
        UnreadableCsvError: If the text is not CSV.
    """
    if not _may_have(text, subject):
        return
    header: list[str] = []
    for _, row, erased, table in _rows(text, slug, subject):
        if table is None:
            header = row
        elif erased is not None:
            yield header, row


def roster_without_person(text: str, subject: Subject) -> tuple[str, list[list[str]]]:
    """Return the text of a roster without a person, and the rows that it had of the person.

    Raises:
        UnreadableCsvError: If the text is not CSV.
    """
    written: list[str] = []
    removed: list[list[str]] = []
    place = None
    for raw, row in raw_rows(text):
        if not written:
            place = _roster_place(row)
            written.append(raw)
        elif place is not None and len(row) > place and subject.is_meant_by(row[place]):
            removed.append(row)
        else:
            written.append(raw)
    return "".join(written), removed


def has_roster_column(text: str) -> bool:
    """Return whether a roster has the column with the person.

    Raises:
        UnreadableCsvError: If the text is not CSV.
    """
    return _roster_place(next(raw_rows(text), ("", []))[1]) is not None


def _roster_place(header: Sequence[str]) -> int | None:
    names = [name.strip().lstrip("\ufeff") for name in header]
    return names.index(ROSTER_COLUMN) if ROSTER_COLUMN in names else None


def _add(found: PersonRows, row: Sequence[str], erased: Sequence[str], table: ReportRows) -> None:
    found.rows += 1
    found.spellings |= table.spellings(row)
    if table.is_own(erased):
        found.names |= table.names(row)
        found.other_ids |= table.other_ids(row)


def _rows(
    text: str, slug: str, subject: Subject, token: str = ANY_TOKEN
) -> Iterator[tuple[str, list[str], list[str] | None, ReportRows | None]]:
    """Yield each row's text and values, and what it is without the person if it is changed.

    The last value is None for the header.
    """
    rows = raw_rows(text)
    first, header = next(rows, ("", []))
    if not header:
        return
    yield first, header, None, None
    table = ReportRows(header, slug, subject, token)
    for raw, row in rows:
        if len(row) != len(header):
            raise UnreadableCsvError(
                f"a row has {len(row)} values where the header has {len(header)}"
            )
        yield raw, row, table.erased(row), table


def _may_have(text: str, subject: Subject) -> bool:
    """Return whether a text may have any of a person's values: quick, and never wrongly False."""
    searched = folded(text).replace(",", " ")
    return any(value.replace('"', '""') in searched for value in subject.values)


def _report(slug: str) -> Report:
    return next((report for report in REPORTS if report.slug == slug), Report(0, slug))
