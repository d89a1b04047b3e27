"""A record of every call to the simulated Kaltura API."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from local.kaltura.api import Call

KEPT_CALLS = 200_000


class CallLog:
    """Every call to the API, oldest first; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self._under_way = 0
        self._most_at_once = 0

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Count a call as under way: from when its request was read until its response is sent.

        Not until it was sent: the client can make its next call before the server knows that.
        """
        with self._lock:
            self._under_way += 1
            self._most_at_once = max(self._most_at_once, self._under_way)
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    @property
    def most_at_once(self) -> int:
        """The most calls that were under way at the same time."""
        with self._lock:
            return self._most_at_once

    def add(self, call: Call) -> None:
        """Add a call."""
        with self._lock:
            self._calls.append(call)

    def all(self) -> Sequence[Call]:
        """Return the calls so far."""
        with self._lock:
            return tuple(self._calls)

    def reports(self) -> Sequence[Call]:
        """Return the calls for reports so far, successful or not."""
        return [call for call in self.all() if call.service == "report"]

    def clear(self) -> None:
        """Remove all calls, and forget how many there were at the same time."""
        with self._lock:
            self._calls.clear()
            self._most_at_once = self._under_way
