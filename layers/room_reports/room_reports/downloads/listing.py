"""A page of the listing: exports of several series, the newest first."""

import heapq
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, islice

from room_reports.downloads.archive import Archive
from room_reports.downloads.queries import ExportsQuery, Position
from room_reports.downloads.settings import DownloadSettings
from room_reports.lake.bucket import StoredObject
from room_reports.lake.keys import Series
from room_reports.windows import WindowError

_SERIES_AT_ONCE = 16
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Found:
    """An export in its place in the listing."""

    position: Position
    stored: StoredObject


@dataclass(frozen=True)
class Page:
    """Some exports, and where the next page begins, if there is one."""

    found: tuple[Found, ...]
    next_cursor: str | None


def page(archive: Archive, query: ExportsQuery, settings: DownloadSettings) -> Page:
    """The exports that ``query`` asks for.

    Raises:
        LakeError: when S3 refuses or fails.
    """
    merged = heapq.merge(
        *_begun([_newest_first(archive, each, query, settings) for each in query.series]),
        key=lambda found: found.position.order,
    )
    found = tuple(islice(merged, query.limit + 1))
    shown = found[: query.limit]
    return Page(shown, shown[-1].position.cursor() if len(found) > len(shown) else None)


def newest(archive: Archive, series: Series, first_dt: str, last_dt: str) -> StoredObject | None:
    """The newest export of a series.

    Raises:
        LakeError: when S3 refuses or fails.
    """
    return next(archive.newest_first(series, first_dt, last_dt), None)


def _newest_first(
    archive: Archive, series: Series, query: ExportsQuery, settings: DownloadSettings
) -> Iterator[Found]:
    calendar, span = settings.calendar(series.granularity), query.spans[series.granularity]
    first, last = calendar.containing(span.start).dt, calendar.containing(span.end - _INSTANT).dt
    if query.after:
        last = min(last, calendar.containing(query.after.window.start).dt)
    for stored in archive.newest_first(series, first, last):
        try:
            window = calendar.window(stored.parsed.label)
        except WindowError:
            continue
        position = Position(series, window)
        passed = query.after is None or position.order > query.after.order
        if passed and span.touches(window):
            yield Found(position, stored)


def _begun(iterators: list[Iterator[Found]]) -> list[Iterator[Found]]:
    """The same, each asked for its first one, several at once."""
    with ThreadPoolExecutor(_SERIES_AT_ONCE) as pool:
        firsts = list(pool.map(lambda each: list(islice(each, 1)), iterators))
    return [chain(first, rest) for first, rest in zip(firsts, iterators, strict=True)]
