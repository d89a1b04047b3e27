"""Ids in batches: as many ids in one call as Kaltura returns completely."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from room_reports.export.errors import RowCapError
from room_reports.export.receive import ConcurrentMap, map_in_turn
from room_reports.kaltura.errors import TooHeavyError

MAX_IDS = 500
"""The most ids in one call: a few KiB of parameters."""
_HEAVY_DIVISOR = 8
"""What the number of ids is divided by when a call is too heavy: that may take a minute to show."""
_WAVE = 8
"""The most calls that are begun before the results of any are looked at."""


class Batch(Protocol):
    """What one call for some ids returned."""

    @property
    def ids(self) -> frozenset[str]:
        """The ids that its rows belong to."""

    @property
    def has_headroom(self) -> bool:
        """Whether it is so small that a call for twice as many ids would be complete, too."""


_B = TypeVar("_B", bound=Batch)


def in_batches(
    ids: Iterable[str],
    fetch: Callable[[tuple[str, ...]], _B],
    split: Callable[[str], list[_B]] | None = None,
    *,
    concurrently: ConcurrentMap = map_in_turn,
    known: frozenset[str] = frozenset(),
    most: int = MAX_IDS,
) -> list[_B]:
    """Return batches that make up the rows of ``ids``, and of any other id that occurs in them.

    Args:
        fetch: Returns the rows of some ids. It is called again with fewer ids when it raises
            TooHeavyError or RowCapError.
        split: Returns the rows of one id that is too much for one call.
        concurrently: Makes several calls at a time.
        known: Ids that other batches cover already.
        most: The most ids in the first call.

    Raises:
        TooHeavyError, RowCapError: If one id is too much and there is no ``split``.
    """
    queue = sorted(set(ids))
    seen = known | set(queue)
    size = max(1, min(most, MAX_IDS, len(queue) // 2))
    batches: list[_B] = []

    def attempt(chosen: tuple[str, ...]) -> _B | list[_B] | TooHeavyError | RowCapError:
        try:
            return fetch(chosen)
        except (TooHeavyError, RowCapError) as error:
            # At once, so that a run that ends soon has something to show for its calls.
            return split(chosen[0]) if split and len(chosen) == 1 else error

    while queue:
        # One call first: the others are only begun once their size is known to work.
        width = _WAVE if batches else 1
        wave = [tuple(queue[at : at + size]) for at in range(0, len(queue), size)][:width]
        del queue[: sum(map(len, wave))]
        again: list[str] = []
        new: set[str] = set()
        headroom = True
        for chosen, result in zip(wave, concurrently(attempt, wave), strict=True):
            if isinstance(result, list):
                batches.extend(result)
                headroom = False
            elif not isinstance(result, TooHeavyError | RowCapError):
                batches.append(result)
                new |= result.ids - seen
                headroom = headroom and result.has_headroom
            elif len(chosen) > 1:
                divisor = _HEAVY_DIVISOR if isinstance(result, TooHeavyError) else 2
                size, headroom = max(1, min(size, len(chosen) // divisor)), False
                again.extend(chosen)
            else:
                raise result
        seen |= new
        queue = again + queue + sorted(new)
        if headroom:
            size = min(size * 2, MAX_IDS)
    return batches
