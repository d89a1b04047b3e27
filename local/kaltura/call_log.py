"""A record of every call to the simulated Kaltura API."""

from collections import deque
from collections.abc import Sequence
from threading import Lock

from local.kaltura.api import Call

KEPT_CALLS = 200_000


class CallLog:
    """Every call to the API, oldest first; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: deque[Call] = deque(maxlen=KEPT_CALLS)

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
        """Remove all calls."""
        with self._lock:
            self._calls.clear()
