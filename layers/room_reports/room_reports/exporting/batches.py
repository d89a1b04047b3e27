"""Asking for a report in batches of ids, as large as Kaltura answers whole."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from room_reports.source.errors import TooHeavyError

_MOST = 500
"""Ids in one request at the most: a few KiB of parameters."""


class Batch(Protocol):
    """What came of one request."""

    @property
    def ids(self) -> frozenset[str]:
        """The ids that its rows belong to."""

    @property
    def roomy(self) -> bool:
        """Whether it is so small that a batch twice the size would be whole, too."""


_B = TypeVar("_B", bound=Batch)


def in_batches(
    ids: Iterable[str],
    ask: Callable[[tuple[str, ...]], _B],
    split: Callable[[str], Iterator[_B]] | None = None,
) -> Iterator[_B]:
    """Every batch that makes up the rows of ``ids``, and of any other id that shows up in them.

    Args:
        ask: the rows of some ids; called with fewer when it raises TooHeavyError.
        split: the rows of one id that are too much by themselves.

    Raises:
        TooHeavyError: when one id is too much and there is no ``split``.
    """
    queue = sorted(set(ids))
    known = set(queue)
    size = max(1, min(_MOST, len(queue) // 2))
    while queue:
        chosen = tuple(queue[:size])
        try:
            batch = ask(chosen)
        except TooHeavyError:
            if len(chosen) > 1:
                size = len(chosen) // 2
            elif split:
                del queue[0]
                yield from split(chosen[0])
            else:
                raise
            continue
        del queue[: len(chosen)]
        yield batch
        strays = sorted(batch.ids - known)
        known.update(strays)
        queue.extend(strays)
        if batch.roomy:
            size = min(size * 2, _MOST)
