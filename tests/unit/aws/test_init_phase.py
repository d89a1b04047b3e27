"""The init phase: calls at the same time, for a limited time, and no error that stops it."""

import threading
import time

import pytest

from room_reports.aws.init_phase import prepare, runs_on_lambda
from room_reports.errors import ConfigurationError


def test_calls_are_made_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=10)
    waited: list[int] = []
    prepare(lambda: waited.append(both.wait()), lambda: waited.append(both.wait()))
    assert sorted(waited) == [0, 1]


def test_a_failure_is_logged_and_the_other_calls_are_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made: list[str] = []

    def fail() -> None:
        raise ConfigurationError(["SECRET_ID: is missing"])

    prepare(fail, lambda: made.append("made"))
    assert made == ["made"]
    (record,) = caplog.records
    assert (record.message, vars(record)["error"]) == ("Not prepared", "SECRET_ID: is missing")


def test_a_call_that_takes_long_is_not_waited_for() -> None:
    end = threading.Event()
    started = time.monotonic()
    prepare(lambda: end.wait(30), longest=0.05)
    assert time.monotonic() - started < 15
    assert not end.is_set()
    end.set()


def test_nothing_to_prepare_is_no_error() -> None:
    prepare()


def test_only_lambda_names_a_function() -> None:
    assert runs_on_lambda({"AWS_LAMBDA_FUNCTION_NAME": "exporter"})
    assert not runs_on_lambda({})
