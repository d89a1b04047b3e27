"""The command's queries of attendance, by the real client against Athena's API over DuckDB."""

from collections.abc import Iterator

import boto3
import pytest

from room_reports_command.athena import QueryFailedError, literal, run_query
from room_reports_command.attendance.command import read_report
from room_reports_command.attendance.rows import last_attendance_of
from room_reports_command.stack import Connection, DeployedStack
from tests.support.athena_server import AthenaServer, athena_text
from tests.support.attendance import POLICY, AttendanceViews, term_of

COURSES = ("BIO-101", "o'HARE 7", "ART-2", "LAW%")
ROWS = term_of(COURSES, weeks=4, people=9)
PAGE = 7


def stack_at(url: str) -> DeployedStack:
    """Return a stack whose Athena is at an address."""
    session = boto3.Session("key", "secret", region_name="us-east-1")
    stack = DeployedStack(Connection(), session, url)
    stack.__dict__["outputs"] = {"GlueDatabase": "reports", "AthenaWorkgroup": "group"}
    stack.__dict__["parameters"] = {"TimeZone": "America/New_York"}
    return stack


@pytest.fixture(scope="module")
def views() -> AttendanceViews:
    return AttendanceViews(ROWS)


@pytest.fixture
def server(views: AttendanceViews) -> Iterator[AthenaServer]:
    with AthenaServer(views, PAGE) as found:
        yield found


def test_every_row_arrives_as_it_is_in_the_view(server: AthenaServer) -> None:
    report = read_report(stack_at(server.url), "2026-09-01", "2026-12-01", ())
    assert sorted(report.rows, key=repr) == sorted(ROWS, key=repr)
    assert len(report.rows) > 10 * PAGE
    assert server.requests.count("GetQueryResults") > 10


@pytest.mark.parametrize("course", COURSES)
def test_only_the_courses_that_were_asked_for_are_read(server: AthenaServer, course: str) -> None:
    report = read_report(stack_at(server.url), "2026-09-01", "2026-12-01", (course, "none"))
    assert {row.course_id for row in report.rows} == {course}
    assert {key[0] for key in report.last_attendance} == {course}
    assert report.without_classes() == ["none"]


def test_the_last_day_is_not_included(server: AthenaServer) -> None:
    days = sorted({row.dt for row in ROWS})
    report = read_report(stack_at(server.url), days[0], days[2], ())
    assert {row.dt for row in report.rows} == set(days[:2])


def test_the_last_attendance_of_all_days_is_that_of_the_view(server: AthenaServer) -> None:
    """It can be later than the days that were asked for."""
    stack = stack_at(server.url)
    report = read_report(stack, "2026-09-07", "2026-09-08", ("BIO-101",), all_days=True)
    expected: dict[str, str] = {row.user_key: "" for row in ROWS if row.course_id == "BIO-101"}
    for row in ROWS:
        if row.course_id == "BIO-101" and row.minutes:
            expected[row.user_key] = max(expected[row.user_key], row.dt)
    found = {key: day for (_, key), (day, *_) in report.last_attendance.items()}
    assert found == expected
    assert max(found.values()) > "2026-09-08"
    assert report.of_all_days


def test_by_default_only_the_days_that_were_asked_for_are_read(server: AthenaServer) -> None:
    report = read_report(stack_at(server.url), "2026-09-01", "2026-12-01", ("ART-2",))
    assert report.last_attendance == last_attendance_of(report.rows, "2026-09-01", "2026-12-01", ())
    assert not [each for each in server.executions if "last_attendance" in each.sql]


def test_the_policy_is_that_of_the_view(server: AthenaServer) -> None:
    report = read_report(stack_at(server.url), "2026-09-01", "2026-12-01", ())
    assert report.policy.keys() == POLICY.keys()
    assert report.policy["roles"] == "Student, Auditor"
    assert float(report.policy["min_share"]) == POLICY["min_share"]
    assert report.policy["drop_prefixes"] == ""


def test_a_query_is_waited_for(server: AthenaServer) -> None:
    server.looks = 5
    waited: list[float] = []
    run_query(stack_at(server.url), "SELECT 1 AS one", wait=waited.append)
    assert waited == sorted(waited)
    assert len(waited) == 4


def test_queries_are_for_the_workgroup_and_the_database_of_the_stack(server: AthenaServer) -> None:
    read_report(stack_at(server.url), "2026-09-01", "2026-12-01", ())
    assert {(each.workgroup, each.database) for each in server.executions} == {("group", "reports")}


FAILURES = [
    ("TABLE_NOT_FOUND: line 1:1: Table 'awsdatacatalog.x.policy' does not exist", "sam deploy"),
    ("COLUMN_NOT_FOUND: line 1:8: Column 'reason' cannot be resolved", "sam deploy"),
    ("Query cancelled! : Bytes scanned limit was exceeded", "BytesScannedCutoff"),
    ("Query exhausted resources at this scale factor", "fewer days"),
    ("HIVE_BAD_DATA: Error reading field value", "reference check"),
    ("Access Denied when writing output to url: s3://x/", "AnalystPolicyArn"),
    ("Insufficient permissions to execute the query", "AnalystPolicyArn"),
    ("GENERIC_INTERNAL_ERROR: something", "doctor"),
]


@pytest.mark.parametrize(("reason", "cure"), FAILURES)
def test_a_failed_query_names_its_cause_and_its_cure(
    server: AthenaServer, reason: str, cure: str
) -> None:
    server.fails["SELECT"] = reason
    with pytest.raises(QueryFailedError) as caught:
        run_query(stack_at(server.url), "SELECT 1 AS one", wait=lambda _: None)
    assert reason in caught.value.cause
    assert cure in caught.value.cure


def test_a_query_that_takes_too_long_is_stopped(server: AthenaServer) -> None:
    server.looks = 10_000
    with pytest.raises(QueryFailedError, match="longer than 0"):
        run_query(stack_at(server.url), "SELECT 1 AS one", seconds=0, wait=lambda _: None)
    assert server.stopped == ["SELECT 1 AS one"]


def test_a_query_is_stopped_when_the_command_is(server: AthenaServer) -> None:
    server.looks = 10_000

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_query(stack_at(server.url), "SELECT 1 AS one", wait=interrupted)
    assert server.stopped == ["SELECT 1 AS one"]


def test_throttled_requests_are_repeated(server: AthenaServer) -> None:
    server.refused = ["ThrottlingException", "TooManyRequestsException"]
    found = run_query(stack_at(server.url), "SELECT 'a' AS one", wait=lambda _: None)
    assert (found.columns, found.rows, found.types) == (("one",), [("a",)], {"one": "varchar"})


def test_a_query_without_rows_has_none(server: AthenaServer) -> None:
    sql = "SELECT dt FROM attendance_status WHERE dt = 'never'"
    assert run_query(stack_at(server.url), sql, wait=lambda _: None).rows == []


@pytest.mark.parametrize("text", ["", "'", "''", "a'b", '"', "\\", "--", "%", "é"])
def test_a_literal_is_the_text(server: AthenaServer, text: str) -> None:
    found = run_query(stack_at(server.url), f"SELECT {literal(text)} AS t", wait=lambda _: None)
    assert found.rows == [(text,)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (True, "true"),
        (0.75, "0.75"),
        (75.0, "75.0"),
        (1_788_787_800.0, "1.7887878E9"),
        (12_345_678.5, "1.23456785E7"),
        (-0.0001, "-1.0E-4"),
        (["a", "b"], "[a, b]"),
        (3, "3"),
    ],
)
def test_the_server_writes_values_as_athena_does(value: object, text: str | None) -> None:
    assert athena_text(value) == text
