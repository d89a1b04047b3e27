"""Samples: which settled windows are asked for again on a date, to notice data that came late.

Everything here is pure: the sample follows from the date and from what the bucket holds.

The ages of windows, in days, are divided into bands, each several times as long as the one before.
On each date, one day of each band is in the sample. The days of a band take turns, so that every
day is in the sample once while it is in the band. Reports and regions take different turns.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zlib import crc32

from room_reports.export.planner import Reason, SeriesPlan, Task
from room_reports.model.errors import WindowError
from room_reports.model.freshness import CLOCK_SKEW, milestones
from room_reports.model.windows import Calendar, Window
from room_reports.storage.keys import Series
from room_reports.storage.objects import StoredObject, latest_by_label

OLDEST = 366
"""The age in days from which on a day is in no sample any more."""
_AFTER_SETTLING = 2
"""Days. The end of a local day is up to a day and a half after its date begins in UTC."""
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Band:
    """Ages in days, from ``first`` up to and without ``end``."""

    first: int
    end: int

    @property
    def days(self) -> int:
        """The number of days that are in the band on one date."""
        return self.end - self.first

    def sampled(self, on: date, phase: int) -> date:
        """Return the day of the band that is in the sample on a date.

        Over as many dates as the band has days, each day is returned once while it is in the
        band: the stride has no divisor in common with the number of days.

        Args:
            phase: Any number; with another one, the days take turns in another order.
        """
        newest = on.toordinal() - self.first
        wanted = self._stride * on.toordinal() + phase
        return date.fromordinal(newest - (newest - wanted) % self.days)

    @property
    def _stride(self) -> int:
        # With a stride of 1, every day would be sampled at the same age.
        strides = range(max(2, round(self.days * _GOLDEN)), self.days)
        return next((each for each in strides if math.gcd(each, self.days) == 1), 1)


def bands(number: int, settle: timedelta) -> tuple[Band, ...]:
    """Return the bands of ages, the youngest first; none if there is no age to divide.

    Args:
        number: How many, at most.
        settle: How long after its end a window has settled.
    """
    first = math.ceil(settle / timedelta(days=1)) + _AFTER_SETTLING
    number = min(number, OLDEST - first)
    edges = [first]
    for place in range(1, number + 1):
        edge = round(first * (OLDEST / first) ** (place / number))
        edges.append(max(edges[-1] + 1, min(edge, OLDEST - (number - place))))
    return tuple(map(Band, edges, edges[1:]))


def sampled_days(series: Series, on: date, number: int, settle: timedelta) -> tuple[date, ...]:
    """Return the days of a series that are in the sample on a date, the youngest first."""
    name = f"{series.slug}/{series.region}/{series.granularity}"
    return tuple(
        band.sampled(on, crc32(f"{name}/{band.first}".encode())) for band in bands(number, settle)
    )


def answered_since(now: datetime) -> datetime:
    """Return since when a window must have been written to need no sample on the date of ``now``.

    It is the start of the date in UTC; earlier by what the clocks of Lambda and S3 may differ.
    """
    return datetime.combine(now.astimezone(UTC).date(), time(), tzinfo=UTC) - CLOCK_SKEW


def plan_samples(
    planned: SeriesPlan,
    stored: Iterable[StoredObject],
    now: datetime,
    reason: Reason = Reason.SAMPLE,
) -> list[Task]:
    """Return the tasks for the windows among ``stored`` that are settled and not asked for today.

    Args:
        planned: The series, of which nothing is due.
        stored: Objects of the series on the days of the sample.
        now: The run's "now"; decides the date.
        reason: ``SAMPLE``, or ``NEIGHBOUR`` for windows beside one that was different.

    Returns:
        In the order of ``stored``.
    """
    since = answered_since(now)
    tasks = []
    for label, item in latest_by_label(stored).items():
        try:
            window = planned.calendar.window(label)
        except WindowError:
            continue  # a day that the time zone of today skipped
        settled = milestones(window, planned.settle)[1]
        if settled <= item.last_modified < since and settled <= now:
            task = Task(planned.report, planned.series, window, reason, item.key)
            tasks.append(replace(task, replaces=True, since=since))
    return tasks


def neighbours(calendar: Calendar, window: Window) -> tuple[Window, Window]:
    """Return the windows before and after a window."""
    return calendar.before(window), calendar.containing(window.end)
