"""The pieces of reports that had to be split, kept in the bucket for the next run.

A report that is put together from many pieces can take longer than one run. What a run has of it
lies under ``pieces/`` until a lifecycle rule removes it, so that the next run goes on there.
"""

import gzip
import hashlib
import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from room_reports.export.pieces import Piece
from room_reports.export.receive import spool
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import StorageError
from room_reports.telemetry import logger

PREFIX = "pieces/"
MAX_AGE = 7 * 86_400.0
"""Seconds. Older pieces are fetched again."""


@dataclass(frozen=True)
class BucketPieceStore:
    """The pieces of one window of one report, fetched since its latest milestone."""

    bucket: Bucket
    window: str
    """Names the report, region and window, such as ``attendees_us_2026-11-22``."""
    origin: str
    """A digest of what the pieces depend on: bounds, filters, address and settings."""
    since: float
    """Unix time of the milestone; older pieces are out of date."""
    exists: bool
    """Whether the bucket holds any piece of this window."""
    clock: Callable[[], float]
    """Returns the Unix time."""

    def load(self, files: ExitStack) -> list[Piece]:
        """Return the pieces that an earlier run has fetched, one for each room or session."""
        pieces: list[Piece] = []
        seen: set[tuple[str, str]] = set()
        if not self.exists:
            return []
        for key in self._keys():
            with spool() as packed:
                if not self.bucket.read(key, packed):
                    continue
                packed.seek(0)
                piece = self._unpacked(packed.read(), files)
            if piece and seen.isdisjoint(_names(piece)):
                pieces.append(piece)
                seen |= _names(piece)
        return pieces

    def save(self, piece: Piece) -> None:
        """Keep a piece. A failure to do so costs time in the next run, and nothing else."""
        piece.file.seek(0)
        head = {
            "origin": self.origin,
            "column": piece.column,
            "room": piece.room,
            "wanted": sorted(piece.wanted),
            "columns": piece.columns,
            "rows": piece.rows,
            "replaced": piece.replaced,
            "ids": sorted(piece.ids),
            "fetched_at": piece.fetched_at,
        }
        name = hashlib.sha256(repr(sorted(_names(piece))).encode()).hexdigest()[:32]
        body = gzip.compress(json.dumps(head).encode() + b"\n" + piece.file.read(), mtime=0)
        try:
            self.bucket.write(f"{PREFIX}{self.window}/{name}", body, "application/gzip")
        except StorageError as error:
            logger.warning("Could not keep a piece", window=self.window, error=str(error))

    def _keys(self) -> list[str]:
        try:
            return self.bucket.keys(f"{PREFIX}{self.window}/")
        except StorageError as error:
            logger.warning("Kept pieces cannot be listed", window=self.window, error=str(error))
            return []

    def _unpacked(self, packed: bytes, files: ExitStack) -> Piece | None:
        try:
            first, _, rest = gzip.decompress(packed).partition(b"\n")
            head: dict[str, Any] = json.loads(first)
            fetched_at = float(head["fetched_at"])
            valid = head["origin"] == self.origin and fetched_at >= self.since
            if not valid or fetched_at < self.clock() - MAX_AGE:
                return None
            file = files.enter_context(spool())
            file.write(rest)
            return Piece(
                column=head["column"],
                wanted=frozenset(head["wanted"]),
                columns=tuple(head["columns"]),
                rows=head["rows"],
                replaced=head["replaced"],
                file=file,
                ids=frozenset(head["ids"]),
                fetched_at=fetched_at,
                room=head["room"],
            )
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            logger.warning("A kept piece is unreadable", window=self.window, error=str(error))
            return None


def _names(piece: Piece) -> set[tuple[str, str]]:
    return {(piece.room, each) for each in piece.wanted}


def windows_with_pieces(bucket: Bucket) -> frozenset[str]:
    """Return the names of the windows of which an earlier run has kept pieces."""
    try:
        keys = bucket.keys(PREFIX)
    except StorageError as error:
        logger.warning("Kept pieces cannot be listed", error=str(error))
        return frozenset()
    return frozenset(key.removeprefix(PREFIX).split("/")[0] for key in keys)
