"""The quality checks: whether a day file looks incomplete, compared with others of its region.

Pure functions of what the index of day files and the metadata of a file say. A check compares
a file with its own history. It says nothing where there is too little of it, so that a new
deployment and a small account raise no alarms.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import median

from room_reports.model.day_files import DayFile, Rows
from room_reports.model.findings import (
    ATTENDEES_WITHOUT_SESSION,
    FEW_ATTENDEES,
    FEW_MINUTES,
    FEW_SESSIONS,
    FEWER_ROWS,
    SESSIONS_WITHOUT_ATTENDEES,
    UNKNOWN_USERS,
    USER_ID_FORM,
    Finding,
    counted,
    duplicates_of,
)
from room_reports.model.freshness import State
from room_reports.model.reports import ATTENDEES, ROOM_DATA
from room_reports.model.usual import (
    FEWEST_DAYS,
    FEWEST_SESSIONS,
    Usual,
    known,
    minutes_per_row,
    number,
)
from room_reports.model.windows import Granularity

PAIRED = {ROOM_DATA.slug: ATTENDEES.slug, ATTENDEES.slug: ROOM_DATA.slug}
"""The reports that have the same sessions."""
_FEWEST_PAIRS = 3
"""Days before it can be usual that some sessions are in one of both reports only."""
_MANY_UNPAIRED = 0.1
"""Of the sessions of a day; more are found also where nothing is known of other days."""
_LOW_RATIO = 0.5
"""Of the usual attendees for each session, or minutes for each attendee."""
_MORE_UNKNOWN = 0.2
"""Of the users whom Kaltura counts in the sessions of a day."""
_OTHER_FORMS = 0.3


@dataclass(frozen=True)
class Facts:
    """What is known of one day file."""

    row: DayFile
    duplicates: int = 0
    session_bits: int | None = None
    """The set of sessions, as ``session_bits`` of the figures has it; None if it is not known."""
    fewer_rows: int | None = None
    """The rows that Kaltura returned for a sample, if they were too few to replace the file."""


def unpaired(rooms: Facts, attendees: Facts) -> tuple[int, int] | None:
    """Return how many sessions only the first, and only the second of both files has.

    Exact for some dozens of them; for more, at least so many. None while a file is not final.
    """
    counts = [known(each.row.sessions) for each in (rooms, attendees)]
    if None in counts or any(each.row.state != State.SETTLED for each in (rooms, attendees)):
        return None
    more = round(number(rooms.row.sessions) - number(attendees.row.sessions))
    differing = abs(more)
    if rooms.session_bits is not None and attendees.session_bits is not None:
        differing = max(differing, (rooms.session_bits ^ attendees.session_bits).bit_count())
    return (differing + more) // 2, (differing - more) // 2


@dataclass(frozen=True)
class Checks:
    """The checks of one region."""

    region: str
    history: Rows
    """The rows of the index, those of the files that are checked included."""

    def findings(self, file: Facts) -> list[Finding]:
        """Return what looks wrong about a file."""
        if file.row.state == State.OPEN or not file.row.state:
            return []
        found = [*self._duplicates(file), *self._user_forms(file), *self._fewer_rows(file)]
        if file.row.state == State.SETTLED:
            found += [*self._pairs(file), *self._few_sessions(file), *self._ratios(file)]
            found += self._unknown_users(file)
        return found

    @property
    def _usual(self) -> Usual:
        return Usual(self.history)

    def _finding(self, file: Facts, code: str, text: str, value: float, expected: float) -> Finding:
        row = file.row
        return Finding(
            code, row.report, self.region, Granularity.DAY.value, row.dt, text, value, expected
        )

    def _duplicates(self, file: Facts) -> Iterator[Finding]:
        if file.duplicates:
            where = (file.row.report, self.region, Granularity.DAY.value, file.row.dt)
            yield duplicates_of(file.duplicates, number(file.row.rows), where)

    def _fewer_rows(self, file: Facts) -> Iterator[Finding]:
        if file.fewer_rows is not None:
            rows = number(file.row.rows)
            text = (
                f"Kaltura returned {counted(file.fewer_rows, 'row')} when it was asked again, "
                f"and the file has {rows:.0f}"
            )
            yield self._finding(file, FEWER_ROWS, text, file.fewer_rows, rows)

    def _pairs(self, file: Facts) -> Iterator[Finding]:
        """Compare the sessions of room_data and of attendees of one day.

        The file that lacks some has the finding.
        """
        report, dt = file.row.report, file.row.dt
        if report not in PAIRED:
            return
        other = PAIRED[report]
        code = SESSIONS_WITHOUT_ATTENDEES if report == ATTENDEES.slug else ATTENDEES_WITHOUT_SESSION
        lacking = self._usual.unpaired(other, dt)
        if not lacking:
            return
        expected = self._usual_unpaired(report, code, dt)
        if expected is None:
            most = max(1.0, _MANY_UNPAIRED * (self._usual.sessions(other, dt) or 0.0))
        else:
            most = 2 * expected
        if lacking > most:
            verb = "has" if lacking == 1 else "have"
            text = f"{counted(lacking, 'session')} of {other} {verb} no row in {report}"
            yield self._finding(file, code, text, lacking, expected or 0.0)

    def _usual_unpaired(self, report: str, code: str, dt: str) -> float | None:
        """Return how many sessions a report usually lacks; None if nothing is known of that."""
        other = PAIRED[report]
        today = self._usual.sessions(other, dt) or 0.0
        # A quiet day, such as a Sunday, says little of a busy one.
        for fewest in (max(1.0, today / 2), 1.0):

            def lacking(day: str, fewest: float = fewest) -> float | None:
                is_enough = (self._usual.sessions(other, day) or 0.0) >= fewest
                return self._usual.unpaired(other, day) if is_enough else None

            expected = self._usual.of_ratio(report, code, dt, _FEWEST_PAIRS, lacking, lenient=max)
            if expected is not None:
                return expected
        return None

    def _few_sessions(self, file: Facts) -> Iterator[Finding]:
        """Compare the sessions with those of the same weekday.

        A break between terms raises one finding after the other, of which the first is news.
        """
        report, dt = file.row.report, file.row.dt
        if not self._usual.is_low(report, dt):
            return
        sessions = number(file.row.sessions)
        expected = self._usual.expected_sessions(report, dt) or 0.0
        continues = self._usual.goes_on(report, dt)
        text = (
            f"{counted(sessions, 'session')}, where {expected:.0f} are usual on this day of the "
            f"week; {'a break' if continues else 'a holiday'} looks the same"
        )
        finding = self._finding(file, FEW_SESSIONS, text, sessions, expected)
        yield replace(finding, continues=continues)

    def _ratios(self, file: Facts) -> Iterator[Finding]:
        """Compare attendees for each session, and minutes for each attendee.

        Both are about the same on a holiday, when there are few of each.
        """
        row, usual = file.row, self._usual
        if row.report != ATTENDEES.slug:
            return
        rows, sessions = number(row.rows), usual.sessions(ROOM_DATA.slug, row.dt) or 0
        ratio = usual.of_ratio(
            *(row.report, FEW_ATTENDEES, row.dt, FEWEST_DAYS, usual.attendees_per_session),
            lenient=min,
        )
        if ratio and sessions >= FEWEST_SESSIONS and rows < _LOW_RATIO * ratio * sessions:
            expected = ratio * sessions
            text = (
                f"{counted(rows, 'attendee')} in {counted(sessions, 'session')}, "
                f"where {expected:.0f} are usual"
            )
            yield self._finding(file, FEW_ATTENDEES, text, rows, expected)
        minutes = minutes_per_row(row)
        ratio = usual.of_ratio(
            *(row.report, FEW_MINUTES, row.dt, FEWEST_DAYS, usual.minutes_per_attendee),
            lenient=min,
        )
        if ratio and minutes is not None and minutes < _LOW_RATIO * ratio:
            text = f"{minutes:.1f} minutes for each attendee, where {ratio:.1f} are usual"
            yield self._finding(file, FEW_MINUTES, text, minutes, ratio)

    def _unknown_users(self, file: Facts) -> Iterator[Finding]:
        row, usual = file.row, self._usual
        share = usual.unknown_share(row.dt)
        if row.report != ATTENDEES.slug or share is None:
            return
        expected = usual.of_ratio(
            *(row.report, UNKNOWN_USERS, row.dt, FEWEST_DAYS, usual.unknown_share),
            lenient=max,
        )
        if expected is not None and share >= max(expected + _MORE_UNKNOWN, 2 * expected):
            text = (
                f"{share:.0%} of the users whom Kaltura counted have no row of their own, "
                f"where {expected:.0%} is usual"
            )
            yield self._finding(file, UNKNOWN_USERS, text, share, expected)

    def _user_forms(self, file: Facts) -> Iterator[Finding]:
        """Compare the forms of user ids with those of the last days and of the same weekday.

        A finding is what differs from both.
        """
        now = self._usual.forms(file.row.dt) if file.row.report == ATTENDEES.slug else None
        groups = [_usual_forms(each) for each in self._usual.of_forms(file.row.dt)] if now else []
        if not now or not groups:
            return
        usual = min(groups, key=lambda usual: _difference(now, usual))
        other = _difference(now, usual)
        if other >= _OTHER_FORMS + 1 / sqrt(number(file.row.users)):
            forms = sorted(now.keys() | usual.keys())
            more = max(forms, key=lambda form: now.get(form, 0) - usual.get(form, 0))
            less = min(forms, key=lambda form: now.get(form, 0) - usual.get(form, 0))
            text = "user ids have another form than usual: " + " and ".join(
                f"{now.get(form, 0)} % {form} instead of {usual.get(form, 0):.0f} %"
                for form in (more, less)
            )
            yield self._finding(file, USER_ID_FORM, text, other, 0)


def _usual_forms(days: Sequence[Mapping[str, int]]) -> dict[str, float]:
    forms = sorted({form for shares in days for form in shares})
    return {form: median(each.get(form, 0) for each in days) for form in forms}


def _difference(now: Mapping[str, int], usual: Mapping[str, float]) -> float:
    """Return the share of ids whose form is another one than usual."""
    forms = now.keys() | usual.keys()
    return sum(abs(now.get(form, 0) - usual.get(form, 0)) for form in forms) / 200
