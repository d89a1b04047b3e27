"""EventBridge's schedule expressions: what they mean, and when the next run is.

Source: the EventBridge user guide, "Using cron expressions" and "rate expressions". All times are
in UTC.
"""

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from room_reports_command.errors import InputError

_RATE = re.compile(r"rate\((?:(1) (minute|hour|day)|((?!1 )[1-9][0-9]*) (minute|hour|day)s)\)")
"""The unit is in the singular for 1, and only then."""
_CRON = re.compile(r"cron\(([^()]+)\)")
_UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LAST_YEAR = 2199
_YEARS_AHEAD = 9
"""A 29 February can be eight years away."""

Matches = Callable[[datetime], bool]


@dataclass(frozen=True)
class Rate:
    """A schedule that repeats after a fixed time."""

    every: timedelta

    def next_after(self, moment: datetime, last_run: datetime | None = None) -> datetime:
        """Return the first run after ``moment``, as far as the last run tells."""
        if last_run is None or last_run > moment:
            return moment + self.every
        return last_run + self.every * ((moment - last_run) // self.every + 1)


@dataclass(frozen=True)
class Cron:
    """A schedule of minutes, hours, days, months and years."""

    minutes: frozenset[int]
    hours: frozenset[int]
    day_matches: Matches
    months: frozenset[int]
    years: frozenset[int]

    def next_after(self, moment: datetime, last_run: datetime | None = None) -> datetime | None:  # noqa: ARG002
        """Return the first run after ``moment``; None if there is none any more."""
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        for _ in range(366 * _YEARS_AHEAD):
            if day.year in self.years and day.month in self.months and self.day_matches(day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        run = day.replace(hour=hour, minute=minute)
                        if run > moment:
                            return run
            day += timedelta(days=1)
        return None


Schedule = Rate | Cron


def parse_schedule(text: str) -> Schedule:
    """Return the schedule that an expression means.

    Raises:
        InputError: If EventBridge would refuse the expression, or never run it.
    """
    if match := _RATE.fullmatch(text):
        return Rate(int(match[1] or match[3]) * _UNITS[match[2] or match[4]])
    match = _CRON.fullmatch(text)
    fields = match[1].split() if match else []
    if len(fields) != 6:
        raise _wrong(
            text,
            "it is neither rate(1 hour) or rate(n hours), with minutes, hours or days, "
            "nor cron() with six fields",
        )
    minutes, hours, days, months, weekdays, years = fields
    if (days == "?") == (weekdays == "?"):
        raise _wrong(text, "exactly one of day-of-month and day-of-week must be ?")
    try:
        return Cron(
            minutes=_numbers(minutes, 0, 59),
            hours=_numbers(hours, 0, 23),
            day_matches=_days(days) if weekdays == "?" else _weekdays(weekdays),
            months=_numbers(months, 1, 12, _MONTHS),
            years=_numbers(years, 1970, _LAST_YEAR),
        )
    except ValueError as error:
        raise _wrong(text, str(error)) from error


def _wrong(text: str, why: str) -> InputError:
    return InputError(
        f"The schedule {text!r} is wrong: {why}.",
        "Correct the parameter ScheduleExpression, for example to cron(7 * * * ? *).",
    )


def _numbers(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    """Return the numbers that a field means; names stand for ``low`` and on."""
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            first, last = low, high
        elif "-" in span:
            first, last = (_number(each, low, high, names) for each in span.split("-", 1))
        else:
            first = _number(span, low, high, names)
            last = high if step else first
        if step and not (step.isdigit() and int(step)):
            raise ValueError(f"{part!r} has a step that is not a number")
        if first <= last:
            numbers = [*range(first, last + 1)]
        else:  # FRI-MON goes over the end
            numbers = [*range(first, high + 1), *range(low, last + 1)]
        found.update(numbers[:: int(step or 1)])
    return frozenset(found)


def _number(text: str, low: int, high: int, names: tuple[str, ...]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + low
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise ValueError(f"{text!r} is not a number from {low} to {high}")
    return int(text)


def _days(text: str) -> Matches:
    """Return whether a day matches a day-of-month field."""
    if text == "L":
        return lambda day: day.day == _days_in(day)
    if text.endswith("W"):
        wanted = _number(text[:-1], 1, 31, ())
        return lambda day: day.day == _nearest_weekday(day, wanted)
    numbers = _numbers(text, 1, 31)
    return lambda day: day.day in numbers


def _weekdays(text: str) -> Matches:
    """Return whether a day matches a day-of-week field; Sunday is 1."""
    if "#" in text:
        name, _, place = text.partition("#")
        wanted, nth = _number(name, 1, 7, _WEEKDAYS), _number(place, 1, 5, ())
        return lambda day: _weekday(day) == wanted and (day.day - 1) // 7 + 1 == nth
    if text.endswith("L") and text != "L":
        wanted = _number(text[:-1], 1, 7, _WEEKDAYS)
        return lambda day: _weekday(day) == wanted and day.day > _days_in(day) - 7
    numbers = frozenset({7}) if text == "L" else _numbers(text, 1, 7, _WEEKDAYS)
    return lambda day: _weekday(day) in numbers


def _weekday(day: datetime) -> int:
    return day.isoweekday() % 7 + 1


def _days_in(day: datetime) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_weekday(day: datetime, wanted: int) -> int:
    """Return the day of the month of the weekday that is nearest to ``wanted``."""
    length = _days_in(day)
    if wanted > length:
        return 0
    weekday = day.replace(day=wanted).isoweekday()
    if weekday == 6:
        return wanted - 1 if wanted > 1 else wanted + 2
    if weekday == 7:
        return wanted + 1 if wanted < length else wanted - 2
    return wanted
