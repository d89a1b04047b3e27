"""The runtime: time and threads, passed in so that a simulation can replace both."""

import threading
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


class Runtime(Protocol):
    """Time and threads as the exporter uses them."""

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def lock(self) -> AbstractContextManager[object]:
        """Return a lock, which one thread at a time can hold."""

    def submit(self, call: Callable[[], _T]) -> "Future[_T]":
        """Start ``call`` in a thread of its own."""

    def wait_any(self, futures: Collection["Future[_T]"], timeout: float | None) -> None:
        """Return when one of ``futures`` is done, or after ``timeout`` seconds."""


class ThreadRuntime:
    """The real time, and real threads; one for each run."""

    def __init__(self, max_threads: int = 1024) -> None:
        self._pool = ThreadPoolExecutor(max_threads)

    def monotonic(self) -> float:
        """Return ``time.monotonic()``."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def lock(self) -> AbstractContextManager[object]:
        """Return a lock, which one thread at a time can hold."""
        return threading.Lock()

    def submit(self, call: Callable[[], _T]) -> "Future[_T]":
        """Start ``call`` in a thread of the pool."""
        return self._pool.submit(call)

    def wait_any(self, futures: Collection["Future[_T]"], timeout: float | None) -> None:
        """Return when one of ``futures`` is done, or after ``timeout`` seconds."""
        if futures:
            wait(futures, timeout, FIRST_COMPLETED)
        else:  # ``wait`` returns at once when there is nothing to wait for
            time.sleep(timeout or 0.0)


def wait_all(runtime: Runtime, *futures: "Future[Any]") -> None:
    """Return when all of ``futures`` are done."""
    while left := [future for future in futures if not future.done()]:
        runtime.wait_any(left, None)


def map_concurrently(
    runtime: Runtime, call: Callable[[_T], _R], items: Iterable[_T], threads: int
) -> list[_R]:
    """Return ``call(item)`` for each item, in their order, at most ``threads`` at a time.

    The first error is raised, after the calls that were under way have ended; no further call is
    started after it.
    """
    waiting = list(enumerate(items))
    waiting.reverse()
    results: dict[int, _R] = {}
    running: dict[Future[_R], int] = {}
    failure: BaseException | None = None
    while running or (waiting and failure is None):
        while waiting and failure is None and len(running) < threads:
            place, item = waiting.pop()
            running[runtime.submit(_bound(call, item))] = place
        runtime.wait_any(list(running), None)
        for future in [future for future in running if future.done()]:
            place = running.pop(future)
            error = future.exception()
            if error is None:
                results[place] = future.result()
            elif failure is None:
                failure = error
    if failure is not None:
        raise failure
    return [results[place] for place in sorted(results)]


def _bound(call: Callable[[_T], _R], item: _T) -> Callable[[], _R]:
    return lambda: call(item)
