"""The objects of a bucket in memory."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock


@dataclass(frozen=True)
class Item:
    """One version of an object."""

    body: bytes
    metadata: Mapping[str, str]
    headers: Mapping[str, str]
    last_modified: datetime
    id: str = field(default="", compare=False)
    """The id of the version."""
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
        self._written = 0

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
            self._written += 1
            item = Item(body, dict(metadata), dict(headers), now, f"v{self._written}")
            versions.append(item)
            return item

    def get(self, key: str, version: str | None = None) -> Item | None:
        """Return a version by its id, by default the latest one."""
        versions = self._versions.get(key, [])
        if version is not None:
            return next((item for item in versions if item.id == version), None)
        return versions[-1] if versions and not versions[-1].is_marker else None

    def versions(self, key: str) -> tuple[Item, ...]:
        """Return all versions, oldest first."""
        return tuple(self._versions.get(key, ()))

    def all_keys(self, prefix: str = "") -> list[str]:
        """Return the keys that have a version or a delete marker, in S3's order."""
        with self._lock:
            found = [key for key, held in self._versions.items() if held]
        return sorted(key for key in found if key.startswith(prefix))

    def add_marker(self, key: str) -> None:
        """Add a delete marker, as the deletion of an object does."""
        now = datetime.fromtimestamp(int(self._clock()), UTC)
        with self._lock:
            self._written += 1
            marker = Item(b"", {}, {}, now, f"v{self._written}", is_marker=True)
            self._versions[key].append(marker)

    def delete(self, key: str, version: str) -> None:
        """Delete one version; do nothing if there is none with this id."""
        with self._lock:
            held = self._versions.get(key, [])
            self._versions[key] = [item for item in held if item.id != version]

    def copy(self) -> dict[str, list[Item]]:
        """Return all versions by their keys, to be restored later."""
        with self._lock:
            return {key: list(held) for key, held in self._versions.items() if held}

    def restore(self, versions: Mapping[str, list[Item]]) -> None:
        """Replace everything by what ``copy`` returned."""
        with self._lock:
            self._versions = {key: list(held) for key, held in versions.items()}

    def remove(self, key: str) -> None:
        """Remove an object with all its versions, as if it had never been written."""
        with self._lock:
            self._versions.pop(key, None)

    def keys(self, prefix: str = "", after: str = "") -> list[str]:
        """Return the keys that start with ``prefix`` and sort after ``after``, in S3's order."""
        with self._lock:
            found = [key for key, held in self._versions.items() if held and not held[-1].is_marker]
        return sorted(key for key in found if key.startswith(prefix) and key > after)
