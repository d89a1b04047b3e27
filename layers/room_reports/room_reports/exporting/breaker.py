"""Stops asking a region that fails whatever it is asked."""

from threading import Lock

from room_reports.source.errors import KalturaError, RegionError

_FAILURES = 3


class CircuitBreaker:
    """One region's, for one run; safe to share between threads.

    It opens when Kaltura says that nothing is to be had from the region, or when several tasks in
    a row failed in ways that would befall any other, and stays open: the next run tries anew.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._in_a_row = 0
        self._open = False

    @property
    def is_open(self) -> bool:
        """Whether the region is not to be asked any more."""
        return self._open

    def succeeded(self) -> None:
        """Notes that the region answered."""
        with self._lock:
            self._in_a_row = 0

    def failed(self, error: KalturaError) -> None:
        """Notes how a task failed; one that failed by itself shows that the region answers."""
        with self._lock:
            self._in_a_row = self._in_a_row + 1 if error.regional else 0
            if isinstance(error, RegionError) or self._in_a_row >= _FAILURES:
                self._open = True
