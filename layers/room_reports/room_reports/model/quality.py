"""The quality checks: whether a day file looks incomplete, compared with others of its region.

Pure functions of what the index of day files and the metadata of a few files say. A check compares
a file with its own history. It says nothing where there is too little of it, so that a new
deployment and a small account raise no alarms.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    FEWEST_ROWS,
    FEWEST_SESSIONS,
    HISTORY_DAYS,
    Usual,
    earlier,
    known,
    minutes_per_row,
    number,
)
from room_reports.model.windows import Granularity

PAIRED = {ROOM_DATA.slug: ATTENDEES.slug, ATTENDEES.slug: ROOM_DATA.slug}
"""The reports that have the same sessions."""
_FEWEST_DAYS = 8
"""Days with data that a ratio's usual needs."""
_FEWEST_PAIRS = 3
"""Days before it can be usual that some sessions are in one of both reports only."""
_MANY_UNPAIRED = 0.1
"""Of the sessions of a day; more are found also where nothing is known of other days."""
_LOW_RATIO = 0.5
"""Of the usual attendees for each session, or minutes for each attendee."""
REFERENCES = 3
"""Earlier files whose users a file's users are compared with."""
_MORE_UNKNOWN = 0.2
_FEWEST_USERS = 20
_OTHER_FORMS = 0.3


@dataclass(frozen=True)
class Facts:
    """What is known of one day file."""

    row: DayFile
    unknown_rows: int | None = None
    """Rows of users whom Kaltura does not know; None if that was not counted."""
    duplicates: int = 0
    user_forms: Mapping[str, int] = field(default_factory=dict)
    """The share of each form of user ids, in percent."""
    session_bits: int | None = None
    """The set of sessions, as ``session_bits`` of the figures has it; None if it is not known."""
    fewer_rows: int | None = None
    """The rows that Kaltura returned for a sample, if they were too few to replace the file."""


def references_for(file: Facts, history: Rows) -> list[DayFile]:
    """Return the rows of the earlier files that a file's users are compared with.

    Files in which users were missing or different are no reference, if there is any other.
    """
    if file.row.report != ATTENDEES.slug or file.row.state == State.OPEN:
        return []
    usual, found, clean = Usual(history), list[DayFile](), list[DayFile]()
    for before in range(1, HISTORY_DAYS + 1):
        dt = earlier(file.row.dt, before)
        row = history.get((dt, ATTENDEES.slug))
        if row and row.state != State.OPEN and number(row.rows) >= FEWEST_ROWS:
            found.append(row)
            if not usual.has_finding(ATTENDEES.slug, dt, UNKNOWN_USERS, USER_ID_FORM):
                clean.append(row)
        if len(clean) == REFERENCES:
            break
    return (clean or found)[:REFERENCES]


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

    def findings(self, file: Facts, references: Sequence[Facts]) -> list[Finding]:
        """Return what looks wrong about a file.

        Args:
            references: The facts of the files that ``references_for`` returns.
        """
        if file.row.state == State.OPEN or not file.row.state:
            return []
        found = [*self._duplicates(file), *self._users(file, references), *self._fewer_rows(file)]
        if file.row.state == State.SETTLED:
            found += [*self._pairs(file), *self._few_sessions(file), *self._ratios(file)]
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

            expected = self._usual.of_ratio(report, code, dt, _FEWEST_PAIRS, lacking)
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
            row.report, FEW_ATTENDEES, row.dt, _FEWEST_DAYS, usual.attendees_per_session
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
            row.report, FEW_MINUTES, row.dt, _FEWEST_DAYS, usual.minutes_per_attendee
        )
        if ratio and minutes is not None and minutes < _LOW_RATIO * ratio:
            text = f"{minutes:.1f} minutes for each attendee, where {ratio:.1f} are usual"
            yield self._finding(file, FEW_MINUTES, text, minutes, ratio)

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
        users = number(file.row.users)
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


def _unknown_share(file: Facts) -> float | None:
    rows = number(file.row.rows)
    if file.unknown_rows is None or rows < FEWEST_ROWS:
        return None
    return file.unknown_rows / rows
