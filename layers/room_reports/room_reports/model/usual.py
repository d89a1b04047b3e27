"""What is usual in a region: figures of its day files, and those of the weeks before.

Days on which a check has found something are no measure of what is usual, so that a change that
lasts is found on each of its days. They count if hardly any others are left: after some weeks, or
where it has always been so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite, sqrt
from statistics import median

from room_reports.model.day_files import DayFile, Rows, finding_codes
from room_reports.model.findings import FEW_SESSIONS
from room_reports.model.freshness import State
from room_reports.model.reports import ATTENDEES, ROOM_DATA

WEEKS = 6
"""How many weeks the usual of a weekday is taken from."""
HISTORY_DAYS = 84
"""How many days before a day are looked at."""
_DAYS_OF_RATIO = 30
"""Days with data that the usual of a ratio is taken from, at most."""
FEWEST_SESSIONS = 10
FEWEST_ROWS = 50
"""Rows that a share of a file needs to mean anything."""
_FEWEST_WEEKS = 4
_LOW_SHARE = 0.4
"""Of the usual sessions of the weekday; below, a day is far below the usual."""
_BUSY_SHARE = 0.3
"""Of the usual sessions of the busiest weekday; a quieter one, such as Sunday, is not compared."""
_DEVIATIONS = 4.0
"""Standard deviations of a Poisson distribution."""


@dataclass(frozen=True)
class Usual:
    """The figures of a region's day files."""

    rows: Rows
    """The rows of the index, from some weeks before the first day that is asked for."""

    def sessions(self, report: str, dt: str) -> float | None:
        """Return the sessions of a file; None if it is open or not known."""
        row = self.rows.get((dt, report))
        return known(row.sessions) if row and row.state != State.OPEN else None

    def expected_sessions(self, report: str, dt: str) -> float | None:
        """Return the usual sessions of a day's weekday; None without enough of a history.

        Days on which few sessions were found do not count, acknowledged or not. It is the median of
        the highest four of six weeks, so that a break lowers it late where nothing was found.
        """
        weeks = [(earlier(dt, 7 * week), week) for week in range(1, HISTORY_DAYS // 7 + 1)]
        known_weeks = [
            (day, week, each)
            for day, week in weeks
            if (each := self.sessions(report, day)) is not None
        ]
        clean = [each for day, _, each in known_weeks if not self._had_few(report, day)]
        usual = clean[:WEEKS]
        if len(usual) < _FEWEST_WEEKS:
            usual = [each for _, week, each in known_weeks if week <= WEEKS]
        highest = sorted(usual)[-_FEWEST_WEEKS:]
        return median(highest) if len(highest) == _FEWEST_WEEKS else None

    def _had_few(self, report: str, dt: str) -> bool:
        row = self.rows[dt, report]
        return FEW_SESSIONS in finding_codes(row.other_findings) | finding_codes(row.acknowledged)

    def is_low(self, report: str, dt: str) -> bool:
        """Return whether a day has far fewer sessions than usual."""
        sessions, expected = self.sessions(report, dt), self.expected_sessions(report, dt)
        if sessions is None or expected is None or not self._is_busy(report, dt):
            return False
        return (
            sessions < _LOW_SHARE * expected
            # Of so few sessions, none at all can be chance.
            and expected - sessions >= _DEVIATIONS * sqrt(expected)
        )

    def goes_on(self, report: str, dt: str) -> bool:
        """Return whether the working day before is low as well, and not acknowledged."""
        days = (earlier(dt, before) for before in range(1, 8))
        day = next((day for day in days if self._is_busy(report, day)), None)
        if day is None or not self.is_low(report, day):
            return False
        return FEW_SESSIONS not in finding_codes(self.rows[day, report].acknowledged)

    def _is_busy(self, report: str, dt: str) -> bool:
        """Return whether a weekday usually has enough sessions to tell when some are missing."""
        week = (self.expected_sessions(report, earlier(dt, before)) for before in range(7))
        several = [each for each in week if each is not None]
        expected = self.expected_sessions(report, dt)
        return expected is not None and expected >= _BUSY_SHARE * max(several)

    def unpaired(self, report: str, dt: str) -> float | None:
        """Return how many sessions of a report the other report does not have, if it is known."""
        row = self.rows.get((dt, report))
        return known(row.unpaired) if row else None

    def attendees_per_session(self, dt: str) -> float | None:
        """Return the rows of attendees for each session of room_data, if there are some."""
        row, sessions = self.rows.get((dt, ATTENDEES.slug)), self.sessions(ROOM_DATA.slug, dt)
        if row is None or not sessions or sessions < FEWEST_SESSIONS:
            return None
        return number(row.rows) / sessions

    def minutes_per_attendee(self, dt: str) -> float | None:
        """Return the minutes for each row of attendees, if there are some."""
        row = self.rows.get((dt, ATTENDEES.slug))
        return minutes_per_row(row) if row else None

    def of_ratio(
        self, report: str, code: str, dt: str, fewest: int, ratio: Callable[[str], float | None]
    ) -> float | None:
        """Return the median of a figure over the days before; None without enough of a history.

        Args:
            report: The report whose files have the findings.
            code: Days with a finding of this code are left out, if ``fewest`` others are left.
            fewest: Days with data that are enough of a history.
            ratio: Returns the figure of a day.
        """
        found, clean = list[float](), list[float]()
        for before in range(1, HISTORY_DAYS + 1):
            day = earlier(dt, before)
            if (each := ratio(day)) is not None:
                found.append(each)
                if not self.has_finding(report, day, code):
                    clean.append(each)
            if len(clean) == _DAYS_OF_RATIO:
                break
        usual = clean if len(clean) >= fewest else found
        return median(usual) if len(usual) >= fewest else None

    def has_finding(self, report: str, dt: str, *codes: str) -> bool:
        """Return whether a file has a finding of one of these codes that is not acknowledged."""
        row = self.rows.get((dt, report))
        return bool(row and finding_codes(row.findings) & set(codes))


def earlier(dt: str, days: int) -> str:
    """Return the day some days before a day."""
    return (date.fromisoformat(dt) - timedelta(days=days)).isoformat()


def minutes_per_row(row: DayFile) -> float | None:
    """Return the minutes for each row of a file, if there are enough of them."""
    rows, minutes = number(row.rows), known(row.minutes)
    return minutes / rows if minutes is not None and rows >= FEWEST_ROWS else None


def known(text: str) -> float | None:
    """Return the number that a value of the index is; None if it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def number(text: str) -> float:
    """Return the number that a value of the index is; 0 if it is none."""
    return known(text) or 0.0
