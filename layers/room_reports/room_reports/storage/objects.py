"""What S3 says of an object: in a listing, or in response to a request for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from room_reports.storage.keys import ParsedKey


@dataclass(frozen=True)
class StoredObject:
    """An export in the bucket, as a listing shows it."""

    key: str
    parsed: ParsedKey
    last_modified: datetime
    etag: str
    size: int
    """Bytes as stored."""


@dataclass(frozen=True)
class ObjectHead:
    """The properties of one object, without its content."""

    etag: str
    last_modified: datetime
    metadata: Mapping[str, str]
    size: int
    """Bytes as stored."""
    version_id: str | None
    """None in a bucket that keeps no versions."""


@dataclass(frozen=True)
class SmallObject:
    """An object that is not an export."""

    key: str
    last_modified: datetime
    size: int
    etag: str
    text: str = ""
    """Its content, if it was read."""


def latest_by_label(stored: Iterable[StoredObject]) -> dict[str, StoredObject]:
    """Return the objects of one series by window label; of two for one window, the newer one."""
    held: dict[str, StoredObject] = {}
    for item in stored:
        other = held.get(item.parsed.label)
        if other is None or item.last_modified > other.last_modified:
            held[item.parsed.label] = item
    return held
