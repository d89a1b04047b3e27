"""The readers of the API: whose each API key is, and until when it is accepted.

API Gateway knows no expiry of a key, and forgets a key that was deleted. This list knows both, so
that the log of who read what names a reader for as long as the log is kept.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime

from room_reports.model.errors import ReadersError


@dataclass(frozen=True)
class Reader:
    """One API key; moments are ISO 8601 in UTC, and empty if there is none."""

    key_id: str
    """The id of the key in API Gateway, which is no secret."""
    name: str
    created_at: str = ""
    expires_at: str = ""
    """From then on, the key is refused."""
    revoked_at: str = ""

    def refused(self, now: datetime) -> bool:
        """Return whether the key is refused; one whose expiry cannot be read is."""
        if self.revoked_at:
            return True
        if not self.expires_at:
            return False
        try:
            expires_at = datetime.fromisoformat(self.expires_at)
        except ValueError:
            return True
        return now >= (expires_at if expires_at.tzinfo else expires_at.replace(tzinfo=UTC))


COLUMNS = tuple(field.name for field in fields(Reader))
Readers = Mapping[str, Reader]
"""Readers by the id of their key."""


def format_readers(readers: Iterable[Reader]) -> bytes:
    """Return the list as strict CSV, in the order of the ids."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(astuple(each) for each in sorted(readers, key=lambda each: each.key_id))
    return text.getvalue().encode()


def parse_readers(text: str) -> dict[str, Reader]:
    """Return the readers in a list.

    Raises:
        ReadersError: If it is not such a list. Nothing is left out in silence, because a key that
            is left out would be accepted.
    """
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header, *lines = list(rows) or [[]]
    except csv.Error as error:
        raise ReadersError(f"The list of readers is not CSV: {error}.") from error
    if tuple(header) != COLUMNS:
        raise ReadersError(f"The list of readers must begin with {','.join(COLUMNS)}.")
    for number, line in enumerate(lines, 2):
        if len(line) != len(COLUMNS) or not line[0]:
            raise ReadersError(f"Line {number} of the list of readers is not one of a reader.")
    return {line[0]: Reader(*line) for line in lines}
