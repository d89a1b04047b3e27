"""Names of sheets that Excel accepts, from names of courses."""

import re
from collections.abc import Iterable

_LONGEST = 31
_NOT_ALLOWED = re.compile(r"[\[\]:*?/\\\x00-\x1f\ud800-\udfff\ufffe\uffff]")
_RESERVED = "history"


def sheet_names(wanted: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Return a name for each sheet: allowed, different from all others, and like the wanted one.

    Args:
        taken: Names that other sheets have.
    """
    used = {name.lower() for name in taken} | {_RESERVED}
    found = []
    for each in wanted:
        base = _NOT_ALLOWED.sub("_", each).strip("' ") or "Course"
        name, number = _cut(base, ""), 1
        while name.lower() in used:
            number += 1
            name = _cut(base, f" ({number})")
        used.add(name.lower())
        found.append(name)
    return found


def _cut(base: str, ending: str) -> str:
    """Return a name of at most 31 UTF-16 code units, which is what Excel counts."""
    kept = base
    while len((kept + ending).encode("utf-16-le")) > 2 * _LONGEST:
        kept = kept[:-1]
    return (kept.rstrip("' ") or "Course") + ending
