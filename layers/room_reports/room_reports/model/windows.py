"""Windows: the half-open intervals of time that reports are exported for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from room_reports.model.errors import WindowError

_HOUR_LABEL = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2})Z", re.ASCII)
_DAY_LABEL = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}", re.ASCII)
"""How a timestamp begins. ``20260901`` is ISO 8601 as well, but more often a typing error."""
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


class Granularity(StrEnum):
    """The length of a window."""

    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True, order=True)
class Window:
    """The half-open interval ``[start, end)``, both aware datetimes in UTC."""

    start: datetime
    end: datetime
    granularity: Granularity
    label: str
    """``2026-11-22`` for a day, ``2026-11-22T13Z`` for an hour."""

    @property
    def dt(self) -> str:
        """The value of the ``dt`` partition: the local day's date, or the hour's date in UTC."""
        return self.label[:10]

    def __str__(self) -> str:
        return f"{self.granularity} {self.label}"


@dataclass(frozen=True)
class TimeRange:
    """The half-open interval ``[start, end)``, both aware datetimes."""

    start: datetime
    end: datetime

    def touches(self, window: Window) -> bool:
        """Return whether the window overlaps this interval."""
        return window.start < self.end and window.end > self.start


@dataclass(frozen=True)
class Calendar:
    """Divides time into the windows of one granularity.

    Days are those of ``zone``. A day has 23 or 25 hours when the zone's clocks change, and does
    not exist if the zone skipped the date. Hours are in UTC, regardless of the zone.
    """

    granularity: Granularity
    zone: ZoneInfo

    def window(self, label: str) -> Window:
        """Return the window with this label.

        Raises:
            WindowError: If the text is not a label, or names a day that the zone skipped.
        """
        if self.granularity is Granularity.HOUR:
            match = _HOUR_LABEL.fullmatch(label)
            if not match:
                raise WindowError(f"{label!r} is not an hour: write it like 2026-11-22T13Z")
            try:
                start = datetime.combine(
                    date.fromisoformat(match[1]), time(int(match[2])), tzinfo=UTC
                )
                return self._hour(start)
            except (ValueError, OverflowError) as error:
                raise WindowError(f"{label!r} is not an hour: {error}") from error
        window = self._day(parse_date(label))
        if window.start == window.end:
            raise WindowError(
                f"{label} does not exist in {self.zone.key}: the time zone skipped that date"
            )
        return window

    def containing(self, moment: datetime) -> Window:
        """Return the window that contains ``moment``, an aware datetime."""
        if self.granularity is Granularity.HOUR:
            return self._hour(moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0))
        window = self._day(moment.astimezone(self.zone).date())
        # If clocks go back over midnight, the date occurs again after the next day has begun.
        while window.end <= moment:
            window = self._day(_day_after(window))
        return window

    def before(self, window: Window) -> Window:
        """Return the window that ends where ``window`` starts."""
        return self.containing(window.start - timedelta(microseconds=1))

    def overlapping(self, start: datetime, end: datetime) -> Iterator[Window]:
        """Yield all windows that overlap ``[start, end)``, oldest first."""
        if start >= end:
            return
        window = self.containing(start)
        while window.start < end:
            if window.start < window.end:
                yield window
            window = (
                self._hour(window.end)
                if self.granularity is Granularity.HOUR
                else self._day(_day_after(window))
            )

    def moment(self, text: str) -> datetime:
        """Return the point in time, in UTC, that a date or an ISO 8601 timestamp names.

        A date is the start of that day on this calendar. A timestamp without an offset is in UTC.

        Raises:
            WindowError: If the text is neither a date nor a timestamp.
        """
        if _DAY_LABEL.fullmatch(text):
            day = parse_date(text)
            if self.granularity is Granularity.HOUR:
                return datetime.combine(day, time(), tzinfo=UTC)
            return self._midnight(day)
        return parse_timestamp(text)

    def _hour(self, start: datetime) -> Window:
        label = f"{start.date().isoformat()}T{start.hour:02}Z"
        return Window(start, start + _HOUR, Granularity.HOUR, label)

    def _day(self, day: date) -> Window:
        if day == date.max:
            raise WindowError(f"{day} is out of range")
        start, end = self._midnight(day), self._midnight(day + _DAY)
        return Window(start, end, Granularity.DAY, day.isoformat())

    def _midnight(self, day: date) -> datetime:
        # If midnight does not exist, the offset before the change gives the moment of the change.
        # If it exists twice, the first one counts.
        try:
            return datetime.combine(day, time(), tzinfo=self.zone).astimezone(UTC)
        except OverflowError as error:
            raise WindowError(f"{day} is out of range") from error


def parse_date(text: str) -> date:
    """Return the date that ``YYYY-MM-DD`` names.

    Raises:
        WindowError: If the text is not a date in this format.
    """
    if not _DAY_LABEL.fullmatch(text):
        raise WindowError(f"{text!r} is not a date: write it like 2026-11-22")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise WindowError(f"{text!r} is not a date: {error}") from error


def parse_timestamp(text: str) -> datetime:
    """Return the point in time, in UTC, that an ISO 8601 timestamp names.

    A timestamp without an offset is in UTC.

    Raises:
        WindowError: If the text is not a timestamp.
    """
    try:
        moment = datetime.fromisoformat(text if _TIMESTAMP.match(text) else "")
    except ValueError as error:
        raise WindowError(
            f"{text!r} is neither a date like 2026-11-22 nor a timestamp like 2026-11-22T13:00:00Z"
        ) from error
    try:
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except OverflowError as error:
        raise WindowError(f"{text!r} is out of range") from error


def iso(moment: datetime) -> str:
    """Return ``moment`` as ISO 8601 in UTC with whole seconds, such as ``2026-11-22T13:00:00Z``."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _day_after(window: Window) -> date:
    return date.fromisoformat(window.label) + _DAY
