"""The files that an import is made from: data sets of Brightspace, and plain tables."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from room_reports_command.errors import InputError
from room_reports_command.reference.csv_input import CsvInput, csv_inputs
from room_reports_command.reference.data_sets import DataSet, DataSets, data_set_of, nearest
from room_reports_command.reference.problems import Problem, refuse
from room_reports_command.reference.tables import ACKNOWLEDGED, TABLES, Row, Table

_IMPORTED = (*TABLES, ACKNOWLEDGED)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


@dataclass(frozen=True)
class PlainTable:
    """A file with rows of a table, as the operator wrote it."""

    table: Table
    name: str
    """The name that it is imported under."""
    rows: tuple[Row, ...]
    ignored: tuple[str, ...]
    """Columns of the file that the table does not have."""


@dataclass(frozen=True)
class Inputs:
    """What was given."""

    data_sets: DataSets
    has_data_sets: bool
    tables: tuple[PlainTable, ...]

    @property
    def has_ids(self) -> bool:
        """Whether there are ids that can be compared with those of the reports."""
        return self.has_data_sets or any(each.table in TABLES for each in self.tables)


def read_inputs(paths: Sequence[str], name: str | None) -> Inputs:
    """Return what is in some files; each is recognised by its columns.

    Args:
        name: The name to import a plain table under; default: the name of its file.

    Raises:
        InputError: If a file is none of those that are known, two are of one data set, or a row of
            a plain table is wrong.
    """
    data_sets = defaultdict[DataSet, list[CsvInput]](list)
    plain: list[tuple[Table, CsvInput]] = []
    for file in csv_inputs(paths):
        header = file.header()
        if twice := [each for each in header if header.count(each) > 1]:
            text = f"The column {twice[0]!r} occurs twice."
            raise InputError(str(Problem(file.label, text, "Remove one.", 1)))
        table = next((each for each in _IMPORTED if set(each.needed) <= set(header)), None)
        data_set = data_set_of(header)
        if table:
            plain.append((table, file))
        elif data_set:
            data_sets[data_set].append(file)
        else:
            raise InputError(str(_unknown(file, header)))
    for data_set, several in data_sets.items():
        if len(several) > 1 and data_set is not DataSet.ENROLLMENTS_AND_WITHDRAWALS:
            raise InputError(
                f"{several[0].label} and {several[1].label} are of one data set, {data_set}.",
                "Give the latest full one. Which of two rows is newer, the files do not say; "
                f"only {DataSet.ENROLLMENTS_AND_WITHDRAWALS} may be several files.",
            )
    tables = [_plain_table(table, file, name) for table, file in plain]
    names = [table.table.key(table.name) for table in tables]
    if same := [each for each in names if names.count(each) > 1]:
        raise InputError(
            f"Two of the files would be imported as {same[0]}.",
            "Rename one, or import them one after the other, each with its own --name.",
        )
    return Inputs(DataSets(data_sets), bool(data_sets), tuple(tables))


def check_name(name: str) -> str:
    """Return a name for an import.

    Raises:
        InputError: If it cannot be a part of a key.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of an import.",
            "Give --name with a-z, 0-9, dots, hyphens and underscores, such as autumn-2026.",
        )
    return name


def _unknown(file: CsvInput, header: Sequence[str]) -> Problem:
    if not header:
        return Problem(file.label, "The file is empty.", "Its first line has the columns.")
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        text = "The values are not separated by commas."
        return Problem(file.label, text, "Save it with commas.", 1)
    data_set, missing = nearest(header)
    shown = ", ".join(header[:12]) + (", …" if len(header) > 12 else "")
    wanted = " or ".join(",".join(table.columns) for table in _IMPORTED)
    return Problem(
        file.label,
        f"The columns {shown} are those of no table and no data set.",
        f"A table has {wanted}. The data set {data_set} would need {', '.join(missing)} as well.",
        1,
    )


def _plain_table(table: Table, file: CsvInput, name: str | None) -> PlainTable:
    names = {column: column for column in table.columns}
    header = file.header()
    rows, problems = set[Row](), list[Problem]()
    for line, values in file.records(names):
        row = tuple(values.get(column, "").strip() for column in table.columns)
        rows.add(row)
        problems += table.problems(row, file.label, line)
    refuse(problems)
    ignored = tuple(column for column in header if column not in table.columns)
    chosen = check_name(name or re.sub(r"[^a-z0-9._-]+", "-", file.stem.lower()).strip("-"))
    return PlainTable(table, chosen, tuple(sorted(rows)), ignored)
