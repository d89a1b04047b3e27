"""The simulated clock: real time, another clock, or one that stands where it was put."""

import time
from collections.abc import Callable


class Clock:
    """Tells the simulated time in Unix seconds; steerable while servers run."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._pinned: float | None = None
        self.offset = 0.0
        """Seconds that are added to the source, or to where the clock stands."""

    def __call__(self) -> float:
        """The simulated time."""
        now = self._source() if self._pinned is None else self._pinned
        return now + self.offset

    def pin(self, now: float | None) -> None:
        """Make the clock stand at ``now``; None lets it follow its source again."""
        self._pinned = now
