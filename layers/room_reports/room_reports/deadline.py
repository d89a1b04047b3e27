"""The deadline by which work must be done."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """A moment on a monotonic clock."""

    at: float
    """The moment in seconds on ``clock``."""
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        """Return the moment ``seconds`` from now."""
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Return the seconds left; negative once it has passed."""
        return self.at - self.clock()

    def part(self, share: float) -> "Deadline":
        """Return the moment at which this share of the remaining time has passed."""
        now = self.clock()
        return Deadline(now + (self.at - now) * share, self.clock)
