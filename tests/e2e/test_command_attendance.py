"""room-reports attendance on the stack, with the views in DuckDB behind Athena's API."""

import csv
import io
from collections.abc import Iterator

import openpyxl
import pytest

from room_reports_command.attendance.rows import COLUMNS
from room_reports_command.attendance.summary import by_course
from tests.e2e.operator import Operator, Ran
from tests.support.athena_server import AthenaServer
from tests.support.attendance import AttendanceViews, term_of

pytestmark = pytest.mark.e2e

ROWS = term_of(("BIO-101", "ART-2"), weeks=4, people=30)
DAYS = ("--from", "2026-09-01", "--to", "2026-12-01")


@pytest.fixture(scope="module")
def views() -> AttendanceViews:
    return AttendanceViews(ROWS)


@pytest.fixture
def server(views: AttendanceViews) -> Iterator[AthenaServer]:
    with AthenaServer(views, page=50) as found:
        yield found


def attendance(operator: Operator, server: AthenaServer, *arguments: str) -> Ran:
    environment = {"AWS_ENDPOINT_URL_ATHENA": server.url}
    return operator.run("attendance", *DAYS, *arguments, environment=environment)


def test_a_workbook_is_written(operator: Operator, server: AthenaServer) -> None:
    ran = attendance(operator, server, "-o", "book.xlsx")
    assert ran.code == 0, ran.err
    assert f"Wrote book.xlsx: {len(ROWS)} rows." in ran.out
    book = openpyxl.load_workbook(operator.folder / "book.xlsx")
    assert book.sheetnames[2:-1] == ["ART-2", "BIO-101"]
    assert book["All rows"].max_row == 1 + len(ROWS)
    assert server.requests.count("GetQueryResults") > 5
    outputs = operator.deployed().outputs
    assert {(each.workgroup, each.database) for each in server.executions} == {
        (outputs["AthenaWorkgroup"], outputs["GlueDatabase"])
    }


def test_json_has_the_rows_or_names_the_file(operator: Operator, server: AthenaServer) -> None:
    found = attendance(operator, server, "--course", "BIO-101", "--json").document
    expected = [row for row in ROWS if row.course_id == "BIO-101"]
    assert len(found["rows"]) == len(expected)
    assert found["file"] is None
    (course,) = found["courses"]
    (counted,) = by_course(expected)
    assert course["statuses"] == dict(sorted(counted.counts.items()))
    assert found["policy"]["min_share"] == "0.75"
    assert found["rows"][0]["class_start"] == "2026-09-07T13:30:00Z"
    written = attendance(operator, server, "--json", "-o", "json.xlsx").document
    assert written["file"] == "json.xlsx"
    assert "rows" not in written


def test_csv_goes_to_stdout_or_to_a_file(operator: Operator, server: AthenaServer) -> None:
    ran = attendance(operator, server, "-o", "-")
    header, *rows = csv.reader(io.StringIO(ran.out))
    assert header == list(COLUMNS)
    assert len(rows) == len(ROWS)
    assert attendance(operator, server, "-o", "same.csv").code == 0
    assert (operator.folder / "same.csv").read_text(encoding="utf-8") == ran.out


def test_without_a_file_the_statuses_are_counted(operator: Operator, server: AthenaServer) -> None:
    ran = attendance(operator, server, "--course", "ART-2", "--course", "none")
    assert ran.code == 0
    assert "ART-2" in ran.out
    assert "Not seen" in ran.out
    assert ran.err == "No class in these days: none\n"


def test_a_course_without_a_class_is_a_finding(operator: Operator, server: AthenaServer) -> None:
    ran = attendance(operator, server, "--course", "none", "-o", "none.xlsx")
    assert ran.code == 1
    assert "no class of these courses" in ran.err
    assert not (operator.folder / "none.xlsx").exists()


def test_a_query_that_fails_names_its_cure(operator: Operator, server: AthenaServer) -> None:
    server.fails["attendance_status"] = (
        "TABLE_NOT_FOUND: line 1:1: Table 'attendance_status' does not exist"
    )
    ran = attendance(operator, server, "-o", "failed.xlsx")
    assert ran.code == 3
    assert "TABLE_NOT_FOUND" in ran.err
    assert "sam build && sam deploy" in ran.err
    assert not (operator.folder / "failed.xlsx").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", "2026-09-31"), "is no day"),
        (("--from", "2026-9-1"), "is no day"),
        (("--to", "2026-09-01"), "There is no day"),
        (("-o", "book.pdf"), "End it with .xlsx or .csv."),
        (("-o", "missing/book.xlsx"), "There is no folder missing"),
        (("-o", "-", "--json"), "would both write to stdout"),
    ],
)
def test_a_wrong_argument_is_refused_before_athena_is_asked(
    operator: Operator, server: AthenaServer, arguments: tuple[str, ...], message: str
) -> None:
    ran = attendance(operator, server, *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert server.requests == []
