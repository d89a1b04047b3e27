"""The simulated runtime: threads take turns by the simulated clock, and processes can be killed."""

import threading
from collections.abc import Iterator

import pytest

from tests.support.runtimes import SimulatedRuntime


@pytest.fixture
def runtime() -> Iterator[SimulatedRuntime]:
    made = SimulatedRuntime()
    yield made
    made.close()


def test_threads_take_turns_by_the_simulated_clock(runtime: SimulatedRuntime) -> None:
    seen: list[tuple[float, str]] = []

    def tick(name: str, every: float) -> None:
        for _ in range(3):
            runtime.sleep(every)
            seen.append((runtime.monotonic(), name))

    futures = [runtime.submit(lambda: tick("a", 2)), runtime.submit(lambda: tick("b", 3))]
    for future in futures:
        runtime.wait_any([future], None)
    assert seen == [(2, "a"), (3, "b"), (4, "a"), (6, "b"), (6, "a"), (9, "b")]


def test_a_wait_ends_when_its_time_is_up(runtime: SimulatedRuntime) -> None:
    future = runtime.submit(lambda: runtime.sleep(100))
    runtime.wait_any([future], 5)
    assert (runtime.now, future.done()) == (5, False)
    runtime.wait_any([future], None)
    assert (runtime.now, future.done()) == (100, True)


def test_a_lock_is_held_while_its_holder_sleeps(runtime: SimulatedRuntime) -> None:
    lock = runtime.lock()
    entered: list[float] = []

    def hold() -> None:
        with lock:
            entered.append(runtime.now)
            runtime.sleep(10)

    for future in [runtime.submit(hold) for _ in range(3)]:
        runtime.wait_any([future], None)
    assert entered == [0, 10, 20]


def test_a_killed_process_does_nothing_any_more(runtime: SimulatedRuntime) -> None:
    seen: list[str] = []

    def clean_up() -> None:
        try:
            runtime.sleep(1)
            seen.append("went on")
        finally:
            seen.append("cleaned up")

    def main() -> None:
        runtime.submit(clean_up)
        runtime.sleep(0.5)
        runtime.kill()

    process = runtime.start_process(main)
    runtime.wait_any([process.result], None)
    assert process.killed
    runtime.sleep(100)
    assert not seen


def test_closing_ends_the_threads_of_killed_processes(runtime: SimulatedRuntime) -> None:
    before = threading.active_count()
    process = runtime.start_process(runtime.kill)
    runtime.wait_any([process.result], None)
    assert threading.active_count() == before + 1
    runtime.close()
    assert threading.active_count() == before


def test_a_deadlock_is_an_error(runtime: SimulatedRuntime) -> None:
    lock = runtime.lock()
    with lock, pytest.raises(RuntimeError, match="every simulated thread waits"), lock:
        pass
