"""How sure it is that few rows come late: a bound for all files, from those that were looked at.

Data come late by the file: when Kaltura is behind, all rows of a day are. So the days are what is
counted, and not their rows. Days without a late row are no proof: of ``n`` of them, about ``3 / n``
of all days can still be late, with 95 % confidence.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from random import Random

from room_reports_command.late_data import LateData, Reexport

CONFIDENCE = 0.95
_DRAWS = 2000


@dataclass(frozen=True)
class Seen:
    """The samples that a figure is made of."""

    files: int
    days: int
    """Distinct days of these files."""


def samples_of(data: LateData) -> Seen:
    """Return how many files of how many days were looked at after they had settled."""
    samples = [each for each in data.reexports if 0 < each.stage < data.known]
    return Seen(len(samples), len({each.day for each in samples}))


def late_share_bound(data: LateData, hours: float) -> float:
    """Return the share of all rows that comes later than ``hours``, at most, with confidence.

    It is a bootstrap of the days: each gets a random weight, many times. One day more is added to
    each stage, on which every row was late, because the next day may be the first of its kind. With
    no late row at all, that gives the rule of three. The same data always give the same figure.
    """
    rng = Random("late data")  # noqa: S311
    stages = [
        _Days.of((each for each in data.reexports if each.stage == number), hours)
        for number in range(1, data.known)
    ]
    drawn = sorted(sum(stage.drawn(rng) for stage in stages) for _ in range(_DRAWS))
    bound = drawn[ceil(CONFIDENCE * _DRAWS) - 1] if stages else 1.0
    return min(1.0, max(bound, data.late_share(hours).most))


@dataclass(frozen=True)
class _Days:
    """The days that one stage has looked at."""

    late: tuple[tuple[int, int], ...]
    """Late rows and all rows of each day that had late ones."""
    others: int
    """The number of the other days."""
    rows: float
    """The mean of the rows of a day."""

    @classmethod
    def of(cls, reexports: Iterable[Reexport], hours: float) -> "_Days":
        rows, late = defaultdict[str, int](int), defaultdict[str, int](int)
        for each in reexports:
            rows[each.day] += each.rows
            late[each.day] += sum(
                came.added + came.altered for came in each.late if came.by > hours
            )
        several = tuple((late[day], rows[day]) for day in rows if late[day])
        mean = sum(rows.values()) / len(rows) if rows else 0.0
        return cls(several, len(rows) - len(several), mean)

    def drawn(self, rng: Random) -> float:
        """Return the share of late rows under some random weights of the days."""
        if not self.rows:
            return 1.0
        late = rows = rng.expovariate(1.0) * self.rows
        for late_rows, all_rows in self.late:
            weight = rng.expovariate(1.0)
            late += weight * late_rows
            rows += weight * all_rows
        if self.others:
            # The sum of so many weights.
            rows += rng.gammavariate(self.others, 1.0) * self.rows
        return late / rows
