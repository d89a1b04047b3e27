"""The simulated clock: it follows real time or another clock, or it stands still."""

import time
from collections.abc import Callable


class Clock:
    """Tell the simulated time in Unix seconds; it can be changed while servers run."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._pinned: float | None = None
        self.offset = 0.0
        """Seconds that are added to the source, or to the time at which the clock stands."""

    def __call__(self) -> float:
        """Return the simulated time."""
        now = self._source() if self._pinned is None else self._pinned
        return now + self.offset

    def pin(self, now: float | None) -> None:
        """Stop the clock at ``now``; with None, follow the source again."""
        self._pinned = now
