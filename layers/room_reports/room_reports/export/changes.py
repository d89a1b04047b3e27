"""Changes: what a new export of a window changes in the previous one."""

from collections import Counter
from dataclasses import dataclass
from typing import IO

from room_reports.storage.csv_file import row_hashes


@dataclass(frozen=True)
class Change:
    """Numbers of rows."""

    added: int = 0
    removed: int = 0
    altered: int = 0
    """Rows with the same primary key and other values."""


def compare(
    old: IO[bytes], new: IO[bytes], primary_key: tuple[str, ...], *, compressed: bool
) -> Change:
    """Return what ``new`` changes in ``old``, both strict CSV, whatever the order of the rows.

    Memory grows by one number per row, not by the rows.

    Args:
        primary_key: The columns that identify a row. Without any, no row counts as altered.

    Raises:
        UnreadableCsvError: If one of the files is not strict CSV.
    """
    before = Counter(whole for _, whole in row_hashes(old, primary_key, compressed=compressed))
    fresh: Counter[int] = Counter()
    for name, whole in row_hashes(new, primary_key, compressed=compressed):
        if before[whole] > 0:
            before[whole] -= 1
        else:
            fresh[name] += 1
    removed = altered = 0
    for name, whole in row_hashes(old, primary_key, compressed=compressed):
        if before[whole] <= 0:
            continue
        before[whole] -= 1
        if primary_key and fresh[name] > 0:
            fresh[name] -= 1
            altered += 1
        else:
            removed += 1
    return Change(added=fresh.total(), removed=removed, altered=altered)
