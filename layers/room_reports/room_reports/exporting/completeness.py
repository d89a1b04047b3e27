"""Whether an answer is all of a report, or was cut off, which Kaltura does not say."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO

from room_reports.normalise import read_csv
from room_reports.source.errors import TooHeavyError
from room_reports.source.request import ReportRequest

HARD_CAP = 100_000
"""Rows that Kaltura's server gives at the most, whatever the report."""

_ROUND = 1000
"""A report may have a cap of its own, which is a round figure."""


class RowCapError(TooHeavyError):
    """Raised for an answer that Kaltura may have cut off."""

    retryable = False

    def __init__(self, request: ReportRequest, why: str) -> None:
        piece = "; ".join(f"{name}={','.join(ids)}" for name, ids in request.filters.items())
        self.piece = f"{request.report.slug} from {request.start} to {request.end}; {piece}"
        super().__init__(
            "ROW_CAP", f"{why}, and there is no smaller piece to ask for: {self.piece}"
        )


@dataclass(frozen=True)
class CompletenessCheck:
    """Judges answers by their numbers of rows, and round numbers by asking again."""

    caps: frozenset[int]
    """Row counts at which the operator knows Kaltura to cut reports off."""
    ask: Callable[[ReportRequest, IO[bytes]], int]
    """Writes a report to a file as strict CSV and says how many rows it has."""

    def is_suspect(self, rows: int) -> bool:
        """Whether an answer of so many rows may have been cut off."""
        return rows > 0 and (self._is_cap(rows) or rows % _ROUND == 0)

    def may_be_cut(
        self, request: ReportRequest, rows: int, file: IO[bytes], *, compressed: bool = False
    ) -> bool:
        """Whether an answer may lack rows, given what it is known to hold.

        Args:
            file: the answer, as strict CSV.
        """
        if not self.is_suspect(rows):
            return False
        if self._is_cap(rows):
            return True
        # Nothing tells the rows of a report apart that the catalogue does not know.
        return bool(request.report.key) and not self._halves_agree(request, file, compressed)

    def _is_cap(self, rows: int) -> bool:
        return rows in self.caps or rows == HARD_CAP

    def _halves_agree(self, request: ReportRequest, file: IO[bytes], compressed: bool) -> bool:
        """Whether both halves of the window are whole, and have only rows that are in ``file``.

        Whatever happened in a window happened in one of its halves.
        """
        middle = (request.start + request.end) // 2
        if not request.start < middle < request.end:
            return False
        known = row_keys(file, request.report.key, compressed=compressed)
        for half in (replace(request, end=middle), replace(request, start=middle)):
            with tempfile.TemporaryFile() as scratch:
                try:
                    rows = self.ask(half, scratch)
                except TooHeavyError:
                    return False
                if self.is_suspect(rows) or row_keys(scratch, request.report.key) - known:
                    return False
        return True


def row_keys(file: IO[bytes], key: tuple[str, ...], *, compressed: bool = False) -> set[int]:
    """A hash of each row's values in the columns ``key``, for rows of strict CSV."""
    rows = read_csv(file, compressed=compressed)
    header = next(rows)
    places = [header.index(name) for name in key]
    return {hash(tuple(row[place] for place in places)) for row in rows}
