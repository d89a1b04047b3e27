"""How late data come, from what exporting files again has changed. Everything here is pure.

A row that is new in an export came after the export before it, and by this one: its time is known
as an interval. So every figure is a pair of bounds. A row whose values changed counts like one that
came then. A row that changed in two exports counts twice.

Files are exported again in stages: when they settle, and as a sample in each band of ages. Not
every file has been through every stage, because a stack is young or a day had no run. So each stage
is measured by the files that were in it: a share of their rows was late. The shares of the stages
are put together as shares of the rows that are there in the end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

ENOUGH_FILES = 30
"""Files that a stage needs before a figure is made of them."""
ENOUGH_ROWS = 3_000
"""Rows that a stage needs. How sure the figure is depends on the days: see ``late_data_bound``."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Bounds:
    """The least and the most that a figure can be, as far as the exports tell."""

    least: float
    most: float


@dataclass(frozen=True)
class LateRows:
    """Rows that an export added or altered. Times are in hours after the window's end."""

    after: float
    """When the export before it was made: the rows came later."""
    by: float
    """When this export was made: the rows came earlier."""
    added: int = 0
    altered: int = 0


@dataclass(frozen=True)
class Reexport:
    """A file that was exported again."""

    stage: int
    """0 when it settled, 1 for a sample in the first band of ages, and so on."""
    rows: int
    """Rows of the file, the late ones included."""
    late: tuple[LateRows, ...] = ()
    """What was late since the stage before."""
    day: str = ""
    """The day of its window. Files of one day tend to be late together."""


@dataclass(frozen=True)
class Stage:
    """What the files in one stage have shown."""

    files: int = 0
    rows: int = 0
    added: int = 0
    altered: int = 0

    @property
    def late(self) -> int:
        """The number of late rows."""
        return self.added + self.altered

    @property
    def is_enough(self) -> bool:
        """Whether there are enough files and rows to say anything."""
        return self.files >= ENOUGH_FILES and self.rows >= ENOUGH_ROWS


@dataclass(frozen=True)
class LateData:
    """How late the data of one account come."""

    reexports: Sequence[Reexport]
    stages: tuple[Stage, ...]
    """From the settled export to the oldest band of ages."""

    @cached_property
    def known(self) -> int:
        """The number of stages, from the first one on, that have enough files and rows."""
        return sum(1 for _ in takewhile(lambda stage: stage.is_enough, self.stages))

    @property
    def is_enough(self) -> bool:
        """Whether anything can be said: samples are needed, not settled exports alone."""
        return self.known > 1

    def late_share(self, hours: float) -> Bounds:
        """Return the share of rows that came later than ``hours`` after their window's end.

        Rows that came after the last known stage are in neither bound.
        """
        return Bounds(
            least=sum(share for late, share in self._shares if late.after >= hours),
            most=sum(share for late, share in self._shares if late.by > hours),
        )

    def hours_to_catch(self, caught: float) -> Bounds | None:
        """Return how long after its end a window must be exported to have this share of its rows.

        None when there is not enough data.
        """
        if not self.is_enough:
            return None
        missed = 1 - caught
        return Bounds(
            least=_catches([(late.after, share) for late, share in self._shares], missed),
            most=_catches([(late.by, share) for late, share in self._shares], missed),
        )

    @cached_property
    def _shares(self) -> list[tuple[LateRows, float]]:
        """Late rows with their share of all rows that are there in the end."""
        weights = self._weights()
        return [
            (late, (late.added + late.altered) * weights[each.stage])
            for each in self.reexports
            if each.stage < self.known
            for late in each.late
        ]

    def _weights(self) -> list[float]:
        """Return what one late row of each known stage is as a share of all rows."""
        weights: list[float] = []
        share_of_final = 1.0
        for stage in reversed(self.stages[: self.known]):
            weights.append(share_of_final / stage.rows)
            # Without what this stage added, the rows are those of the stage before.
            share_of_final *= 1 - min(stage.added / stage.rows, 1.0)
        return weights[::-1]


def late_data(reexports: Iterable[Reexport], stages: int) -> LateData:
    """Return how late data come.

    Args:
        stages: The number of stages: one for the settled export, and one for each band of ages.
    """
    kept = [each for each in reexports if each.stage < stages]
    return LateData(kept, tuple(_stage(kept, number) for number in range(stages)))


def _stage(reexports: Sequence[Reexport], number: int) -> Stage:
    files = [each for each in reexports if each.stage == number]
    late = [late for each in files for late in each.late]
    return Stage(
        files=len(files),
        rows=sum(each.rows for each in files),
        added=sum(each.added for each in late),
        altered=sum(each.altered for each in late),
    )


def _catches(shares: list[tuple[float, float]], missed: float) -> float:
    """Return the first moment after which no more than ``missed`` is left, or 0.

    Args:
        shares: Hours, and the share of rows that is late until then.
    """
    left = 0.0
    for hours, share in sorted(shares, reverse=True):
        left += share
        if left > missed + _ROUNDING:
            return hours
    return 0.0
