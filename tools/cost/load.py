"""How many runs, and how many requests to Kaltura, are under way at once in a fleet of stacks.

Everything is a function of its arguments: no clock and no randomness.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

from tools.cost.assumed import S3_SECONDS, START_SECONDS

MAX_RUN_SECONDS = 900.0
"""The time limit of the exporter function."""
Interval = tuple[float, float, int]
"""From, until, and how many."""


@dataclass(frozen=True)
class StackRun:
    """One run of one stack."""

    start: float
    """Seconds after midnight."""
    calls: int
    """Report calls to its Kaltura region."""
    s3_requests: float
    """Requests to S3, of which the listing comes before the first call."""


@dataclass(frozen=True)
class Peaks:
    """The most that is under way at one moment."""

    runs: int
    """Runs, each of which is one of Lambda's concurrent executions."""
    kaltura_requests: int
    """Requests to the one Kaltura data centre that all stacks use."""
    longest_run: float
    """Seconds."""


def schedule_minute(stack_name: str) -> int:
    """Return the minute of the hour in which a stack runs.

    It follows from the name alone, so a new stack moves no other.
    """
    return crc32(stack_name.encode()) % 60


def peaks(runs: Iterable[StackRun], concurrency: int, kaltura_seconds: float) -> Peaks:
    """Return the peaks of ``runs``.

    Args:
        concurrency: How many calls a run makes at once.
        kaltura_seconds: How long each call takes.
    """
    runs = list(runs)
    spans = [_span(run, concurrency, kaltura_seconds) for run in runs]
    calls = [call for run in runs for call in _calls(run, concurrency, kaltura_seconds)]
    return Peaks(
        most_at_once(spans),
        most_at_once(calls),
        max((end - start for start, end, _ in spans), default=0.0),
    )


def _span(run: StackRun, concurrency: int, kaltura_seconds: float) -> Interval:
    rounds = -(-run.calls // concurrency)
    seconds = START_SECONDS + run.s3_requests * S3_SECONDS + rounds * kaltura_seconds
    return run.start, run.start + min(seconds, MAX_RUN_SECONDS), 1


def _calls(run: StackRun, concurrency: int, kaltura_seconds: float) -> Iterator[Interval]:
    begin, limit = run.start + START_SECONDS, run.start + MAX_RUN_SECONDS
    left = run.calls
    while left and begin < limit:
        yield begin, min(begin + kaltura_seconds, limit), min(left, concurrency)
        left -= min(left, concurrency)
        begin += kaltura_seconds


def most_at_once(intervals: Sequence[Interval]) -> int:
    """Return the largest sum of intervals that overlap; one that ends makes room for the next."""
    changes = [change for start, end, many in intervals for change in ((start, many), (end, -many))]
    most = now = 0
    # At the same moment, the negative changes sort first.
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most
