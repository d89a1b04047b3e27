"""A limit of the bytes that several threads have in memory at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class InFlight:
    """Lets threads begin only while what they hold together stays below a limit.

    What is larger than the limit is let through alone.
    """

    def __init__(self, limit: int) -> None:
        """Allow some bytes."""
        self._limit = limit
        self._held = 0
        self._freed = Condition()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Wait until some bytes fit, and hold them."""
        size = min(size, self._limit)
        with self._freed:
            self._freed.wait_for(lambda: self._held + size <= self._limit)
            self._held += size
        try:
            yield
        finally:
            with self._freed:
                self._held -= size
                self._freed.notify_all()
