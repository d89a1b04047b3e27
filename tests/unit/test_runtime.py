"""The real runtime: threads, and waiting."""

import time

import pytest

from room_reports.runtime import ThreadRuntime, map_concurrently


def test_waiting_for_nothing_takes_the_whole_time() -> None:
    runtime = ThreadRuntime()
    began = runtime.monotonic()
    runtime.wait_any([], 0.2)
    assert runtime.monotonic() - began >= 0.2


def test_waiting_ends_with_the_first_that_is_done() -> None:
    runtime = ThreadRuntime()
    began = runtime.monotonic()
    futures = [runtime.submit(lambda: None), runtime.submit(lambda: time.sleep(0.5))]
    runtime.wait_any(futures, 10)
    assert runtime.monotonic() - began < 5
    assert futures[0].done()


def test_results_come_in_order_and_the_first_error_is_raised() -> None:
    runtime = ThreadRuntime()
    assert map_concurrently(runtime, lambda each: each * 2, [3, 1, 2], 2) == [6, 2, 4]
    with pytest.raises(ZeroDivisionError):
        map_concurrently(runtime, lambda each: 1 // each, [1, 0, 2], 2)
