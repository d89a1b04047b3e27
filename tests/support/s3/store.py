"""The objects of a bucket in memory."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock


@dataclass(frozen=True)
class Item:
    """One version of an object."""

    body: bytes
    metadata: Mapping[str, str]
    headers: Mapping[str, str]
    last_modified: datetime
    is_marker: bool = False
    """Whether it is a delete marker, which says that there is no object."""

    @property
    def etag(self) -> str:
        """The MD5 of the body in quotes, as S3 returns it."""
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


class PreconditionFailedError(Exception):
    """The condition of a request does not hold."""


class Store:
    """The objects of one bucket with all their versions; thread-safe."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._versions: dict[str, list[Item]] = {}

    def put(
        self,
        key: str,
        body: bytes,
        metadata: Mapping[str, str],
        headers: Mapping[str, str],
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
    ) -> Item:
        """Add a version; raise PreconditionFailedError when a condition does not hold."""
        now = datetime.fromtimestamp(int(self._clock()), UTC)
        with self._lock:
            versions = self._versions.setdefault(key, [])
            current = versions[-1] if versions and not versions[-1].is_marker else None
            if (if_none_match and current) or (
                if_match is not None and (not current or current.etag != if_match)
            ):
                raise PreconditionFailedError(key)
            item = Item(body, dict(metadata), dict(headers), now)
            versions.append(item)
            return item

    def get(self, key: str) -> Item | None:
        """Return the latest version."""
        versions = self._versions.get(key)
        return versions[-1] if versions and not versions[-1].is_marker else None

    def versions(self, key: str) -> tuple[Item, ...]:
        """Return all versions, oldest first."""
        return tuple(self._versions.get(key, ()))

    def all_keys(self) -> list[str]:
        """Return the keys that have a version or a delete marker."""
        with self._lock:
            return [key for key, held in self._versions.items() if held]

    def add_marker(self, key: str) -> None:
        """Add a delete marker, as the deletion of an object does."""
        now = datetime.fromtimestamp(int(self._clock()), UTC)
        with self._lock:
            self._versions[key].append(Item(b"", {}, {}, now, is_marker=True))

    def remove_version(self, key: str, item: Item) -> None:
        """Delete one version for good."""
        with self._lock:
            self._versions[key] = [each for each in self._versions[key] if each is not item]

    def remove(self, key: str) -> None:
        """Remove an object with all its versions, as if it had never been written."""
        with self._lock:
            self._versions.pop(key, None)

    def keys(self, prefix: str = "", after: str = "") -> list[str]:
        """Return the keys that start with ``prefix`` and sort after ``after``, in S3's order."""
        with self._lock:
            found = [key for key, held in self._versions.items() if held and not held[-1].is_marker]
        return sorted(key for key in found if key.startswith(prefix) and key > after)
