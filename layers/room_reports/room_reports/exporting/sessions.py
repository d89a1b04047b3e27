"""The sessions of rooms that an answer's rows belong to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

SESSION = "cue_point_id"
"""The column with the id of a session."""


@dataclass(frozen=True)
class Sessions:
    """Sessions by room, as far as an answer shows them."""

    pairs: frozenset[tuple[str, str]] = frozenset()

    def rooms(self) -> set[str]:
        """The ids of the rooms."""
        return {room for room, _ in self.pairs}

    def of(self, room: str) -> set[str]:
        """The ids of one room's sessions."""
        return {session for other, session in self.pairs if other == room}

    def __or__(self, other: "Sessions") -> "Sessions":
        return Sessions(self.pairs | other.pairs)


@dataclass
class Watched:
    """Rows on their way, and the sessions that they belong to."""

    header: list[str]
    rows: Iterable[list[str]]
    columns: tuple[str, ...]
    """The columns with ids of rooms."""
    pairs: set[tuple[str, str]] = field(default_factory=set)

    def __iter__(self) -> Iterator[list[str]]:
        if SESSION not in self.header:
            yield from self.rows
            return
        session = self.header.index(SESSION)
        rooms = [self.header.index(name) for name in self.columns if name in self.header]
        for row in self.rows:
            self.pairs.update((row[room], row[session]) for room in rooms if row[room])
            yield row
