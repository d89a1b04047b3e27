"""What is usual in a region: figures of its day files, and those of the weeks before.

Days on which a check has found something are no measure of what is usual, so that a change that
lasts is found on each of its days. They count if hardly any others are left: after some weeks, or
where it has always been so, such as on one day of the week.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite, sqrt
from statistics import median
from typing import TypeVar

from room_reports.model.day_files import DayFile, Rows, finding_codes
from room_reports.model.findings import FEW_SESSIONS, USER_ID_FORM
from room_reports.model.freshness import State
from room_reports.model.reports import ATTENDEES, ROOM_DATA
from room_reports.model.user_ids import parse_shares

T = TypeVar("T")

WEEKS = 6
"""How many weeks the usual of a weekday is taken from."""
HISTORY_DAYS = 84
"""How many days before a day are looked at."""
_DAYS_OF_RATIO = 30
"""Days with data that the usual of a ratio is taken from, at most."""
FEWEST_SESSIONS = 10
FEWEST_ROWS = 50
"""Rows that a share of a file needs to mean anything."""
FEWEST_DAYS = 8
"""Days with data that a ratio's usual needs, so that each weekday may have been among them."""
_FEWEST_USERS = 20
_FEWEST_WEEKS = 4
_LAST_DAYS = 3
"""Days before a day whose users its users are compared with."""
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

    def unknown_share(self, dt: str) -> float | None:
        """Return the share of the users of all sessions that have no row of their own.

        All users of a session whom Kaltura does not know are one row of attendees, and room_data
        counts each of them. None unless both files are settled, and ask for the same sessions.
        """
        row, rooms = self.rows.get((dt, ATTENDEES.slug)), self.rows.get((dt, ROOM_DATA.slug))
        if row is None or rooms is None or known(row.unpaired) is None:
            return None
        users, unknown = known(rooms.session_users), known(row.unknown_rows)
        if unknown is None or users is None or users < FEWEST_ROWS:
            return None
        return max(0.0, 1 - (number(row.rows) - unknown) / users)

    def of_ratio(
        self,
        report: str,
        code: str,
        dt: str,
        fewest: int,
        ratio: Callable[[str], float | None],
        *,
        lenient: Callable[[Iterable[float]], float],
    ) -> float | None:
        """Return the median of a figure over the days before; None without enough of a history.

        It is that of the same weekday. A week has its own pattern: fewer people on a Saturday, or
        short classes on a Friday. While few days of the weekday are known, it is the one of two
        medians by which less is found: that of all days, and that of these days.

        Args:
            report: The report whose files have the findings.
            code: Days with a finding of this code are left out, if enough others are left.
            fewest: Days with data that are enough of a history.
            ratio: Returns the figure of a day.
            lenient: Chooses from medians that by which less is found.
        """
        of_weekday = self._of_weekday(report, code, dt, ratio)
        if of_weekday and len(of_weekday) >= _FEWEST_WEEKS:
            return median(of_weekday)
        clean, found = self._before(report, code, dt, 1, ratio)
        usual = clean if len(clean) >= fewest else found
        # After a week, a weekday without a figure is another kind of day than those with one.
        if len(usual) < fewest or (len(usual) >= FEWEST_DAYS and of_weekday is None):
            return None
        return lenient([median(each) for each in (usual, of_weekday) if each])

    def of_forms(self, dt: str) -> list[list[Mapping[str, int]]]:
        """Return the shares of forms of user ids that those of a day are compared with.

        They are those of the same weekday and of the last days. An operator changes the form of
        all ids on one day, so that the last days tell sooner what is usual since. None without
        enough of a history.
        """
        report, code = ATTENDEES.slug, USER_ID_FORM
        clean, found = self._before(report, code, dt, 1, self.forms)
        if len(found) < FEWEST_DAYS:
            return []
        of_weekday = self._of_weekday(report, code, dt, self.forms)
        if of_weekday is None:
            return []
        return [each for each in ((clean or found)[:_LAST_DAYS], of_weekday) if each]

    def forms(self, dt: str) -> Mapping[str, int] | None:
        """Return the shares of the forms of user ids, in percent, if there are enough users."""
        row = self.rows.get((dt, ATTENDEES.slug))
        if row is None or row.state == State.OPEN or number(row.users) < _FEWEST_USERS:
            return None
        return parse_shares(row.user_forms) or None

    def _of_weekday(
        self, report: str, code: str, dt: str, figure: Callable[[str], T | None]
    ) -> list[T] | None:
        """Return the figures of the last weeks; None if no day of the weekday has one.

        Days with a finding are left out, unless no other is known: then that is how the weekday
        is.
        """
        clean, found = self._before(report, code, dt, 7, figure)
        usual = found if not clean and len(found) >= _FEWEST_WEEKS else clean
        return usual[:WEEKS] if found else None

    def _before(
        self, report: str, code: str, dt: str, step: int, figure: Callable[[str], T | None]
    ) -> tuple[list[T], list[T]]:
        """Return a figure of the days before, without those with a finding and with them.

        Args:
            step: 1 for each day, and 7 for each week.
        """
        clean, found = list[T](), list[T]()
        for before in range(step, HISTORY_DAYS + 1, step):
            day = earlier(dt, before)
            if (each := figure(day)) is not None:
                found.append(each)
                if not self.has_finding(report, day, code):
                    clean.append(each)
            if len(clean) == _DAYS_OF_RATIO:
                break
        return clean, found

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
