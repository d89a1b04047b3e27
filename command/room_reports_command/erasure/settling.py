"""Files that a rewriting makes look newer than their rows, exported again.

The planner takes the time at which S3 got a file for the time at which it was exported. A file that
was due, because its window had ended or settled since it was exported, is not due any more once it
was rewritten. What Kaltura has of other people since then would never be exported.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from room_reports.model.errors import WindowError
from room_reports.model.freshness import milestones
from room_reports.model.windows import Window, iso
from room_reports.settings import Settings
from room_reports.storage.keys import Series, parse_key
from room_reports_command.erasure.versions import VersionedBucket

Invoke = Callable[[Mapping[str, Any]], bool]
"""Invokes the exporter with a direct event, and returns whether it could be invoked."""
_ATTEMPTS = 20
_WINDOWS = 31
"""The most windows of one event, so that a run has the time for all of them."""


@dataclass(frozen=True)
class Settling:
    """Finds files that only look as new as their windows ask for, and has them exported again."""

    settings: Settings
    invoke: Invoke

    def is_hidden(self, key: str, metadata: Mapping[str, str], written: datetime) -> bool:
        """Return whether a file was due when it was rewritten, and looks as if it were not.

        Args:
            metadata: That of the file.
            written: When S3 got it.
        """
        found = self._window(key)
        if found is None:
            return False
        try:
            exported = datetime.fromisoformat(metadata.get("exported-at", ""))
        except ValueError:
            return False
        if self.settings.retention.is_expired(found[1], written):
            return False
        return any(
            exported < moment <= written for moment in milestones(found[1], self.settings.settle)
        )

    def export_again(
        self, bucket: VersionedBucket, keys: Iterable[str]
    ) -> tuple[int, list[dict[str, Any]]]:
        """Have those of some files that are hidden exported again.

        Returns:
            How many were, and for those that are left the direct events that export them.
        """
        wanted = self._hidden(bucket, keys)
        left = wanted
        for _ in range(_ATTEMPTS):
            if not left or not all(self.invoke(event) for event in self._events(left)):
                break
            before, left = left, self._hidden(bucket, left)
            if len(left) == len(before):
                break
        return len(wanted) - len(left), list(self._events(left))

    def events(self, keys: Iterable[str]) -> list[dict[str, Any]]:
        """Return the direct events that export some files again."""
        return list(self._events(sorted(set(keys))))

    def _hidden(self, bucket: VersionedBucket, keys: Iterable[str]) -> list[str]:
        found = ((key, bucket.head(key)) for key in sorted(set(keys)))
        return [
            key
            for key, head in found
            if head and self.is_hidden(key, head.metadata, head.last_modified)
        ]

    def _events(self, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield a direct event for each series of windows that follow each other."""
        group: list[tuple[Series, Window]] = []
        for each in sorted(filter(None, map(self._window, keys)), key=_order):
            follows = group and (group[-1][0], group[-1][1].end) == (each[0], each[1].start)
            if group and (not follows or len(group) == _WINDOWS):
                yield _event(group)
                group = []
            group.append(each)
        if group:
            yield _event(group)

    def _window(self, key: str) -> tuple[Series, Window] | None:
        """Return the series and the window of a file that the exporter still exports."""
        parsed = parse_key(key)
        if parsed is None:
            return None
        series, settings = parsed.series, self.settings
        slugs = {each.slug for each in settings.reports_by_region.get(series.region, ())}
        if series.slug not in slugs or series.granularity not in settings.granularities:
            return None
        try:
            return series, settings.calendar(series.granularity).window(parsed.label)
        except WindowError:
            return None


def _order(each: tuple[Series, Window]) -> tuple[Series, datetime]:
    return each[0], each[1].start


def _event(group: Sequence[tuple[Series, Window]]) -> dict[str, Any]:
    series = group[0][0]
    return {
        "from": iso(group[0][1].start),
        "to": iso(group[-1][1].end),
        "reports": [series.slug],
        "regions": [series.region],
        "granularity": series.granularity.value,
        "force": True,
    }
