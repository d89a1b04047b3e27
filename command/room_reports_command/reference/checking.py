"""What is wrong with the files under ``reference/``, where anybody may put some."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from room_reports_command.reference.effect import merged
from room_reports_command.reference.id_rules import IdRules
from room_reports_command.reference.policy import (
    POLICY_KEY,
    POLICY_PREFIX,
    json_object,
    policy_problems,
)
from room_reports_command.reference.problems import Problem
from room_reports_command.reference.store import ReferenceStore, Stored
from room_reports_command.reference.tables import (
    ACKNOWLEDGED,
    ROOMS,
    ROSTERS,
    Row,
    Table,
    names_of_courses,
    overlaps,
)

_NAMED = 5
_OTHER_POLICY = (
    "Athena reads each file under this prefix, so that two policies would hold: remove it."
)
_PROBLEMS_OF_A_FILE = 20


@dataclass(frozen=True)
class CheckedTable:
    """The files of a table, as Athena reads them."""

    rows: tuple[Row, ...]
    """The rows that are right, each once."""
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Checked:
    """All reference data in the bucket."""

    rooms: int
    """Rows of rooms that are right."""
    rosters: int
    """Rows of rosters that are right."""
    acknowledged: int
    """Rows of acknowledgements that are right."""
    problems: tuple[Problem, ...]

    @property
    def wrong(self) -> list[Problem]:
        """The problems that make results wrong."""
        return is_wrong(self.problems)


def check_all(store: ReferenceStore) -> Checked:
    """Return what is wrong with the reference data in the bucket."""
    rooms = check_table(ROOMS, store.read_all(ROOMS.prefix))
    rosters = check_table(ROSTERS, store.read_all(ROSTERS.prefix))
    acknowledged = check_table(ACKNOWLEDGED, store.read_all(ACKNOWLEDGED.prefix))
    policies = store.read_all(POLICY_PREFIX)
    problems = (
        *rooms.problems,
        *rosters.problems,
        *acknowledged.problems,
        *check_policy(policies),
        *check_together(rooms.rows, rosters.rows),
        *check_ids(rosters.rows, policies),
    )
    return Checked(len(rooms.rows), len(rosters.rows), len(acknowledged.rows), problems)


def check_table(table: Table, files: Iterable[Stored]) -> CheckedTable:
    """Return the rows of a table's files, and what is wrong with them."""
    rows: set[Row] = set()
    problems: list[Problem] = []
    for stored in files:
        found = list(_file_problems(table, stored, rows))
        problems += found[:_PROBLEMS_OF_A_FILE]
        if len(found) > _PROBLEMS_OF_A_FILE:
            more = f"There are {len(found) - _PROBLEMS_OF_A_FILE:,} more problems in this file."
            problems.append(Problem(stored.key, more))
    return CheckedTable(tuple(sorted(rows)), tuple(problems))


def check_together(rooms: Sequence[Row], rosters: Sequence[Row]) -> Iterator[Problem]:
    """Yield what deserves a look when the tables are read together."""
    names = names_of_courses(rooms)
    for course, several in names.items():
        if len(several) > 1:
            text = f"The course {course!r} has the names {', '.join(map(repr, several))}."
            yield Problem(ROOMS.prefix, text, "One of them is shown.", harmless=True)
    with_roster = {row[0] for row in rosters}
    yield from _alone(ROOMS, "have a room and no roster", names.keys() - with_roster)
    yield from _alone(ROSTERS, "have a roster and no room", with_roster - names.keys())
    for earlier, later in overlaps(rosters)[:_NAMED]:
        text = f"{earlier[1]!r} is on the roster of {earlier[0]!r} twice at the same time"
        text += f", as {earlier[2]!r} and as {later[2]!r}."
        yield Problem(ROSTERS.prefix, text, "The person has two rows for a class.", harmless=True)


def check_ids(rosters: Sequence[Row], policies: Sequence[Stored]) -> Iterator[Problem]:
    """Yield which ids of rosters become the same by the rules of a policy that is right."""
    texts = [each.body.decode(errors="replace") for each in policies if each.key == POLICY_KEY]
    policy = json_object(texts[0]) if texts else {}
    if isinstance(policy, str) or list(policy_problems(policy, POLICY_KEY)):
        return
    for group in merged({row[1] for row in rosters}, IdRules.from_policy(policy))[:_NAMED]:
        text = f"The rules for ids make {' and '.join(map(repr, group))} the same."
        cure = "If these are different people, choose other rules."
        yield Problem(ROSTERS.prefix, text, cure, harmless=True)


def check_policy(files: Sequence[Stored]) -> Iterator[Problem]:
    """Yield what is wrong with the policy."""
    for stored in files:
        if stored.key != POLICY_KEY:
            text = f"It is read as a policy as well as {POLICY_KEY}."
            yield Problem(stored.key, text, _OTHER_POLICY)
            continue
        try:
            text = stored.body.decode()
        except UnicodeDecodeError:
            yield Problem(stored.key, "It is not in UTF-8.", "Write it with policy set.")
            continue
        policy = json_object(text)
        if isinstance(policy, str):
            yield Problem(stored.key, policy, "Write it with room-reports reference policy set.")
            continue
        if "\n" in text.strip("\n") or not text.strip():
            cure = "Athena reads each line by itself. Write it with policy set."
            yield Problem(stored.key, "It is not in one line.", cure)
        yield from policy_problems(policy, stored.key)


def is_wrong(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems that make results wrong."""
    return [each for each in problems if not each.harmless]


def _file_problems(table: Table, stored: Stored, rows: set[Row]) -> Iterator[Problem]:
    """Yield the problems of a file, and add the rows that are right to ``rows``."""
    if not stored.key.endswith(".csv"):
        cure = "Athena reads it all the same: remove it, or rename it."
        yield Problem(stored.key, "Its name does not end in .csv.", cure)
    try:
        text = stored.body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = stored.body[: error.start].count(b"\n") + 1
        yield Problem(stored.key, "It is not in UTF-8.", "Save it as CSV in UTF-8.", line)
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        header = next(reader, [])
        if tuple(header) != table.columns:
            text = f"The header is {','.join(header) or 'empty'}."
            right = f"Athena reads columns by their places: write {','.join(table.columns)}."
            yield Problem(stored.key, text, right, 1)
            return
        line = reader.line_num + 1
        for row in reader:
            found = list(_row_problems(table, tuple(row), stored.key, line, reader.line_num))
            yield from found
            if not is_wrong(found):
                rows.add(tuple(row))
            line = reader.line_num + 1
    except csv.Error as error:
        cure = "Double a quotation mark within quotation marks."
        yield Problem(stored.key, f"It is not CSV: {error}.", cure, line)


def _row_problems(table: Table, row: Row, key: str, line: int, last_line: int) -> Iterator[Problem]:
    if len(row) != len(table.columns):
        text = f"There are {len(row)} values and not {len(table.columns)}."
        cure = "Remove empty lines. Put a value with a comma into quotation marks."
        yield Problem(key, text, cure, line)
    elif last_line > line:
        text = "A value has a line break."
        yield Problem(key, text, "Athena reads each line by itself: remove it.", line)
    else:
        for found in table.problems(row, key, line):
            # The rules for ids remove spaces around the ids of users.
            spaces = found.column in ("user_id", "course_name") and "spaces" in found.text
            yield replace(found, harmless=spaces)


def _alone(table: Table, what: str, courses: Iterable[str]) -> Iterator[Problem]:
    named = sorted(courses)
    if named:
        more = ", …" if len(named) > _NAMED else ""
        text = f"Courses that {what}: {len(named):,} ({', '.join(named[:_NAMED])}{more})."
        yield Problem(table.prefix, text, "They have no attendance.", harmless=True)
