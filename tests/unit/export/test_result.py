"""The result of a run and its run record."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.errors import RoomReportsError
from room_reports.export.changes import Change
from room_reports.export.errors import RowCapError, RunFailedError, TooLateError
from room_reports.export.fetch import FetchedReport
from room_reports.export.planner import Task
from room_reports.export.publish import ExportedTask
from room_reports.export.result import FailedTask, RunResult, describe_error
from room_reports.export.scope import CalendarRange, Scope
from room_reports.kaltura.request import ReportRequest
from room_reports.model.freshness import State
from room_reports.model.reports import ATTENDEES, REPORTS
from room_reports.model.windows import Calendar, Granularity
from room_reports.storage.csv_file import CsvSummary
from room_reports.storage.errors import StorageError
from tests.support.plans import plan

NOW = datetime(2026, 10, 5, 4, 7, tzinfo=UTC)
SPAN = CalendarRange(NOW - timedelta(days=5), NOW, Calendar(Granularity.DAY, ZoneInfo("UTC")))
SCOPE = Scope("schedule", NOW, dict.fromkeys(("us", "eu"), REPORTS), {Granularity.DAY: SPAN}, False)
TASKS = plan(SCOPE, timedelta(hours=48), {}, gzip=False).tasks


def done(task: Task, rows: int, changed: bool) -> ExportedTask:
    summary = CsvSummary(rows, 10 * rows, "ab" * 32, "cd" * 32, ("entry_id", "extra"), ("extra",))
    change = Change(1, 2, 3) if changed else None
    return ExportedTask(task, State.SETTLED, FetchedReport(summary, 4, 2), change, same=False)


RESULTS = st.builds(
    RunResult,
    run_id=st.just("20261005T040700Z-abc"),
    exported=st.lists(
        st.builds(done, st.sampled_from(TASKS), st.integers(0, 10**6), st.booleans()), max_size=5
    ).map(tuple),
    skipped=st.integers(0, 1000),
    deferred=st.integers(0, 1000),
    failed=st.lists(
        st.builds(FailedTask, st.sampled_from(TASKS), st.text(max_size=30), st.booleans()),
        max_size=5,
    ).map(tuple),
)


@given(RESULTS)
def test_to_dict_matches_the_contract(run: RunResult) -> None:
    result = run.to_dict()
    assert list(result) == ["run_id", "exported", "skipped", "deferred", "failed", "expired"]
    assert result["exported"] == [item.task.key for item in run.exported]
    assert result["failed"] == [
        {"task": item.task.key, "error": item.error, "retryable": item.retryable}
        for item in run.failed
    ]
    assert json.loads(str(RunFailedError(result))) == result


@given(RESULTS)
def test_run_record_is_one_line_of_json_with_the_whole_result(run: RunResult) -> None:
    text = run.run_record(SCOPE, NOW, NOW + timedelta(seconds=90))
    assert text.endswith("\n")
    assert text.count("\n") == 1
    record, result = json.loads(text), run.to_dict()
    assert {name: record[name] for name in result if name != "exported"} == {
        name: value for name, value in result.items() if name != "exported"
    }
    assert (record["started_at"], record["finished_at"], record["now"]) == (
        "2026-10-05T04:07:00Z",
        "2026-10-05T04:08:30Z",
        "2026-10-05T04:07:00Z",
    )
    for entry, item in zip(record["exported"], run.exported, strict=True):
        assert entry["task"] == item.task.key
        assert entry["rows"] == item.fetched.summary.rows
        assert entry["unknown_columns"] == ["extra"]
        assert entry["change"] == (
            {"added": 1, "removed": 2, "altered": 3, "renamed": 0} if item.change else None
        )


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize("mask", [False, True])
def test_an_error_of_another_library_can_quote_data(mask: bool) -> None:
    shown = describe_error(raised(ValueError("Jane Doe")), mask=mask)
    assert ("Jane Doe" in shown) is not mask
    assert shown.startswith("ValueError")
    assert (" in test_result.py:" in shown) is mask


@pytest.mark.parametrize("error", [TooLateError("task"), StorageError("reading", "k", "403", "no")])
def test_an_error_of_the_project_is_shown(error: RoomReportsError) -> None:
    assert describe_error(error, mask=True) == describe_error(error)
    assert str(error) in describe_error(error, mask=True)


def test_the_error_of_a_row_cap_does_not_name_users() -> None:
    request = ReportRequest(ATTENDEES, 0, 1, {"user_ids": ("jane", "joe"), "entry_ids": ("1_a",)})
    message = str(RowCapError(request, "why"))
    assert "user_ids=(2 values); entry_ids=1_a" in message
    assert "jane" not in message
