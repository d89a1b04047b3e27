"""What an import writes, and what it changes."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from room_reports_command.reference.store import ReferenceStore, Stored
from room_reports_command.reference.tables import Row, Table, to_csv

_CSV_TYPE = "text/csv; charset=utf-8"


@dataclass(frozen=True)
class Change:
    """A file of reference data that is written, in the place of an older one if there is one."""

    table: Table
    key: str
    rows: tuple[Row, ...]
    seen: Stored | None
    """The object that it replaces."""
    added: int
    removed: int

    @property
    def needed(self) -> bool:
        """Whether the file is not in the bucket already."""
        return self.seen is None or self.seen.body != to_csv(self.table, self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the change as JSON holds it."""
        return {
            "key": self.key,
            "rows": len(self.rows),
            "replaces": self.seen is not None,
            "added": self.added,
            "removed": self.removed,
        }


def change(store: ReferenceStore, table: Table, name: str, rows: Sequence[Row]) -> Change:
    """Return what writing some rows under a name changes; nothing is written."""
    seen = store.read(table.key(name))
    before = set(rows_in(seen.body)) if seen else set()
    after = set(rows)
    return Change(
        table,
        table.key(name),
        tuple(sorted(after)),
        seen,
        added=len(after - before),
        removed=len(before - after),
    )


def write(store: ReferenceStore, made: Change) -> None:
    """Write the file of a change; readers see the old one or the new one.

    Raises:
        StackError: If another program changed it meanwhile.
    """
    store.replace(made.key, to_csv(made.table, made.rows), _CSV_TYPE, made.seen)


def rows_in(body: bytes) -> list[Row]:
    """Return the rows of a file after its header, as far as it can be read."""
    text = io.StringIO(body.decode("utf-8-sig", errors="replace"), newline="")
    return [tuple(row) for row in csv.reader(text)][1:]
