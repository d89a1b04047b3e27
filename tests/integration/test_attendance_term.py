"""The command over generated terms: from the files in the bucket to the cells of the workbook.

The views run in DuckDB behind Athena's API, and what they should say is computed in Python.
"""

import csv
import io
from collections import defaultdict
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from room_reports_command.attendance.command import read_report
from room_reports_command.attendance.csv_output import write_attendance_csv
from room_reports_command.attendance.days import day_before
from room_reports_command.attendance.report import AttendanceReport
from room_reports_command.attendance.rows import (
    AttendanceRow,
    LastSeen,
    last_attendance_of,
    person_key,
)
from room_reports_command.attendance.statuses import status_of
from room_reports_command.attendance.workbook import duration, write_workbook
from room_reports_command.reference.checking import check_policy, check_table, is_wrong
from room_reports_command.reference.store import Stored
from room_reports_command.reference.tables import TABLES
from tests.integration.test_attendance_queries import stack_at
from tests.support.athena_server import AthenaServer
from tests.support.course_status_expected import ExpectedStatuses
from tests.support.course_term import ZONE
from tests.support.course_term_expected import is_day
from tests.support.course_term_files import publish
from tests.support.course_term_made import generate
from tools.athena.duck_athena import DuckAthena

SEEDS = (7, 9, 12)
"""Each with a lost day; in autumn and in spring, with one region and with two."""
SESSION_DAYS = 5
Row = dict[str, Any]


@pytest.fixture(scope="module", params=SEEDS)
def term(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[AttendanceReport, ExpectedStatuses, Path]:
    """Return a report of all days of a term, what should be in it, and the term's files."""
    generated, root = generate(request.param), tmp_path_factory.mktemp("term")
    publish(generated, root)
    now = generated.now()
    athena = DuckAthena(root, ZONE.key, now, loaded=True, session_days=SESSION_DAYS)
    with AthenaServer(athena, page=100) as server:
        first, last = generated.first.isoformat(), "2026-12-01"
        report = read_report(stack_at(server.url), first, last, (), all_days=True)
    return report, ExpectedStatuses(generated, SESSION_DAYS), root


def test_the_rows_are_those_that_were_computed(
    term: tuple[AttendanceReport, ExpectedStatuses, Path],
) -> None:
    report, expected, _ = term
    found = {(row.course_id, row.class_id, row.dt, row.user_id): row for row in report.rows}
    wanted = {
        (row["course_id"], row["class_id"], row["dt"], row["user_id"]): row
        for row in _rows(expected)
    }
    assert found.keys() == wanted.keys()
    assert len(found) > 50
    for key, row in found.items():
        right = wanted[key]
        assert (row.status, row.final, row.dt) == (right["status"], right["final"], right["dt"])
        assert row.minutes == pytest.approx(right["minutes"], rel=1e-12)
        start = row.class_start.timestamp() if row.class_start else None
        assert start == right["class_start"]
        end = row.class_end.timestamp() if row.class_end else None
        assert end == right["class_end"]
        assert row.reason
    assert {row.status for row in report.rows} >= {"present", "not_seen", "provisional", "no_data"}


def test_the_last_attendance_is_the_same_from_the_rows_and_from_the_view(
    term: tuple[AttendanceReport, ExpectedStatuses, Path],
) -> None:
    report, expected, _ = term
    right = {
        (row["course_id"], person_key(row["user_key"] or "", row["user_id"])): LastSeen(
            row["last_dt"] or "", row["known_until"] or "", row["final"]
        )
        for row in expected.last_attendance()
    }
    assert report.last_attendance == right
    days = [each.isoformat() for each in expected.term.days()]
    for last in days[3:]:
        rows = [row for row in report.rows if row.dt < last]
        opened = [each for each in report.open_days if each.dt < last]
        for person, seen in last_attendance_of(rows, days[0], last, opened).items():
            dates = [row.dt for row in rows if _person(row) == person and row.minutes]
            assert seen.day == max(dates, default="")
            undecided = [
                row.dt
                for row in rows
                if _person(row) == person and not status_of(row.status).decided
            ]
            known = expected.known_until(seen.day or days[0], undecided) or ""
            assert seen.known_until == min(known, day_before(last))
            assert seen.final == (bool(known) and known >= day_before(last))


def test_the_days_of_which_classes_may_be_missing_are_those_without_settled_files(
    term: tuple[AttendanceReport, ExpectedStatuses, Path],
) -> None:
    report, expected, _ = term
    regions = {region for region, _, _ in expected.term.files}
    days = [each.isoformat() for each in expected.term.days()]
    assert {(each.dt, each.region) for each in report.open_days if each.dt <= days[-1]} == {
        (day, region) for day in days for region in regions if not expected.settled(region, day)
    }
    lost = [each for each in report.open_days if each.dt < expected.term.now().date().isoformat()]
    assert any("no file" in each.why for each in lost)


def _person(row: AttendanceRow) -> tuple[str, str]:
    return row.course_id, person_key(row.user_key, row.user_id)


def test_the_cells_of_the_workbook_say_what_was_computed(
    term: tuple[AttendanceReport, ExpectedStatuses, Path],
) -> None:
    report, expected, _ = term
    out = io.BytesIO()
    write_workbook(report, out)
    book = openpyxl.load_workbook(io.BytesIO(out.getvalue()))
    cells: dict[str, list[str]] = defaultdict(list)
    for name in book.sheetnames[2:-1]:
        shown = list(book[name].iter_rows(values_only=True))
        start = next(number for number, line in enumerate(shown) if line[0] == "User")
        for line in shown[start + 1 :]:
            cells[name] += [str(value) for value in line[2:-5] if value is not None]
    wanted: dict[str, list[str]] = defaultdict(list)
    for row in _rows(expected):
        word = status_of(row["status"]).word
        minutes = row["minutes"]
        wanted[row["course_id"]].append(f"{word} {duration(minutes)}" if minutes else word)
    assert {name: sorted(found) for name, found in cells.items()} == {
        name: sorted(found) for name, found in wanted.items()
    }


def test_no_person_is_not_seen_in_a_class_whose_data_are_open(
    term: tuple[AttendanceReport, ExpectedStatuses, Path],
) -> None:
    report, _, _ = term
    out = io.BytesIO()
    write_attendance_csv(report.rows, out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue().decode(), newline="")))
    decided = [row for row in rows if status_of(row["status"]).decided]
    assert decided
    assert {row["final"] for row in decided} == {"true"}


def test_the_reference_data_of_the_term_are_right(
    term: tuple[AttendanceReport, ExpectedStatuses, Path],
) -> None:
    """What the views can read, the check finds right, and the other way round."""
    _, expected, root = term
    dates = ("from", "to")
    entries = [row[3:] for row in expected.term.rosters]
    unclear = sum(not is_day(day) for entry in entries for day in entry)
    found = []
    for table in TABLES:
        files = [Stored(str(path), path.read_bytes(), "") for path in root.glob(f"{table.prefix}*")]
        assert files
        found += is_wrong(check_table(table, files).problems)
    assert [each.column in dates for each in found] == [True] * unclear
    for path in root.glob("reference/policy/*"):
        assert not list(
            check_policy([Stored("reference/policy/policy.json", path.read_bytes(), "")])
        )


def _rows(expected: ExpectedStatuses) -> list[Row]:
    return list(expected.attendance_status())
