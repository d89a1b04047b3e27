"""Asking for a report in batches of ids, as large as Kaltura answers whole."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

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
    ask: Callable[[tuple[str, ...]], _B | None],
    split: Callable[[str], Iterator[_B]],
) -> Iterator[_B]:
    """Every batch that makes up the rows of ``ids``, and of any other id that shows up in them.

    Args:
        ask: the rows of some ids, or None when they are too many to be trusted to be all; called
            again with fewer then.
        split: the rows of one id that are too many by themselves.
    """
    queue = sorted(set(ids))
    known = set(queue)
    size = max(1, min(_MOST, len(queue) // 2))
    while queue:
        chosen = tuple(queue[:size])
        batch = ask(chosen)
        if batch is None and len(chosen) > 1:
            size = len(chosen) // 2
            continue
        del queue[: len(chosen)]
        if batch is None:
            yield from split(chosen[0])
            continue
        yield batch
        strays = sorted(batch.ids - known)
        known.update(strays)
        queue.extend(strays)
        if batch.roomy:
            size = min(size * 2, _MOST)
