"""Completeness: whether Kaltura returned all of a report or cut it off, which it does not say.

Kaltura cuts a report off at a row cap: 100,000 rows, or a lower figure of the report's own. The
response gives no sign of it. A response whose number of rows may be a cap is therefore suspect.
"""

import tempfile
from dataclasses import replace
from typing import IO

from room_reports.export.errors import RowCapError
from room_reports.export.receive import Receiver
from room_reports.kaltura.errors import TooHeavyError
from room_reports.kaltura.request import ReportRequest
from room_reports.settings import Settings
from room_reports.storage.csv_file import row_keys

HARD_CAP = 100_000
"""The most rows that Kaltura's server returns for any report."""

_ROUND = 1000
"""A report's own cap is assumed to be a multiple of this."""


def is_suspect(rows: int, settings: Settings) -> bool:
    """Return whether a response of so many rows may have been cut off."""
    return rows > 0 and (_is_cap(rows, settings) or rows % _ROUND == 0)


def is_complete(
    receiver: Receiver,
    request: ReportRequest,
    rows: int,
    file: IO[bytes],
    *,
    compressed: bool = False,
) -> bool:
    """Return whether a response is proven to have all rows of the report.

    A number of rows that is round, but no known cap, is proven by both halves of the window:
    everything that happened in a window happened in one of its halves.

    Args:
        rows: The number of rows in ``file``.
        file: The response, as strict CSV.

    Raises:
        KalturaError: If Kaltura does not return a half of the window.
    """
    if not is_suspect(rows, receiver.settings):
        return True
    if _is_cap(rows, receiver.settings):
        return False
    # Without a primary key, the rows of a report cannot be compared.
    return not request.report.primary_key or _halves_agree(receiver, request, file, compressed)


def _is_cap(rows: int, settings: Settings) -> bool:
    return rows in settings.row_caps or rows == HARD_CAP


def _halves_agree(
    receiver: Receiver, request: ReportRequest, file: IO[bytes], compressed: bool
) -> bool:
    """Return whether both halves of the window are complete and have no row that is not known."""
    middle = (request.start + request.end) // 2
    if not request.start < middle < request.end:
        return False
    key = request.report.primary_key
    known = row_keys(file, key, compressed=compressed)
    for half in (replace(request, end=middle), replace(request, start=middle)):
        with tempfile.TemporaryFile() as scratch:
            try:
                rows = receiver.receive(half, scratch).summary.rows
            except (TooHeavyError, RowCapError):
                return False
            if is_suspect(rows, receiver.settings) or row_keys(scratch, key) - known:
                return False
    return True
