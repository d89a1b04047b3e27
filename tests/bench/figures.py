"""Medians, their spread, and how they are written."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

QUICK = os.environ.get("BENCH_QUICK", "") == "1"
"""Whether to measure once only, to see whether the benchmarks work."""
RUNS = 1 if QUICK else 5
_T = TypeVar("_T")


@dataclass(frozen=True)
class Sample:
    """What was measured several times."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median."""
        return median(self.values)

    def text(self, unit: float = 1.0, digits: int = 2) -> str:
        """Return the median, and the smallest and the largest value if there are several.

        Args:
            unit: What the values are multiplied by, such as 1000 for seconds to milliseconds.
        """
        middle = f"{self.median * unit:.{digits}f}"
        if len(self.values) == 1:
            return middle
        low, high = min(self.values) * unit, max(self.values) * unit
        return f"{middle} ({low:.{digits}f}–{high:.{digits}f})"


def alternate(
    measured: Mapping[str, Callable[[], _T]], runs: Mapping[str, int] | int = RUNS
) -> dict[str, list[_T]]:
    """Call each function several times, in turn, so that a busy machine is unfair to none.

    Args:
        runs: How often, for all or for each.
    """
    found: dict[str, list[_T]] = {name: [] for name in measured}
    turns = dict.fromkeys(measured, runs) if isinstance(runs, int) else runs
    for turn in range(max(turns.values())):
        for name, call in measured.items():
            if turn < turns[name]:
                found[name].append(call())
    return found


def sample(values: Sequence[float]) -> Sample:
    """Return the values as a sample."""
    return Sample(tuple(values))
