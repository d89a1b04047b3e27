"""What child workflows have done, added up by reason."""

from dataclasses import asdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from room_reports.backfill.results import (
    MAX_ERROR,
    MAX_REASONS,
    Failure,
    RoundOutcome,
    by_reason,
    is_down,
)
from room_reports.export.result import FailedTask, RunResult
from tests.unit.export.test_result import TASKS

TASK = TASKS[0]
CODES = st.sampled_from(["HTTP_503", "ROW_CAP", "OUT_OF_TIME", "LOCK_TIMED_OUT"])
failed_tasks = st.builds(
    FailedTask, st.just(TASK), st.tuples(CODES, st.text()).map(": ".join), st.booleans()
)


def result(failures: list[Failure], **fields: Any) -> dict[str, Any]:
    usual = {"exported": 0, "rows": 0, "down": False}
    return {**usual, **fields, "failures": [asdict(failure) for failure in failures]}


def run_result(*failed: FailedTask) -> RunResult:
    return RunResult("run", (), 0, 0, failed)


@given(st.lists(failed_tasks))
def test_no_failed_window_is_lost_by_adding_up(failed: list[FailedTask]) -> None:
    found = by_reason(map(Failure.of, failed))
    assert sum(failure.windows for failure in found) == len(failed)
    kinds = [(failure.reason, failure.retryable) for failure in found]
    assert len(set(kinds)) == len(kinds)
    assert all(len(failure.error) <= MAX_ERROR for failure in found)
    assert by_reason([*found, *found]) == tuple(
        Failure(**{**asdict(failure), "windows": 2 * failure.windows}) for failure in found
    )


def test_a_round_is_the_sum_of_its_results() -> None:
    one = result([Failure("HTTP_503", 2, True, "a", "x")], exported=3, rows=40, down=True)
    two = result([Failure("HTTP_503", 1, True, "b", "y")], exported=4, rows=2)
    cause = '{"errorMessage": "Task timed out"}'
    error = {"windows": 31, "error": "Sandbox.Timedout", "cause": cause}
    outcome = RoundOutcome.of([one, two], [error])
    assert (outcome.exported, outcome.rows, outcome.down) == (7, 42, True)
    assert outcome.failures == (
        Failure("Sandbox.Timedout", 31, True, "", "Sandbox.Timedout: Task timed out"),
        Failure("HTTP_503", 3, True, "a", "x"),
    )


def test_the_cause_of_an_error_may_be_anything() -> None:
    for cause, text in (("no JSON", "E: no JSON"), ('["a"]', 'E: ["a"]'), ("{}", "E: {}")):
        (failure,) = RoundOutcome.of([], [{"error": "E", "cause": cause}]).failures
        assert failure.error == text
    (failure,) = RoundOutcome.of([], [{}]).failures
    assert failure.error == "Unknown: "


def test_a_round_is_permanent_if_everything_would_fail_again() -> None:
    permanent = Failure("ROW_CAP", 1, False, "a", "x")
    passing = Failure("HTTP_503", 1, True, "a", "x")
    assert RoundOutcome(failures=(permanent,)).is_permanent
    assert not RoundOutcome(failures=(permanent, passing)).is_permanent
    assert not RoundOutcome().is_permanent
    wrong = RoundOutcome.of([], [{"error": "ConfigurationError", "cause": "x"}])
    assert wrong.is_permanent


def test_the_reasons_of_a_region_are_limited() -> None:
    many = [Failure(f"CODE_{n}", n + 1, True, "", "") for n in range(3 * MAX_REASONS)]
    kept = RoundOutcome.of([result(many)], []).failures
    assert [failure.windows for failure in kept] == [
        3 * MAX_REASONS - n for n in range(MAX_REASONS)
    ]


def test_a_region_is_down_if_it_let_nothing_through() -> None:
    region = FailedTask(TASK, "HTTP_503: x", True, region_fault=True)
    report = FailedTask(TASK, "ROW_CAP: x", False)
    assert is_down(run_result(region, region))
    assert not is_down(run_result(region, report))
    assert not is_down(run_result())
