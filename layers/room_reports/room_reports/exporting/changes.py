"""What a new export of a window changes in the one before it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from room_reports.normalise import read_csv


@dataclass(frozen=True)
class Change:
    """Numbers of rows."""

    added: int = 0
    removed: int = 0
    altered: int = 0
    """Rows with the same key and other values."""


def compare(old: IO[bytes], new: IO[bytes], key: tuple[str, ...], *, compressed: bool) -> Change:
    """What ``new`` changes in ``old``, both files of strict CSV; the order of rows is no matter.

    Takes memory for a number per row, not for the rows.

    Args:
        key: the columns that tell one row from another; with none, no row counts as altered.

    Raises:
        UnreadableCsvError: when one of the files is something else.
    """
    before = Counter(whole for _, whole in _hashes(old, key, compressed=compressed))
    fresh: Counter[int] = Counter()
    for name, whole in _hashes(new, key, compressed=compressed):
        if before[whole] > 0:
            before[whole] -= 1
        else:
            fresh[name] += 1
    removed = altered = 0
    for name, whole in _hashes(old, key, compressed=compressed):
        if before[whole] <= 0:
            continue
        before[whole] -= 1
        if key and fresh[name] > 0:
            fresh[name] -= 1
            altered += 1
        else:
            removed += 1
    return Change(added=fresh.total(), removed=removed, altered=altered)


def _hashes(
    file: IO[bytes], key: tuple[str, ...], *, compressed: bool
) -> Iterator[tuple[int, int]]:
    """A hash of each row's key, and one of all of it."""
    rows = read_csv(file, compressed=compressed)
    header = next(rows, [])
    places = [header.index(name) for name in key if name in header]
    for row in rows:
        yield hash(tuple(row[place] for place in places)), hash(tuple(row))
