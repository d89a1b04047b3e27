"""Runtimes for tests: real threads that never really wait, and a deterministic simulation."""

import heapq
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from room_reports.runtime import ThreadRuntime

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


class ImpatientRuntime(ThreadRuntime):
    """Real threads; a wait with nothing under way passes at once, and the clock jumps."""

    def __init__(self) -> None:
        super().__init__()
        self._skipped = 0.0

    def monotonic(self) -> float:
        """Return the real time plus what was skipped."""
        return time.monotonic() + self._skipped

    def sleep(self, seconds: float) -> None:
        """Let the clock jump."""
        self._skipped += seconds

    def wait_any(self, futures: "Collection[Future[_T]]", timeout: float | None) -> None:
        """Wait for a future if there is one; otherwise let the clock jump."""
        if futures:
            super().wait_any(futures, timeout)
        else:
            self.sleep(timeout or 0.0)


class SimulatedRuntime:
    """Deterministic threads on a simulated clock: only one runs at a time, until it waits.

    Threads are real, but pass a baton: a thread that sleeps, waits for futures or ends hands it
    to the thread that is to wake next by the simulated clock, in the order in which the waits
    began. The same calls therefore give the same order of events, however busy the machine is.

    A simulated process is a group of threads that can be killed: none of them runs any more, not
    even to clean up, until ``close`` ends the real threads.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        """Seconds on the simulated clock."""
        self._events: list[tuple[float, int, _Ticket]] = []
        self._number = 0
        self._local = threading.local()
        self._waiters: dict[Future[object], list[tuple[_Thread, int]]] = {}
        self._alive: dict[_Thread, threading.Thread] = {}
        self._closed = False

    def monotonic(self) -> float:
        """Return the simulated time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let others run until the simulated clock has advanced."""
        me = self._me()
        self._schedule(self.now + max(seconds, 0.0), me)
        self._hand_over(me)

    def lock(self) -> "SimulatedLock":
        """Return a lock whose waiting threads let others run."""
        return SimulatedLock(self)

    def submit(self, call: Callable[[], _T]) -> "Future[_T]":
        """Start a thread of the calling thread's process, which runs when the others let it."""
        future: Future[_T] = Future()
        self._start(call, future, self._me().process)
        return future

    def start_process(self, call: Callable[[], _T]) -> "Process[_T]":
        """Start a process, whose first thread makes this call."""
        process: Process[_T] = Process()
        self._start(call, process.result, process)
        return process

    def kill(self) -> None:
        """End the calling thread's process: this call never returns."""
        me = self._me()
        if me.process is None:
            raise RuntimeError("the test itself cannot be killed")
        me.process.killed = True
        me.process.result.cancel()
        self.notify(me.process.result)
        self._hand_over(me)

    @property
    def process(self) -> "Process[object] | None":
        """The calling thread's process; None for the test itself."""
        return self._me().process

    def close(self) -> None:
        """End the real threads of killed processes."""
        self._closed = True
        for thread, real in list(self._alive.items()):
            thread.baton.release()
            real.join(timeout=10)

    def _start(
        self,
        call: Callable[[], _T],
        future: "Future[_T]",
        process: "Process[Any] | None",
    ) -> None:
        thread = _Thread(process)
        self._schedule(self.now, thread)

        def body() -> None:
            self._local.thread = thread
            try:
                self._wait_for_baton(thread)
                result = call()
            except _ClosedError:
                pass
            except BaseException as error:  # noqa: BLE001 - the future carries it
                future.set_exception(error)
            else:
                future.set_result(result)
            del self._alive[thread]
            if not self._closed:
                self.notify(future)
                self._hand_over(None)

        real = threading.Thread(target=body, daemon=True)
        self._alive[thread] = real
        real.start()

    def wait_any(self, futures: "Collection[Future[_T]]", timeout: float | None) -> None:
        """Let others run until a future is done or the simulated time is up."""
        if any(future.done() for future in futures):
            return
        me = self._me()
        for future in futures:
            self._waiters.setdefault(future, []).append((me, me.waits))  # type: ignore[arg-type]
        if timeout is not None:
            self._schedule(self.now + timeout, me)
        self._hand_over(me)

    def notify(self, future: "Future[_T]") -> None:
        """Wake the threads that wait for a future, which is done."""
        for thread, wait in self._waiters.pop(future, []):  # type: ignore[arg-type]
            if thread.waits == wait:
                self._schedule(self.now, thread)

    def _me(self) -> "_Thread":
        if not hasattr(self._local, "thread"):
            self._local.thread = _Thread(None)
        thread: _Thread = self._local.thread
        return thread

    def _schedule(self, at: float, thread: "_Thread") -> None:
        self._number += 1
        heapq.heappush(self._events, (at, self._number, thread.ticket()))

    def _hand_over(self, me: "_Thread | None") -> None:
        """Wake the next thread, and wait for the own turn."""
        if self._closed:
            raise _ClosedError
        while self._events:
            at, _, ticket = heapq.heappop(self._events)
            if ticket.thread.waits == ticket.wait and not ticket.thread.is_killed:
                break
        else:
            if me is not None:
                raise RuntimeError("every simulated thread waits for another")
            return
        self.now = max(self.now, at)
        ticket.thread.waits += 1
        if ticket.thread is me:
            return
        ticket.thread.baton.release()
        if me is not None:
            self._wait_for_baton(me)

    def _wait_for_baton(self, me: "_Thread") -> None:
        me.baton.acquire()
        if self._closed:
            raise _ClosedError


class SimulatedLock:
    """A lock of a simulated runtime."""

    def __init__(self, runtime: SimulatedRuntime) -> None:
        self._runtime = runtime
        self._held: Future[None] | None = None

    def __enter__(self) -> None:
        while self._held is not None:
            self._runtime.wait_any([self._held], None)
        self._held = Future()

    def __exit__(self, *_: object) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.set_result(None)
            self._runtime.notify(held)


class Process(Generic[_T_co]):
    """A simulated process."""

    def __init__(self) -> None:
        self.result: Future[Any] = Future()
        """What its first thread returned; cancelled when the process was killed."""
        self.killed = False


class _ClosedError(BaseException):
    """Raised in a thread of a killed process, so that the real thread ends."""


class _Ticket:
    """One wait of a thread, which is void when the thread was woken for another reason."""

    def __init__(self, thread: "_Thread", wait: int) -> None:
        self.thread = thread
        self.wait = wait


class _Thread:
    """A thread of the simulation."""

    def __init__(self, process: "Process[Any] | None") -> None:
        self.process = process
        self.baton = threading.Semaphore(0)
        self.waits = 0

    @property
    def is_killed(self) -> bool:
        return self.process is not None and self.process.killed

    def ticket(self) -> _Ticket:
        return _Ticket(self, self.waits)
