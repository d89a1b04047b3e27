"""The figures of a file: sessions, users and minutes, counted once it is complete.

The file is counted in pieces of complete lines of strict CSV. Most lines have no quote, so a piece
is split into values by one call, and a column is a slice of them: nothing is called for each row.
It is a second reading, because most of what is received is never published as it is: pieces of a
report that is split, and surveys of its rooms. A file that has not changed is not counted again.

Distinct values are counted by 64-bit hashes, so that memory does not grow with the length of the
values, and hardly beyond some number of them.
"""

import csv
import gzip
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import IO, cast

from room_reports.model.reports import Report
from room_reports.model.user_ids import UNKNOWN_USERS, form_shares, parse_shares, shares_text
from room_reports.storage.session_bits import bits_text, parse_bits, toggled

MOST_SESSIONS, MOST_USERS = 1 << 14, 1 << 15
"""The most distinct sessions and users of a file that are counted exactly."""
MOST_ROWS = 1 << 17
"""The most rows of which every duplicate is found, more than Kaltura's row cap."""
AT_ONCE = 1 << 14
_READ_AT_ONCE = 1 << 16
_SAMPLE = 250
"""Distinct user ids that are kept from the first rows, and as many from all the others."""
_STRIDE = 64
_UNKNOWN = tuple(each.encode() for each in UNKNOWN_USERS)
_UNKNOWN_SET = frozenset(_UNKNOWN)
_UNKNOWN_HASHES = frozenset(map(hash, _UNKNOWN))
_ERASED = b"erased_"
"""What begins the token of a person whose data was erased."""


@dataclass(frozen=True)
class Figures:
    """The figures of one file; None where the report has no such column."""

    sessions: int | None = None
    """Distinct sessions."""
    users: int | None = None
    """Distinct users whom Kaltura knows."""
    minutes: float | None = None
    """The sum of the minutes of all rows."""
    unknown_rows: int | None = None
    """Rows of users whom Kaltura does not know."""
    duplicates: int | None = None
    """Rows with the primary key of an earlier row, those of unknown and erased users left out."""
    user_forms: Mapping[str, int] = field(default_factory=dict)
    """The share of each form of user ids, in percent."""
    session_bits: int | None = None
    """The set of sessions in few bits; None if there are too many of them."""
    session_users: int | None = None
    """The sum of the users that Kaltura counts in each session."""

    def metadata(self) -> dict[str, str]:
        """Return the figures as metadata of the object."""
        texts = {
            "sessions": _text(self.sessions),
            "users": _text(self.users),
            "minutes": "" if self.minutes is None else minutes_text(self.minutes),
            "unknown-rows": _text(self.unknown_rows),
            "duplicates": _text(self.duplicates),
            "user-forms": shares_text(self.user_forms),
            "session-bits": "" if self.session_bits is None else bits_text(self.session_bits),
            "session-users": _text(self.session_users),
        }
        return {name: text for name, text in texts.items() if text}

    @classmethod
    def of(cls, metadata: Mapping[str, str]) -> "Figures | None":
        """Return the figures that an object's metadata say; None if they say none."""
        try:
            sessions, users, unknown, duplicates, session_users = (
                int(metadata[name]) if name in metadata else None
                for name in ("sessions", "users", "unknown-rows", "duplicates", "session-users")
            )
            minutes = float(metadata["minutes"]) if "minutes" in metadata else None
        except ValueError:
            return None
        if sessions is None or duplicates is None:
            return None
        forms = parse_shares(metadata.get("user-forms", ""))
        bits = parse_bits(metadata.get("session-bits", ""))
        return cls(sessions, users, minutes, unknown, duplicates, forms, bits, session_users)


def count_figures(
    file: IO[bytes], columns: Sequence[str], report: Report, *, compressed: bool
) -> Figures:
    """Return the figures of a file of strict CSV, in constant memory.

    Args:
        columns: The file's columns, in their order.
        compressed: Whether the file is compressed with gzip.
    """
    counter = FigureCounter(columns, report)
    if not counter.counts:
        return counter.figures()
    file.seek(0)
    source = cast("IO[bytes]", gzip.GzipFile(fileobj=file, mode="rb")) if compressed else file
    while piece := source.read(_READ_AT_ONCE):
        counter.add(piece + source.readline())
    return counter.figures()


def minutes_text(minutes: float) -> str:
    """Return minutes with at most two decimals, and never with an exponent."""
    return f"{minutes:.2f}".rstrip("0").rstrip(".")


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


class Distinct:
    """Counts distinct hashes, exactly while there are at most ``most``.

    If there are more, only those are kept whose last bits are 0, one bit more each time that there
    are too many. The number of all is then estimated from theirs, within about 1 %.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: set[int] = set()
        self._mask = 0

    def add(self, hashes: list[int]) -> None:
        """Add the hashes of some values."""
        self._kept.update(self._some(hashes) if self._mask else hashes)
        while len(self._kept) > self._most:
            self._mask = 2 * self._mask + 1
            self._kept = set(self._some(self._kept))

    def add_new(self, hashes: list[int]) -> set[int] | None:
        """Add some hashes, and return those that are new; None if there are too many to tell."""
        new = set(hashes).difference(self._kept)
        self.add(list(new))
        return None if self._mask else new

    def count(self, without: Iterable[int] = ()) -> int:
        """Return the number of distinct hashes, some left out."""
        return len(self._kept.difference(without)) * (self._mask + 1)

    def _some(self, hashes: Iterable[int]) -> list[int]:
        mask = self._mask
        return [each for each in hashes if not each & mask]


class Repeated:
    """Counts hashes that are added again.

    All are compared with the first ``most``; those that come later, among each other only within
    one call.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: set[int] = set()
        self.count = 0
        """How many hashes were added again."""

    def add(self, hashes: list[int]) -> None:
        """Add some hashes."""
        before = len(self._kept)
        if before < self._most:
            self._kept.update(hashes)
            self.count += before + len(hashes) - len(self._kept)
        else:
            self.count += len(hashes) - len(set(hashes).difference(self._kept))


class FigureCounter:
    """Counts the figures of one file from its pieces."""

    def __init__(self, columns: Sequence[str], report: Report) -> None:
        """Count the figures of a report's file.

        Args:
            columns: The file's columns, in their order.
        """
        self._width = len(columns)
        self._session = [columns.index(name) for name in report.session_key]
        self._user = columns.index(report.user_column) if report.user_column else None
        self._minute = columns.index(report.minutes_column) if report.minutes_column else None
        count = report.user_count_column
        # Kaltura may leave it out one day, and nothing else depends on it.
        self._user_count = columns.index(count) if count in columns else None
        self._key = [
            *self._session,
            *(columns.index(each) for each in report.primary_key if each not in report.session_key),
        ]
        others = [
            place for place in (self._user, self._minute, self._user_count) if place is not None
        ]
        self._places = sorted({*self._key, *others})
        self._keys = Repeated(MOST_ROWS)
        self._sessions, self._users = Distinct(MOST_SESSIONS), Distinct(MOST_USERS)
        # Only sessions of two ids are in two reports.
        self._bits: int | None = 0 if len(self._session) > 1 else None
        self._minutes = self._session_users = 0.0
        self._unknown = 0
        self._sample: set[bytes] = set()
        self._has_header = True

    @property
    def counts(self) -> bool:
        """Whether the report has columns that are counted."""
        return bool(self._places)

    def add(self, piece: bytes) -> None:
        """Count some complete lines; the first one of the file is its header."""
        if self._has_header:
            self._has_header = False
            piece = piece[piece.find(b"\n") + 1 :]
        if not piece or not self._places:
            return
        start = 0
        while start < len(piece):
            end = piece.find(b"\n", start + AT_ONCE) + 1 or len(piece)
            self._add(piece[start:end])
            start = end

    def _add(self, piece: bytes) -> None:
        columns = self._quoted(piece) if b'"' in piece else self._plain(piece[:-1])
        ids = [columns[place] for place in self._session]
        sessions = _hashes(ids)
        if self._bits is None:
            self._sessions.add(sessions)
        else:
            self._add_bits(ids, sessions)
        keys = sessions
        if self._key != self._session:
            # The values keep the hashes that they have just got.
            keys = _hashes([columns[place] for place in self._key])
        if self._user is not None:
            has_erased = _ERASED in piece
            keys = self._add_users(columns[self._user], keys, has_erased=has_erased)
        self._keys.add(keys)
        if self._minute is not None:
            self._minutes += _total(columns[self._minute])
        if self._user_count is not None:
            self._session_users += _total(columns[self._user_count])

    def figures(self) -> Figures:
        """Return the figures of all pieces."""
        if not self._places:
            return Figures()
        has_users = self._user is not None
        sample = (each.decode() for each in self._sample.difference(_UNKNOWN))
        return Figures(
            sessions=self._sessions.count(),
            users=self._users.count(_UNKNOWN_HASHES) if has_users else None,
            minutes=self._minutes if self._minute is not None else None,
            unknown_rows=self._unknown if has_users else None,
            duplicates=self._keys.count,
            user_forms=form_shares(sample) if has_users else {},
            session_bits=self._bits,
            session_users=round(self._session_users) if self._user_count is not None else None,
        )

    def _add_bits(self, ids: list[list[bytes]], sessions: list[int]) -> None:
        new = self._sessions.add_new(sessions)
        if new is None or self._bits is None:
            self._bits = None
        elif new:
            rows = dict(zip(sessions, zip(*ids, strict=True), strict=True))
            self._bits = toggled(self._bits, map(rows.__getitem__, new))

    def _add_users(self, column: list[bytes], keys: list[int], *, has_erased: bool) -> list[int]:
        """Add the users of some rows; return the keys of the rows of one known user each."""
        self._users.add(list(map(hash, column)))
        if not _UNKNOWN_SET.isdisjoint(column):
            is_known = [user not in _UNKNOWN_SET for user in column]
            keys, column = list(compress(keys, is_known)), list(compress(column, is_known))
            self._unknown += len(is_known) - len(keys)
        if has_erased:  # one token stands for all ids of a person
            keys = list(compress(keys, [not user.startswith(_ERASED) for user in column]))
        if len(self._sample) < _SAMPLE:
            self._sample.update(column)
        elif len(self._sample) < 2 * _SAMPLE:
            self._sample.update(column[::_STRIDE])
        return keys

    def _plain(self, lines: bytes) -> dict[int, list[bytes]]:
        """Return the columns that are counted, of lines without a quote."""
        values = lines.replace(b"\n", b",").split(b",")
        return {place: values[place :: self._width] for place in self._places}

    def _quoted(self, piece: bytes) -> dict[int, list[bytes]]:
        """Return the columns that are counted; only lines with a quote need a parser."""
        place, kept, quoted = 0, list[bytes](), list[bytes]()
        while (found := piece.find(b'"', place)) >= 0:
            start = piece.rfind(b"\n", place, found) + 1 or place
            end = piece.find(b"\n", found) + 1
            kept.append(piece[place:start])
            quoted.append(piece[start : end - 1])
            place = end
        kept.append(piece[place:])
        plain = b"".join(kept)[:-1]
        columns = self._plain(plain) if plain else {place: [] for place in self._places}
        lines = b"\n".join(quoted).decode().split("\n")
        parsed = list(zip(*csv.reader(lines, strict=True), strict=True))
        for place in self._places:
            # A value has no line end in it.
            columns[place] += "\n".join(parsed[place]).encode().split(b"\n")
        return columns


def _hashes(columns: Sequence[Iterable[bytes]]) -> list[int]:
    """Return a hash of each row of some columns.

    ``zip`` uses the same tuple again for each row, as ``hash`` does not keep it.
    """
    return list(map(hash, zip(*columns, strict=True)))


def _total(values: Iterable[bytes]) -> float:
    """Return the sum of some numbers; what is no number counts as 0."""
    try:
        total = sum(map(float, values))
    except ValueError:
        total = math.nan
    if math.isfinite(total):
        return total
    return math.fsum(map(_number, values))


def _number(value: bytes) -> float:
    try:
        number = float(value)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0
