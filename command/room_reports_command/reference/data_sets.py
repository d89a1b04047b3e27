"""The Brightspace Data Sets that reference data are made from, as D2L documents them.

The columns are those of https://community.d2l.com/brightspace/kb/articles/4740-users-data-sets
(Users, User Enrollments, Enrollments and Withdrawals), 4529-organizational-units-data-sets,
4534-role-details-data-sets and 4727-lti-data-sets (LTI Launches, LTI Links).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from room_reports_command.errors import InputError
from room_reports_command.reference.csv_input import CsvInput
from room_reports_command.reference.problems import Problem, quoted

_TRUE = ("true", "1")
_TIME_CURE = "D2L writes it like 2026-09-01T08:30:00.000Z."


class DataSet(StrEnum):
    """A data set that is used, by its name in the Data Hub."""

    USERS = "Users"
    USER_ENROLLMENTS = "User Enrollments"
    ENROLLMENTS_AND_WITHDRAWALS = "Enrollments and Withdrawals"
    ORGANIZATIONAL_UNITS = "Organizational Units"
    ROLE_DETAILS = "Role Details"
    LTI_LAUNCHES = "LTI Launches"
    LTI_LINKS = "LTI Links"


COLUMNS: Mapping[DataSet, tuple[str, ...]] = {
    DataSet.USERS: ("UserId", "UserName", "OrgDefinedId", "ExternalEmail"),
    DataSet.ENROLLMENTS_AND_WITHDRAWALS: (
        *("LogId", "UserId", "OrgUnitId", "RoleId", "Action", "EnrollmentDate"),
    ),
    DataSet.USER_ENROLLMENTS: ("OrgUnitId", "UserId", "RoleName", "EnrollmentDate"),
    DataSet.ORGANIZATIONAL_UNITS: ("OrgUnitId", "Type", "Name", "Code", "IsDeleted"),
    DataSet.ROLE_DETAILS: ("RoleId", "RoleName", "IsCascading"),
    DataSet.LTI_LAUNCHES: ("LTILaunchId", "OrgUnitId", "LTILinkId"),
    DataSet.LTI_LINKS: ("LtiLinkId", "OrgUnitId", "Url"),
}
"""The columns of each data set that are used. Its other columns are not looked at."""
_NUMBERS = ("UserId", "OrgUnitId", "RoleId", "LogId", "LTILinkId", "LtiLinkId")
_MAY_BE_EMPTY = {
    (DataSet.ENROLLMENTS_AND_WITHDRAWALS, "RoleId"),
    (DataSet.LTI_LAUNCHES, "LTILinkId"),
}
"""Numbers that D2L documents as "Field can be null"."""


@dataclass(frozen=True)
class Record:
    """One row of a data set."""

    file: str
    line: int
    values: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column]

    def moment(self, column: str) -> datetime:
        """Return a time, which D2L writes in UTC.

        Raises:
            InputError: If it is none.
        """
        text = self.values[column]
        try:
            found = datetime.fromisoformat(text.strip())
        except ValueError as error:
            problem = self.problem(column, f"{quoted(text)} is no time.", _TIME_CURE)
            raise InputError(str(problem)) from error
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)

    def is_true(self, column: str) -> bool:
        """Return whether a bit is set."""
        return self.values[column].strip().lower() in _TRUE

    def problem(self, column: str, text: str, cure: str) -> Problem:
        """Return a problem of one of its values."""
        return Problem(self.file, text, cure, self.line, column)


class DataSets:
    """The data sets in the files that were given; each file is read as often as it is asked for."""

    def __init__(self, files: Mapping[DataSet, Sequence[CsvInput]]) -> None:
        self._files = files

    def __contains__(self, data_set: DataSet) -> bool:
        return bool(self._files.get(data_set))

    def records(self, data_set: DataSet) -> Iterator[Record]:
        """Yield the rows of a data set; none if it was not given.

        Raises:
            InputError: If a file cannot be read, or an id is no number.
        """
        for file in self._files.get(data_set, ()):
            names = _names(data_set, file.header())
            for line, values in file.records(names):
                record = Record(file.label, line, values)
                _check_numbers(data_set, record)
                yield record

    def require(self, *data_sets: DataSet) -> None:
        """Raise InputError if one of these was not given."""
        missing = [each for each in data_sets if each not in self]
        if missing:
            raise InputError(
                f"There is no file of the data set {' and '.join(missing)}.",
                "Download it from the Data Hub in Brightspace, and give it as well.",
            )


def data_set_of(header: Sequence[str]) -> DataSet | None:
    """Return the data set that a file is of, by its columns; None if they are those of none."""
    return next((each for each in COLUMNS if len(_names(each, header)) == len(COLUMNS[each])), None)


def nearest(header: Sequence[str]) -> tuple[DataSet, list[str]]:
    """Return the data set that a header is most like, and the columns that it lacks of it."""

    def missing(data_set: DataSet) -> list[str]:
        present = _names(data_set, header).values()
        return [name for name in COLUMNS[data_set] if name not in present]

    def distance(data_set: DataSet) -> tuple[float, int]:
        columns = COLUMNS[data_set]
        return len(missing(data_set)) / len(columns), -len(set(columns) & set(header))

    best = min(COLUMNS, key=distance)
    return best, missing(best)


def _names(data_set: DataSet, header: Sequence[str]) -> dict[str, str]:
    """Return the documented names of the columns that are used, by their names in a header.

    D2L's pages do not agree on capitals (Url and URL), so they are ignored.
    """
    known = {name.lower(): name for name in COLUMNS[data_set]}
    return {name: known[name.lower()] for name in header if name.lower() in known}


def _check_numbers(data_set: DataSet, record: Record) -> None:
    for column, value in record.values.items():
        if column not in _NUMBERS or (value.isascii() and value.isdigit()):
            continue
        if not value and (data_set, column) in _MAY_BE_EMPTY:
            continue
        cure = "Give the file as D2L ships it; a spreadsheet changes long numbers."
        raise InputError(str(record.problem(column, f"{quoted(value)} is no id.", cure)))
