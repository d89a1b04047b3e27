"""Listings of exports, the newest first, in result pages that cost the same whatever is stored."""

import heapq
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain, islice

from room_reports.api.params import ExportsQuery, Position
from room_reports.api.settings import ApiSettings
from room_reports.model.errors import WindowError
from room_reports.model.windows import Granularity
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series
from room_reports.storage.objects import StoredObject, latest_by_label

# S3 lists in ascending order, at most 1000 keys in one response. Each window has one object, or
# two after the compression was changed, so that this many days fit into one response.
_DAYS_PER_REQUEST = {Granularity.DAY: 366, Granularity.HOUR: 20}
_WINDOWS_PER_DAY = {Granularity.DAY: 1, Granularity.HOUR: 24}
_NEWEST_DAYS = {Granularity.DAY: 3, Granularity.HOUR: 2}
"""How many days, of which today is the last, have the newest export of a series that is kept up."""
_GROWTH = 8
_CONCURRENT_SERIES = 16
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class ListedExport:
    """An export and its position in the listing."""

    position: Position
    stored: StoredObject


@dataclass(frozen=True)
class ResultPage:
    """A slice of the listing."""

    exports: tuple[ListedExport, ...]
    next_cursor: str | None
    """Where the next result page begins; None on the last one."""


def result_page(bucket: Bucket, query: ExportsQuery, settings: ApiSettings) -> ResultPage:
    """Return the exports that ``query`` asks for.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    # Enough days for the result page, if every window of them is exported.
    per_day = sum(_WINDOWS_PER_DAY[each.granularity] for each in query.series)
    days = query.limit // per_day
    series = [_listed(bucket, each, query, settings, days) for each in query.series]
    merged = heapq.merge(*_started(series), key=lambda export: export.position.order)
    found = tuple(islice(merged, query.limit + 1))
    shown = found[: query.limit]
    return ResultPage(shown, shown[-1].position.cursor() if len(found) > len(shown) else None)


def newest(
    bucket: Bucket, series: Series, first_dt: str, last_dt: str, today: str
) -> StoredObject | None:
    """Return the newest export of a series.

    Args:
        today: The ``dt`` of this moment. Exports of later windows are found too.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    found = newest_first(bucket, series, first_dt, last_dt, today=today)
    return next(found, None)


def newest_first(
    bucket: Bucket, series: Series, first_dt: str, last_dt: str, *, today: str, days: int = 0
) -> Iterator[StoredObject]:
    """Yield the exports whose ``dt`` lies in ``[first_dt, last_dt]``, one for each window.

    S3 requests are made lazily, as the result is read: one for the newest days; after that, one for
    the days of each year, and one for each batch of days, which grows up to 366 days, or 20 days of
    hours.

    Args:
        today: The ``dt`` of this moment. Exports of later windows are found too.
        days: How many days are wanted at least, besides the newest ones.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    most = _DAYS_PER_REQUEST[series.granularity]
    size = min(_NEWEST_DAYS[series.granularity] + days, most)
    recent_dt = max(first_dt, _days_before(min(today, last_dt), size - 1))
    yield from _batch(bucket, series, recent_dt, last_dt)
    if recent_dt == first_dt:
        return
    for year in range(int(recent_dt[:4]), int(first_dt[:4]) - 1, -1):
        left = [dt for dt in bucket.days(series, year) if first_dt <= dt < recent_dt]
        while left:
            size = min(size * _GROWTH, most)
            left, batch = left[:-size], left[-size:]
            yield from _batch(bucket, series, batch[0], batch[-1])


def _batch(bucket: Bucket, series: Series, first_dt: str, last_dt: str) -> Iterator[StoredObject]:
    held = latest_by_label(bucket.exports(series, first_dt, last_dt))
    yield from (held[label] for label in sorted(held, reverse=True))


def _days_before(dt: str, days: int) -> str:
    moment = date.fromisoformat(dt)
    return (moment - min(timedelta(days), moment - date.min)).isoformat()


def _listed(
    bucket: Bucket, series: Series, query: ExportsQuery, settings: ApiSettings, days: int
) -> Iterator[ListedExport]:
    calendar = settings.calendar(series.granularity)
    time_range = query.time_ranges[series.granularity]
    first = calendar.containing(time_range.start).dt
    last = calendar.containing(time_range.end - _INSTANT).dt
    if query.after:
        last = min(last, calendar.containing(query.after.window.start).dt)
    for stored in newest_first(
        bucket, series, first, last, today=query.today[series.granularity], days=days
    ):
        try:
            window = calendar.window(stored.parsed.label)
        except WindowError:
            continue
        position = Position(series, window)
        if settings.exporter.retention.is_expired(window, query.now):
            return  # and so have all that are older
        passed = query.after is None or position.order > query.after.order
        if passed and time_range.touches(window):
            yield ListedExport(position, stored)


def _started(iterators: list[Iterator[ListedExport]]) -> list[Iterator[ListedExport]]:
    """Return the same iterators, with the first element of each fetched concurrently."""
    with ThreadPoolExecutor(_CONCURRENT_SERIES) as pool:
        firsts = list(pool.map(lambda each: list(islice(each, 1)), iterators))
    return [chain(first, rest) for first, rest in zip(firsts, iterators, strict=True)]
