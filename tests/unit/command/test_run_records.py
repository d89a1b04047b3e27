"""The last error of each task, as the run records tell it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from room_reports_command.run_records import RunRecord, last_errors

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TASKS = st.sampled_from(["a", "b", "c"])


def run(hours_ago: int, failed: dict[str, str], exported: set[str]) -> RunRecord:
    moment = NOW - timedelta(hours=hours_ago)
    fields = {
        "failed": [{"task": task, "error": error} for task, error in failed.items()],
        "exported": [{"task": task, "rows": 1} for task in exported],
    }
    return RunRecord(f"run-{hours_ago}", "schedule", moment, moment, fields)


@given(
    st.lists(
        st.tuples(st.dictionaries(TASKS, st.sampled_from(["x", "y"])), st.sets(TASKS)), max_size=6
    )
)
def test_an_error_is_the_latest_and_of_a_task_that_has_not_succeeded_since(
    history: list[tuple[dict[str, str], set[str]]],
) -> None:
    runs = [
        run(age, {k: v for k, v in failed.items() if k not in exported}, exported)
        for age, (failed, exported) in enumerate(history)
    ]
    expected: dict[str, str] = {}
    for each in reversed(runs):  # as it happened
        for done in each.fields["exported"]:
            expected.pop(done["task"], None)
        expected.update({failed["task"]: failed["error"] for failed in each.fields["failed"]})
    assert {task: error for task, (_, error) in last_errors(runs).items()} == expected
