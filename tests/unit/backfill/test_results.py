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
    error = {"windows": 31, "exported": 2, "rows": 9, "error": "Sandbox.Timedout", "cause": cause}
    outcome = RoundOutcome.of([(1, one), (2, two), (3, error)])
    assert (outcome.exported, outcome.rows, outcome.down) == (9, 51, True)
    assert outcome.failures == (
        Failure("Sandbox.Timedout", 29, True, "", "Sandbox.Timedout: Task timed out"),
        Failure("HTTP_503", 3, True, "a", "x"),
    )


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 31)), max_size=12))
def test_of_several_attempts_the_last_one_counts(attempts: list[tuple[int, int]]) -> None:
    documents = [
        (portion, result([], exported=exported, finished_at=f"2026-09-20T00:{place:02}:00Z"))
        for place, (portion, exported) in enumerate(attempts)
    ]
    expected = sum(dict(attempts).values())
    assert RoundOutcome.of(documents).exported == expected
    assert RoundOutcome.of(reversed(documents)).exported == expected


def test_a_region_was_down_although_a_later_attempt_got_through() -> None:
    first = result([Failure("HTTP_503", 31, True, "a", "x")], down=True, finished_at="1")
    outcome = RoundOutcome.of([(1, first), (1, result([], exported=31, finished_at="2"))])
    assert (outcome.down, outcome.exported, outcome.failures) == (True, 31, ())


def test_an_error_after_everything_was_exported_is_no_failure() -> None:
    error = {"windows": 31, "exported": 31, "rows": 9, "error": "Lambda.Unknown", "cause": ""}
    outcome = RoundOutcome.of([(1, error)])
    assert (outcome.exported, outcome.failures) == (31, ())


def test_the_cause_of_an_error_may_be_anything() -> None:
    for cause, text in (("no JSON", "E: no JSON"), ('["a"]', 'E: ["a"]'), ("{}", "E: {}")):
        assert Failure.of_step("E", cause, 1).error == text


def test_a_round_is_permanent_if_everything_would_fail_again() -> None:
    permanent = Failure("ROW_CAP", 1, False, "a", "x")
    passing = Failure("HTTP_503", 1, True, "a", "x")
    assert RoundOutcome(failures=(permanent,)).is_permanent
    assert not RoundOutcome(failures=(permanent, passing)).is_permanent
    assert not RoundOutcome().is_permanent
    wrong = Failure.of_step("ConfigurationError", "x", 3)
    assert RoundOutcome(failures=(wrong,)).is_permanent


def test_the_reasons_of_a_region_are_limited() -> None:
    many = [Failure(f"CODE_{n}", n + 1, True, "", "") for n in range(3 * MAX_REASONS)]
    kept = RoundOutcome.of([(1, result(many))]).failures
    assert [failure.windows for failure in kept] == [
        3 * MAX_REASONS - n for n in range(MAX_REASONS)
    ]


def test_a_region_is_down_if_it_let_nothing_through() -> None:
    region = FailedTask(TASK, "HTTP_503: x", True, region_fault=True)
    report = FailedTask(TASK, "ROW_CAP: x", False)
    assert is_down(run_result(region, region))
    assert not is_down(run_result(region, report))
    assert not is_down(run_result())
