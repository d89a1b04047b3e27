"""Circuit breakers: stop calling what fails, and try it again after a pause."""

from dataclasses import dataclass

_FIRST_PAUSE = 20.0
"""Seconds."""
_PROBES = 3
_LONGEST_PAUSE = 240.0
"""Seconds."""


@dataclass
class CircuitBreaker:
    """One circuit breaker of one run. Pure: the time is passed in, in seconds on any clock.

    *Closed*: calls are allowed. *Open*: none is, after several failures in a row, or one that is
    sure to repeat itself. *Half-open*: after a pause one call is allowed as a probe. When it
    succeeds the breaker closes; when it fails the breaker opens for twice as long.
    """

    failures: int = 3
    """Failures in a row that open it."""
    pause: float = _FIRST_PAUSE
    """Seconds from opening to the next probe."""
    probes: int = _PROBES
    """How many more probes there may be before one succeeds."""
    patience: float = 20.0
    """The longest pause that is worth waiting for when there is nothing else to do."""
    worth_waiting: bool = True
    """Whether the last failure may pass within minutes."""
    in_a_row: int = 0
    probe_at: float | None = None
    """When the next probe is allowed; None when the breaker is closed."""
    idle_at: float = 0.0
    """When the next probe is allowed if there is nothing else to do."""
    probing: bool = False
    """Whether a probe is under way."""
    first_is_worth_it: bool = True
    """Whether to wait for the first probe although the fault will not pass.

    It takes another window than those that failed.
    """

    @property
    def is_open(self) -> bool:
        """Whether it is open or half-open."""
        return self.probe_at is not None

    def allows(self, now: float, *, idle: bool = False) -> bool:
        """Return whether a call may be made now.

        Args:
            idle: Whether there is nothing else to do.
        """
        next_probe = self.worth_waiting_until() if idle else self.next_probe()
        return not self.is_open or (next_probe is not None and now >= next_probe)

    def next_probe(self) -> float | None:
        """Return when a probe will be allowed; None when none will, or one is under way."""
        return self.probe_at if self.probes > 0 and not self.probing else None

    def worth_waiting_until(self) -> float | None:
        """Return when to go on if nothing else is left to do; None when waiting is not worth it."""
        first = self.first_is_worth_it and self.probes == _PROBES
        worth = (self.worth_waiting or first) and self.pause <= self.patience
        return self.idle_at if worth and self.next_probe() is not None else None

    def begin(self) -> bool:
        """Record that a call is being made; return whether it is a probe."""
        if not self.is_open:
            return False
        self.probing = True
        self.probes -= 1
        return True

    def record_success(self) -> None:
        """Record that a call succeeded, which closes the breaker."""
        self.in_a_row = 0
        self.probe_at = None
        self.probing = False
        self.pause = _FIRST_PAUSE
        self.probes = _PROBES

    def record_failure(
        self,
        now: float,
        *,
        probe: bool = False,
        at_once: bool = False,
        passing: bool = True,
        spent: float = 0.0,
    ) -> None:
        """Record that a call failed.

        Args:
            probe: Whether the call was the probe.
            at_once: Whether this failure alone opens the breaker.
            passing: Whether the fault may pass within minutes.
            spent: Seconds that the call took. While there is other work, the pause is at least
                as long, so that a call that hangs does not hang most of the time.
        """
        self.in_a_row += 1
        self.worth_waiting = passing
        if probe:
            self.probing = False
            self.pause = min(self.pause * 2, _LONGEST_PAUSE)
            self._open(now, spent)
        elif not self.is_open and (at_once or self.in_a_row >= self.failures):
            self._open(now, spent)

    def _open(self, now: float, spent: float) -> None:
        self.idle_at = now + self.pause
        self.probe_at = now + max(self.pause, spent)

    def record_neither(self, *, probe: bool = False) -> None:
        """Record that a call ended without showing whether the callee works."""
        if probe:
            self.probing = False
            self.probes += 1


@dataclass
class RegionHealth:
    """Tells a failing region from failing reports: when all of several reports fail in a row."""

    reports: frozenset[str]
    """Slugs of the reports that the run exports from the region."""
    failing: frozenset[str] = frozenset()
    """Slugs of the reports that have failed since the last success of any."""

    def record_success(self) -> None:
        """Record that a report was fetched."""
        self.failing = frozenset()

    def record_failure(self, slug: str) -> bool:
        """Record that a report failed; return whether that makes it a fault of the region."""
        self.failing |= {slug}
        return len(self.reports) > 1 and self.failing >= self.reports
