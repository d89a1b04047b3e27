"""When a person was enrolled in a course: days, from the events of the enrolment log."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Event:
    """An enrolment or a withdrawal."""

    moment: datetime
    log_id: int
    """Decides the order of events at the same moment."""
    role: str
    """The role that the person has from then on; None of a withdrawal is of interest."""
    enrolled: bool


@dataclass(frozen=True)
class Stay:
    """A time during which a person had one role in a course."""

    role: str
    start: datetime
    end: datetime | None
    """None if it has not ended."""


@dataclass(frozen=True)
class Period:
    """Days during which a person is on a roster with one role."""

    role: str
    start: date
    end: date | None
    """The day after the last one; None if it has not ended."""


def stays(events: Iterable[Event]) -> tuple[list[Stay], int]:
    """Return the stays of one person in one course, oldest first, and how many beginnings lack.

    A beginning lacks if a withdrawal has no enrolment before it, as in a log that begins later.
    An enrolment with another role during a stay ends it and begins another one.
    """
    found: list[Stay] = []
    lacking = 0
    current: Stay | None = None
    for event in sorted(events, key=lambda each: (each.moment, each.log_id)):
        if current and (not event.enrolled or event.role != current.role):
            found.append(replace(current, end=event.moment))
            current = None
        elif not event.enrolled:
            lacking += 1
        if event.enrolled and current is None:
            current = Stay(event.role, event.moment, None)
    return [*found, *([current] if current else [])], lacking


def periods(found: Iterable[Stay], zone: tzinfo, *, whole_days: bool = False) -> list[Period]:
    """Return the days of some stays of one person in one course, without overlaps.

    Args:
        zone: The time zone of the days.
        whole_days: Whether only days count on which the person was enrolled from the beginning of
            the day to its end. Otherwise each day counts on which the person was enrolled at all;
            if the role changed on it, with the later role.
    """
    merged: list[Period] = []
    for each in _days(found, zone, whole_days=whole_days):
        if merged and merged[-1].role != each.role and _end(merged[-1]) > each.start:
            last = replace(merged.pop(), end=each.start)
            merged += [last] if last.start < each.start else []
        if merged and merged[-1].role == each.role and _end(merged[-1]) >= each.start:
            merged[-1] = replace(merged[-1], end=each.end)
        else:
            merged.append(each)
    return merged


def _end(period: Period) -> date:
    return period.end or date.max


def _days(found: Iterable[Stay], zone: tzinfo, *, whole_days: bool) -> Iterator[Period]:
    for stay in found:
        start, at_midnight = _local(stay.start, zone)
        if whole_days and not at_midnight:
            start += _DAY
        end = None
        if stay.end:
            end, at_midnight = _local(stay.end, zone)
            if not whole_days and not at_midnight:
                end += _DAY
        if end is None or start < end:
            yield Period(stay.role, start, end)


def _local(moment: datetime, zone: tzinfo) -> tuple[date, bool]:
    """Return the day of a moment, and whether it is the day's first moment."""
    there = moment.astimezone(zone)
    first = datetime(there.year, there.month, there.day, tzinfo=zone)
    return there.date(), there.timestamp() <= first.timestamp()
