"""The quality checks: whether a day file looks incomplete, compared with others of its region.

Pure functions of what the index of day files and the metadata of a few files say. A check compares
a file with its own history. It says nothing where there is too little of it, so that a new
deployment and a small account raise no alarms.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import isfinite, sqrt
from statistics import median
from typing import Any

from room_reports.model.day_files import DayFile, Rows
from room_reports.model.freshness import State
from room_reports.model.reports import ATTENDEES, ROOM_DATA
from room_reports.model.windows import Granularity

SESSIONS_WITHOUT_ATTENDEES = "SESSIONS_WITHOUT_ATTENDEES"
ATTENDEES_WITHOUT_SESSION = "ATTENDEES_WITHOUT_SESSION"
FEW_SESSIONS = "FEW_SESSIONS"
FEW_ATTENDEES = "FEW_ATTENDEES"
FEW_MINUTES = "FEW_MINUTES"
DUPLICATE_KEYS = "DUPLICATE_KEYS"
UNKNOWN_USERS = "UNKNOWN_USERS"
USER_ID_FORM = "USER_ID_FORM"
CODES = (
    *(SESSIONS_WITHOUT_ATTENDEES, ATTENDEES_WITHOUT_SESSION, FEW_SESSIONS, FEW_ATTENDEES),
    *(FEW_MINUTES, DUPLICATE_KEYS, UNKNOWN_USERS, USER_ID_FORM),
)

WEEKS = 6
"""How many weeks before a day its weekday's usual is taken from."""
HISTORY_DAYS = 7 * WEEKS + 7
"""How many days before a day the index is needed for."""
_FEWEST_WEEKS = 4
_FEWEST_DAYS = 8
"""Days with data that a ratio's usual needs, of the six weeks before."""
_FEWEST_SURPLUSES = 3
"""Days before it can be usual that some sessions are in one of both reports only."""
_RECENT = 42
_LOW_SHARE = 0.4
"""Of the usual sessions of the weekday; below, a day is far below the usual."""
_LOW_RATIO = 0.5
"""Of the usual attendees for each session, or minutes for each attendee."""
_BUSY_SHARE = 0.3
"""Of the usual sessions of the busiest weekday; a quieter one, such as Sunday, is not compared."""
_DEVIATIONS = 4.0
"""Standard deviations of a Poisson distribution."""
_FEWEST_SESSIONS = 10
_FEWEST_ROWS = 50
"""Rows that a share of a file needs to mean anything."""
REFERENCES = 3
"""Earlier files whose users a file's users are compared with."""
_REFERENCE_DAYS = 14
_MORE_UNKNOWN = 0.2
_FEWEST_USERS = 20
_OTHER_FORMS = 0.3


@dataclass(frozen=True)
class Finding:
    """Something about a file that looks wrong."""

    code: str
    report: str
    region: str
    granularity: str
    start: str
    """The label of the file's window."""
    text: str
    """One sentence: what was found, and what is usual."""
    value: float
    expected: float
    """What ``value`` is compared with."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as the run record holds it."""
        return {
            "code": self.code,
            "report": self.report,
            "region": self.region,
            "granularity": self.granularity,
            "start": self.start,
            "text": self.text,
            "value": round(self.value, 4),
            "expected": round(self.expected, 4),
        }


@dataclass(frozen=True)
class Facts:
    """What is known of one day file."""

    row: DayFile
    unknown_rows: int | None = None
    """Rows of users whom Kaltura does not know; None if that was not counted."""
    duplicates: int = 0
    user_forms: Mapping[str, int] = field(default_factory=dict)
    """The share of each form of user ids, in percent."""


Where = tuple[str, str, str, str]
"""Report, region, granularity and label of a file."""


def duplicates_of(duplicates: int, rows: float, where: Where) -> Finding:
    """Return the finding that rows of a file have the primary key of others."""
    text = f"{_count(duplicates, 'row')} of {rows:.0f} have the primary key of another row"
    return Finding(DUPLICATE_KEYS, *where, text, duplicates, 0)


def references_for(file: Facts, history: Rows) -> list[DayFile]:
    """Return the rows of the earlier files that a file's users are compared with."""
    if file.row.report != ATTENDEES.slug or file.row.state == State.OPEN:
        return []
    found = []
    for before in range(1, _REFERENCE_DAYS + 1):
        row = history.get((_earlier(file.row.dt, before), file.row.report))
        if row and row.state != State.OPEN and _number(row.rows) >= _FEWEST_ROWS:
            found.append(row)
    return found[:REFERENCES]


@dataclass(frozen=True)
class Checks:
    """The checks of one region."""

    region: str
    history: Rows
    """The rows of the index, those of the files that are checked included."""
    comparable: bool = True
    """Whether sessions and attendees were asked for with the same filters."""

    def findings(
        self, file: Facts, references: Sequence[Facts], checked: Mapping[tuple[str, str], object]
    ) -> list[Finding]:
        """Return what looks wrong about a file.

        Args:
            references: The facts of the files that ``references_for`` returns.
            checked: The keys of all files that are checked together with it.
        """
        if file.row.state == State.OPEN or not file.row.state:
            return []
        found = [*self._duplicates(file), *self._users(file, references)]
        if file.row.state == State.SETTLED:
            found += self._pairs(file, checked)
            found += [*self._few_sessions(file), *self._ratios(file)]
        return found

    def _finding(self, file: Facts, code: str, text: str, value: float, expected: float) -> Finding:
        row = file.row
        return Finding(
            code, row.report, self.region, Granularity.DAY.value, row.dt, text, value, expected
        )

    def _duplicates(self, file: Facts) -> Iterator[Finding]:
        if file.duplicates:
            rows = _number(file.row.rows)
            where = (file.row.report, self.region, Granularity.DAY.value, file.row.dt)
            yield duplicates_of(file.duplicates, rows, where)

    def _pairs(self, file: Facts, checked: Mapping[tuple[str, str], object]) -> Iterator[Finding]:
        """Compare the numbers of sessions in room_data and in attendees of one day."""
        if not self.comparable or file.row.report not in (ROOM_DATA.slug, ATTENDEES.slug):
            return
        dt = file.row.dt
        more = self._surplus(dt)
        if more is None:
            return
        surpluses = (self._surplus(_earlier(dt, before)) for before in range(1, _RECENT + 1))
        known = [each for each in surpluses if each is not None]
        for code, home, other, sign in (
            (SESSIONS_WITHOUT_ATTENDEES, ATTENDEES.slug, ROOM_DATA.slug, 1),
            (ATTENDEES_WITHOUT_SESSION, ROOM_DATA.slug, ATTENDEES.slug, -1),
        ):
            # The file that lacks something has the finding, unless only the other one is new.
            if file.row.report != home and (dt, home) in checked:
                continue
            usual = [max(0, sign * each) for each in known]
            expected = median(usual) if len(usual) >= _FEWEST_SURPLUSES else 0
            number = sign * more
            if number > max(0, 2 * expected):
                verb = "has" if number == 1 else "have"
                text = f"{_count(number, 'session')} of {other} {verb} no row in {home}"
                yield self._finding(file, code, text, number, expected)

    def _surplus(self, dt: str) -> float | None:
        """Return how many sessions room_data has more than attendees, if both are final."""
        numbers = []
        for slug in (ROOM_DATA.slug, ATTENDEES.slug):
            row = self.history.get((dt, slug))
            if row is None or row.state != State.SETTLED or not row.sessions:
                return None
            numbers.append(_number(row.sessions))
        return numbers[0] - numbers[1]

    def _few_sessions(self, file: Facts) -> Iterator[Finding]:
        """Compare the sessions with those of the same weekday, unless the day before is low, too.

        So a holiday raises one finding, and a break between terms one for its first day.
        """
        report, dt = file.row.report, file.row.dt
        if not self._is_low(report, dt):
            return
        days = (_earlier(dt, before) for before in range(1, 8))
        if self._is_low(report, next((day for day in days if self._is_busy(report, day)), dt)):
            return
        sessions, expected = _number(file.row.sessions), self._expected(report, dt) or 0.0
        text = (
            f"{_count(sessions, 'session')}, where {expected:.0f} are usual on this day of the "
            "week; a holiday looks the same"
        )
        yield self._finding(file, FEW_SESSIONS, text, sessions, expected)

    def _expected(self, report: str, dt: str) -> float | None:
        """Return the usual sessions of a day's weekday; None without enough of a history.

        It is the median of the highest four, so that a break in the weeks before does not lower it.
        """
        usual = self._usual_of_weekday(report, dt)
        return median(usual[-_FEWEST_WEEKS:]) if len(usual) >= _FEWEST_WEEKS else None

    def _usual_of_weekday(self, report: str, dt: str) -> list[float]:
        days = (_earlier(dt, 7 * week) for week in range(1, WEEKS + 1))
        return sorted(each for day in days if (each := self._sessions(report, day)) is not None)

    def _is_busy(self, report: str, dt: str) -> bool:
        """Return whether a weekday usually has enough sessions to tell when some are missing."""
        week = (self._expected(report, _earlier(dt, before)) for before in range(7))
        known = [each for each in week if each is not None]
        expected = self._expected(report, dt)
        return expected is not None and expected >= _BUSY_SHARE * max(known)

    def _is_low(self, report: str, dt: str) -> bool:
        sessions, expected = self._sessions(report, dt), self._expected(report, dt)
        if sessions is None or expected is None or not self._is_busy(report, dt):
            return False
        return (
            sessions < _LOW_SHARE * expected
            # Of so few sessions, none at all can be chance.
            and expected - sessions >= _DEVIATIONS * sqrt(expected)
        )

    def _sessions(self, report: str, dt: str) -> float | None:
        row = self.history.get((dt, report))
        return _known(row.sessions) if row and row.state != State.OPEN else None

    def _ratios(self, file: Facts) -> Iterator[Finding]:
        """Compare attendees for each session, and minutes for each attendee.

        Both are about the same on a holiday, when there are few of each.
        """
        row = file.row
        if row.report != ATTENDEES.slug:
            return
        rows, sessions = _number(row.rows), self._sessions(ROOM_DATA.slug, row.dt) or 0
        usual = self._usual(row.dt, self._attendees_per_session)
        if usual and sessions >= _FEWEST_SESSIONS and rows < _LOW_RATIO * usual * sessions:
            expected = usual * sessions
            text = (
                f"{_count(rows, 'attendee')} in {_count(sessions, 'session')}, "
                f"where {expected:.0f} are usual"
            )
            yield self._finding(file, FEW_ATTENDEES, text, rows, expected)
        minutes = _minutes_per_row(row)
        usual = self._usual(row.dt, self._minutes)
        if usual and minutes is not None and minutes < _LOW_RATIO * usual:
            text = f"{minutes:.1f} minutes for each attendee, where {usual:.1f} are usual"
            yield self._finding(file, FEW_MINUTES, text, minutes, usual)

    def _usual(self, dt: str, ratio: Callable[[str], float | None]) -> float | None:
        found = [ratio(_earlier(dt, before)) for before in range(1, _RECENT + 1)]
        known = [each for each in found if each is not None]
        return median(known) if len(known) >= _FEWEST_DAYS else None

    def _attendees_per_session(self, dt: str) -> float | None:
        row, sessions = self.history.get((dt, ATTENDEES.slug)), self._sessions(ROOM_DATA.slug, dt)
        if row is None or not sessions or sessions < _FEWEST_SESSIONS:
            return None
        return _number(row.rows) / sessions

    def _minutes(self, dt: str) -> float | None:
        row = self.history.get((dt, ATTENDEES.slug))
        return _minutes_per_row(row) if row else None

    def _users(self, file: Facts, references: Sequence[Facts]) -> Iterator[Finding]:
        share = _unknown_share(file)
        shares = [each for each in map(_unknown_share, references) if each is not None]
        if share is not None and len(shares) >= 2:
            expected = median(shares)
            if share >= expected + _MORE_UNKNOWN and share >= 2 * expected:
                text = (
                    f"{share:.0%} of the rows are of users whom Kaltura does not know, "
                    f"where {expected:.0%} are usual"
                )
                yield self._finding(file, UNKNOWN_USERS, text, share, expected)
        users = _number(file.row.users)
        former = [each.user_forms for each in references if each.user_forms]
        if not file.user_forms or not former or users < _FEWEST_USERS:
            return
        forms = sorted({form for shares in (file.user_forms, *former) for form in shares})
        usual = {form: median(each.get(form, 0) for each in former) for form in forms}
        differences = {form: file.user_forms.get(form, 0) - usual[form] for form in forms}
        other = sum(map(abs, differences.values())) / 200
        if other >= _OTHER_FORMS + 1 / sqrt(users):
            now = max(forms, key=lambda form: differences[form])
            before = min(forms, key=lambda form: differences[form])
            text = "user ids have another form than usual: " + " and ".join(
                f"{file.user_forms.get(form, 0)} % {form} instead of {usual[form]:.0f} %"
                for form in (now, before)
            )
            yield self._finding(file, USER_ID_FORM, text, other, 0)


def _earlier(dt: str, days: int) -> str:
    return (date.fromisoformat(dt) - timedelta(days=days)).isoformat()


def _unknown_share(file: Facts) -> float | None:
    rows = _number(file.row.rows)
    if file.unknown_rows is None or rows < _FEWEST_ROWS:
        return None
    return file.unknown_rows / rows


def _minutes_per_row(row: DayFile) -> float | None:
    rows, minutes = _number(row.rows), _known(row.minutes)
    return minutes / rows if minutes is not None and rows >= _FEWEST_ROWS else None


def _known(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _number(text: str) -> float:
    return _known(text) or 0.0


def _count(number: float, what: str) -> str:
    return f"{number:.0f} {what}{'' if number == 1 else 's'}"
