"""Changes: what a new export of a window changes in the previous one."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import IO

from room_reports.storage.csv_file import row_hashes


@dataclass(frozen=True)
class Change:
    """Numbers of rows."""

    added: int = 0
    removed: int = 0
    altered: int = 0
    """Rows with the same primary key and other values."""
    renamed: int = 0
    """Those among the altered rows that differ in names of rooms and users only."""

    @property
    def in_names_only(self) -> bool:
        """Whether nothing changed, or nothing but names."""
        return not self.added and not self.removed and self.altered == self.renamed


def compare(
    old: IO[bytes],
    new: IO[bytes],
    primary_key: tuple[str, ...],
    *,
    compressed: bool,
    names: Collection[str] = (),
) -> Change:
    """Return what ``new`` changes in ``old``, both strict CSV, whatever the order of the rows.

    Memory grows by one number per row, not by the rows.

    Args:
        primary_key: The columns that identify a row. Without any, no row counts as altered.
        names: The columns that hold names.

    Raises:
        UnreadableCsvError: If one of the files is not strict CSV.
    """
    change = _compare(old, new, primary_key, compressed, ())
    if not change.altered or not names:
        return change
    without_names = _compare(old, new, primary_key, compressed, names)
    return replace(change, renamed=change.altered - without_names.altered)


def _compare(
    old: IO[bytes],
    new: IO[bytes],
    primary_key: tuple[str, ...],
    compressed: bool,
    without: Collection[str],
) -> Change:
    def hashes(file: IO[bytes]) -> Iterator[tuple[int, int]]:
        return row_hashes(file, primary_key, compressed=compressed, without=without)

    before = Counter(whole for _, whole in hashes(old))
    fresh: Counter[int] = Counter()
    for name, whole in hashes(new):
        if before[whole] > 0:
            before[whole] -= 1
        else:
            fresh[name] += 1
    removed = altered = 0
    for name, whole in hashes(old):
        if before[whole] <= 0:
            continue
        before[whole] -= 1
        if primary_key and fresh[name] > 0:
            fresh[name] -= 1
            altered += 1
        else:
            removed += 1
    return Change(added=fresh.total(), removed=removed, altered=altered)
