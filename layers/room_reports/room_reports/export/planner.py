"""Planning: which windows are due.

A pure function of the time, the settings and what the bucket holds. A plan keeps a few bytes for
each due window, so that ten years of hours fit into a small function.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from room_reports.export.scope import Scope
from room_reports.model.freshness import milestones
from room_reports.model.reports import Report
from room_reports.model.windows import Calendar, Window
from room_reports.storage.keys import Series
from room_reports.storage.objects import StoredObject

_GZIP, _STORED, _FLAGS = 1, 2, 4


@dataclass(frozen=True)
class Share:
    """The part of the windows that one of several runs at the same time exports first."""

    number: int = 0
    """The run's place among those, from 0."""
    runs: int = 1

    def includes(self, start: int) -> bool:
        """Return whether the window that starts at a Unix time is in this part."""
        # Multiplicative hashing spreads days as well as hours evenly over the runs.
        mixed = start // 3600 * _MULTIPLIER % 2**32
        return mixed * self.runs >> 32 == self.number


ALL_WINDOWS = Share()
"""The share of a run that works alone."""
_MULTIPLIER = 2_654_435_761
"""2**32 divided by the golden ratio, as a prime."""


class Reason(IntEnum):
    """Why a task is due; the lowest value is the most urgent."""

    MISSING = 0
    """It has not been exported since it ended."""
    RECUT = 1
    """It was exported with other bounds than those of today's settings."""
    SETTLE = 2
    """It has settled since it was exported."""
    OPEN = 3
    """It has not ended, and open windows are exported."""
    FORCED = 4
    """An event asks for it although it is settled."""
    SAMPLE = 5
    """It has settled and is not due; it is asked for to learn whether data came late."""
    NEIGHBOUR = 6
    """The same, because a sample beside it was different."""


_DUE = tuple(reason for reason in Reason if reason < Reason.SAMPLE)
"""The reasons of what a plan holds."""


@dataclass(frozen=True)
class Task:
    """One report of one region for one window, due to be exported."""

    report: Report
    series: Series
    window: Window
    reason: Reason
    key: str
    forced: bool = False
    """Whether an event forces it, which also accepts fewer rows than before."""
    replaces: bool = False
    """Whether the bucket already holds an object under this key."""
    since: datetime | None = None
    """Of a sample: it is done if its object was written since then."""

    @property
    def is_sample(self) -> bool:
        """Whether it is not due, and only shows whether data came late."""
        return self.reason in (Reason.SAMPLE, Reason.NEIGHBOUR)

    @property
    def gzip(self) -> bool:
        """Whether the object is compressed."""
        return self.key.endswith(".gz")

    def __str__(self) -> str:
        return f"{self.series.slug} {self.series.region} {self.window}"


@dataclass(frozen=True)
class MadeWith:
    """How an object was made, compared with today's settings."""

    other_bounds: bool = False
    """Whether its window had other bounds."""
    other_filters: bool = False
    other_privacy: bool = False
    """Whether other columns were dropped or replaced, or with another key."""

    def is_chosen(self, scope: Scope) -> bool:
        """Return whether a run that looks only at objects made otherwise looks at this one."""
        return (scope.other_filters and self.other_filters) or (
            scope.other_privacy and self.other_privacy
        )


@dataclass(frozen=True)
class Due:
    """A window that is due and has not been exported."""

    window: Window
    reason: Reason
    since: datetime
    """The milestone from which on it is due."""


@dataclass
class SeriesPlan:
    """The due windows of one series, in the order in which they are to be exported."""

    report: Report
    series: Series
    calendar: Calendar
    settle: timedelta
    gzip: bool
    """Whether new objects are compressed."""
    forced: bool
    share: Share = Share()
    expired: int = 0
    """Windows whose files are not kept any more."""
    skipped: int = 0
    """Windows that are as fresh as they can be now."""
    duplicates: list[StoredObject] = field(default_factory=list)
    """Objects of windows that have a newer object under another key."""
    other_filters: list[str] = field(default_factory=list)
    """Labels of windows whose files are known to have been made with other filters."""
    other_privacy: list[str] = field(default_factory=list)
    """The same for other privacy settings."""
    _groups: dict[tuple[bool, Reason], "array[int]"] = field(
        default_factory=lambda: {
            (other, reason): array("q") for other in (False, True) for reason in _DUE
        }
    )
    """The due windows, oldest first, by whether they belong to another run, and by reason.

    Each is four times the Unix time of its start, plus flags.
    """
    _first: int = 0
    _last: int = 0

    def __len__(self) -> int:
        return self._total() - self._first - self._last

    def add(self, window: Window, reason: Reason, stored: StoredObject | None) -> None:
        """Add a window that is due; windows must be added oldest first."""
        # A window keeps the key that it has, so that a change of Compression never leaves it
        # there twice.
        gzip = stored.parsed.gzip if stored else self.gzip
        flags = gzip * _GZIP + (stored is not None) * _STORED
        start = int(window.start.timestamp())
        other = not self.share.includes(start)
        self._groups[other, reason].append(start * _FLAGS + flags)

    def take_first(self) -> Task:
        """Return the first task and remove it."""
        self._first += 1
        return self._task(self._first - 1)

    def take_last(self) -> Task:
        """Return the last task and remove it."""
        self._last += 1
        return self._task(self._total() - self._last)

    def remaining(self) -> Iterator[Due]:
        """Yield the windows that have not been taken, in their order."""
        for place in range(self._first, self._first + len(self)):
            task = self._task(place)
            yield self.due(task)

    def due(self, task: Task) -> Due:
        """Return since when a task is due."""
        end, settled = milestones(task.window, self.settle)
        return Due(task.window, task.reason, settled if task.reason is Reason.SETTLE else end)

    def _total(self) -> int:
        return sum(map(len, self._groups.values()))

    def _task(self, place: int) -> Task:
        for (other, reason), due in self._groups.items():
            if place < len(due):
                # The newest first; of the other run's, the ones that it comes to last.
                start, flags = divmod(due[place if other else -1 - place], _FLAGS)
                window = self.calendar.containing(datetime.fromtimestamp(start, UTC))
                key = self.series.key(window, gzip=bool(flags & _GZIP))
                replaces = bool(flags & _STORED)
                return Task(self.report, self.series, window, reason, key, self.forced, replaces)
            place -= len(due)
        raise IndexError(place)


Plan = Mapping[Series, SeriesPlan]


def plan_series(
    scope: Scope,
    report: Report,
    series: Series,
    stored: Iterable[StoredObject],
    settle: timedelta,
    *,
    gzip: bool,
    inspect: Callable[[StoredObject, Window], "MadeWith"] = lambda _, __: MadeWith(),
    share: Share = Share(),
) -> SeriesPlan:
    """Return what is due of one series within ``scope``, given what the bucket holds of it.

    A window is due when it is missing, or was last written before the latest of its milestones
    that has passed. The newest missing windows come first, then older ones, then those that were
    cut differently, then those that have settled since they were written, then the open ones,
    then those that were only forced. A window that has expired is never due.

    Args:
        stored: The objects of the series, ordered by key.
        gzip: Whether new objects are compressed.
        inspect: Returns how an object was made, compared with today's settings.
        share: The windows that come first, when several runs work at the same time.
    """
    calendar = scope.time_ranges[series.granularity].calendar
    planned = SeriesPlan(report, series, calendar, settle, gzip, scope.force, share)
    objects = _by_window(stored, planned.duplicates)
    held = next(objects, None)
    for window in scope.windows(series.granularity):
        if scope.is_expired(window):
            planned.expired += 1
            continue
        while held and held.parsed.label < window.label:
            held = next(objects, None)
        item = held if held and held.parsed.label == window.label else None
        if item is None and scope.missing_since and window.end <= scope.missing_since:
            continue
        made_with = inspect(item, window) if item else MadeWith()
        if made_with.other_filters:
            planned.other_filters.append(window.label)
        if made_with.other_privacy:
            planned.other_privacy.append(window.label)
        reason = _reason(window, settle, item, scope)
        if scope.other_filters or scope.other_privacy:
            reason = Reason.FORCED if made_with.is_chosen(scope) else None
        elif made_with.other_bounds and reason is not Reason.MISSING:
            reason = Reason.RECUT
        if reason is None:
            planned.skipped += 1
        else:
            planned.add(window, reason, item)
    return planned


def _by_window(
    stored: Iterable[StoredObject], duplicates: list[StoredObject]
) -> Iterator[StoredObject]:
    """Yield the newest object of each window; the keys of one window follow each other."""
    latest: StoredObject | None = None
    for item in stored:
        if latest and latest.parsed.label == item.parsed.label:
            older, latest = sorted((latest, item), key=lambda each: each.last_modified)
            duplicates.append(older)
            continue
        if latest:
            yield latest
        latest = item
    if latest:
        yield latest


def _reason(
    window: Window, settle: timedelta, stored: StoredObject | None, scope: Scope
) -> Reason | None:
    passed = [moment for moment in milestones(window, settle) if moment <= scope.now]
    since = scope.written_before
    written_since = bool(stored and since and stored.last_modified >= since)
    if not passed:
        return None if written_since else Reason.OPEN
    if stored is None:
        return Reason.MISSING
    if stored.last_modified < passed[-1]:
        return Reason.MISSING if stored.last_modified < passed[0] else Reason.SETTLE
    return Reason.FORCED if scope.force and not written_since else None
