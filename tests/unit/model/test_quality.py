"""The quality checks over generated years: how often they are wrong, and what they find.

A year has terms, breaks, public holidays, a timetable by weekday, growth and the noise of groups of
all sizes. In some years, the days of the week have users of their own. Nothing is lost in it, so
that each finding is a false alarm. Then one thing is lost or changed, on one day or on many in a
row, and it counts as detected on each day that has the finding.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from room_reports.model.day_files import DayFile, all_findings, finding_codes, with_findings
from room_reports.model.findings import (
    ATTENDEES_WITHOUT_SESSION,
    CODES,
    DUPLICATE_KEYS,
    FEW_ATTENDEES,
    FEW_MINUTES,
    FEW_SESSIONS,
    FEWER_ROWS,
    INCOMPLETE,
    SESSIONS_WITHOUT_ATTENDEES,
    UNKNOWN_USERS,
    USER_ID_FORM,
    Finding,
)
from room_reports.model.quality import Checks, Facts, unpaired
from room_reports.model.user_ids import shares_text
from room_reports.storage.session_bits import toggled

Day = dict[str, Facts]
"""The files of one day, by report."""
Key = tuple[str, str]
FIRST = date(2026, 7, 1)
ESTIMATE = 0.02
"""The standard deviation of Kaltura's number of users in a session, as a share of it."""
YEARS = 6
"""Years of each size."""
SIZES = {"small": (8, 6), "medium": (60, 14), "large": (500, 22)}
"""Sessions on a busy day, and mean attendees of a session."""
MOST_ALARMS = {"small": 3, "medium": 15, "large": 12}
"""Days of a year with a false alarm, at most, on the average.

Nine holidays, three breaks and the end of the last term look like lost days.
"""
MOST_ALARMS_WITH_CLOSURES = {"small": 1, "medium": 2, "large": 1}
"""The same, if the holidays and breaks were acknowledged beforehand."""


def closed(day: date) -> float:
    """Return the share of the usual sessions that take place on a day."""
    holidays = {(7, 4), (9, 7), (10, 12), (11, 11), (11, 26), (11, 27), (1, 18), (2, 15), (5, 31)}
    if (day.month, day.day) in holidays:
        return 0.03
    breaks = (
        (date(2026, 12, 19), date(2027, 1, 10), 0.02),
        (date(2027, 3, 13), date(2027, 3, 21), 0.08),
        (date(2026, 7, 1), date(2026, 8, 23), 0.25),
        (date(2027, 5, 15), date(2027, 6, 30), 0.25),
    )
    return next((share for first, last, share in breaks if first <= day <= last), 1.0)


PAGE = Path(__file__).parents[3] / "docs" / "operating.md"


@cache
def documented() -> dict[str, dict[str, str]]:
    """Return the figures in the docs, by row and size."""
    section = PAGE.read_text(encoding="utf-8").partition("### How good the checks are")[2]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", section, re.MULTILINE)
    return {name: dict(zip(SIZES, figures, strict=True)) for name, *figures in rows}


Acknowledged = Callable[[str, str], str | None]


def nothing_acknowledged(_code: str, _dt: str) -> str | None:
    return None


def closures_acknowledged(code: str, dt: str) -> str | None:
    """Acknowledge that there are few sessions on holidays and in breaks, by the calendar."""
    return "closed" if code == FEW_SESSIONS and closed(date.fromisoformat(dt)) < 1 else None


@cache
def bits(dt: str, first: int, end: int, alone: str = "", lone: int = 0) -> int:
    """Return the bits of numbered sessions, and of some that only one report has."""
    sessions = [f"{number}" for number in range(first, end)]
    sessions += [f"{alone}{number}" for number in range(lone)]
    return toggled(0, ((dt.encode(), each.encode()) for each in sessions))


@dataclass
class Year:
    """A year of an account in which nothing is lost."""

    days: dict[str, Day]
    rows: dict[Key, DayFile] = field(default_factory=dict)
    """The rows of the index, with what was found."""
    told: list[tuple[str, Finding]] = field(default_factory=list)
    """What was found."""

    @classmethod
    def generated(cls, size: str, seed: int) -> "Year":
        """Return a year that follows from a seed."""
        rng = Random(f"{size} {seed}")
        busy, group = SIZES[size]
        weekdays = [rng.uniform(0.6, 1.0) for _ in range(4)] + [rng.uniform(0.3, 0.7), 0.05, 0.08]
        mix = rng.choice([{"email": 95, "number": 5}, {"number": 70, "word": 30}, {"code": 100}])
        unknown = rng.choice([0.0, 0.02, 0.15])
        people = Users(group, mix, unknown, lone=seed % 2, is_weekly=seed % 3 > 0)
        days = {}
        for number in range(365):
            day = FIRST + timedelta(days=number)
            growth = 1 + 0.3 * number / 365
            mean = busy * weekdays[day.weekday()] * closed(day) * growth
            days[day.isoformat()] = _day(rng, day.isoformat(), mean, people.on(day))
        year = cls(days)
        year.rows, year.told = year.examined()
        return year

    def findings(
        self, days: Iterable[str] | None = None, acknowledged: Acknowledged = nothing_acknowledged
    ) -> list[tuple[str, Finding]]:
        """Return each finding with its day, as if every day were checked when it had settled.

        Args:
            days: Only these, in their order; by default, all.
            acknowledged: Returns why a finding of a day was acknowledged.
        """
        return self.examined(days, acknowledged)[1]

    def examined(
        self, days: Iterable[str] | None = None, acknowledged: Acknowledged = nothing_acknowledged
    ) -> tuple[dict[Key, DayFile], list[tuple[str, Finding]]]:
        """Return the rows of the index, and the same."""
        told: list[tuple[str, Finding]] = []
        days = list(self.days if days is None else days)
        history = dict(self.rows)
        for dt in days:
            history |= {facts.row.key: facts.row for facts in self.days[dt].values()}
        for dt in days:
            _compare(self.days[dt], history)
        checks = Checks("us", history)
        for dt in days:
            for slug, facts in self.days[dt].items():
                file = replace(facts, row=history[dt, slug])
                found = checks.findings(file)
                reasons = {each.code: acknowledged(each.code, dt) for each in found}
                texts = {each.code: each.text for each in found}
                history[dt, slug] = with_findings(file.row, texts, reasons.__getitem__)
                told += [(dt, replace(each, acknowledged=reasons[each.code])) for each in found]
        return history, told


def _compare(day: Day, history: dict[Key, DayFile]) -> None:
    """Say in the rows which sessions are in one of both reports only."""
    rooms, attendees = day["room_data"], day["attendees"]
    counts = unpaired(rooms, attendees)
    for facts, count in zip((rooms, attendees), counts or (), strict=counts is not None):
        key = facts.row.key
        history[key] = replace(history[key], unpaired=str(count))


def _before(dt: str, days: int) -> str:
    return (date.fromisoformat(dt) - timedelta(days=days)).isoformat()


@dataclass(frozen=True)
class Users:
    """What the users of an account are like."""

    group: int
    """Mean attendees of a session."""
    forms: dict[str, int]
    unknown: float
    lone: int
    """Sessions of each day that are in one of both reports only, in each of them."""
    is_weekly: bool = False
    """Whether Fridays and weekends are different."""
    minutes: float = 50.0
    """Mean minutes of an attendee."""

    def on(self, day: date) -> "Users":
        """Return what they are like on a day: short consultations, or few external users."""
        if self.is_weekly and day.weekday() == 4:
            return replace(self, minutes=20.0)
        if self.is_weekly and day.weekday() > 4:
            forms = {form: 4 * share for form, share in self.forms.items()}
            forms["domain"] = 6 * sum(self.forms.values())
            group = max(1, self.group // 4)
            return replace(self, group=group, forms=forms, unknown=self.unknown + 0.3)
        return self


def _day(rng: Random, dt: str, mean: float, people: Users) -> Day:
    sessions = max(0, round(rng.gauss(mean, mean**0.5)))
    # Groups of all sizes: some lectures, many seminars.
    sizes = [
        max(1, round(rng.lognormvariate(0, 0.8) * people.group * 0.7)) for _ in range(sessions)
    ]
    unknown = [_drawn(rng, size, people.unknown) for size in sizes]
    # All unknown users of a session are one row.
    unknown_rows = sum(map(bool, unknown))
    rows = sum(sizes) - sum(unknown) + unknown_rows
    session_users = sum(round(size * rng.gauss(1, ESTIMATE)) for size in sizes)
    minutes = sum(size * people.minutes * rng.uniform(0.5, 1.5) for size in sizes)
    breakouts = sum(rng.random() < 0.35 for _ in range(sessions)) * 3
    users = round((rows - unknown_rows) * 0.6)
    forms = _sampled(rng, people.forms, min(users, 500))

    lone = people.lone if sessions else 0

    def file(report: str, count: int, **values: str) -> DayFile:
        return DayFile(
            report=report,
            dt=dt,
            state="settled",
            exported_at="",
            window_start="",
            window_end="",
            rows=str(count),
            sessions=values.get("sessions", str(count)),
            users=values.get("users", ""),
            minutes=values.get("minutes", ""),
            findings="",
            last_modified=f"{dt}T00:00:00Z",
            session_users=values.get("session_users", ""),
            unknown_rows=values.get("unknown_rows", ""),
            user_forms=values.get("user_forms", ""),
        )

    return {
        "room_data": Facts(
            file("room_data", sessions + lone, session_users=str(session_users)),
            session_bits=bits(dt, 0, sessions, "room", lone),
        ),
        "breakout_sessions": Facts(file("breakout_sessions", breakouts)),
        "attendees": Facts(
            file(
                "attendees",
                rows,
                sessions=str(sessions + lone),
                users=str(users),
                minutes=f"{minutes:.2f}",
                unknown_rows=str(unknown_rows),
                user_forms=shares_text(forms),
            ),
            session_bits=bits(dt, 0, sessions, "user", lone),
        ),
    }


def _drawn(rng: Random, size: int, share: float) -> int:
    """Return how many of some users are unknown."""
    mean = size * share
    return min(size, max(0, round(rng.gauss(mean, (mean * (1 - share)) ** 0.5))))


def _sampled(rng: Random, mix: dict[str, int], users: int) -> dict[str, int]:
    drawn = rng.choices(list(mix), list(mix.values()), k=users)
    return {form: round(100 * drawn.count(form) / users) for form in mix if form in drawn}


@pytest.fixture(scope="module")
def years() -> dict[str, list[Year]]:
    return {size: [Year.generated(size, seed) for seed in range(YEARS)] for size in SIZES}


def scaled(facts: Facts, share: float, *names: str) -> Facts:
    """Return a file in which only a share of some figures is left."""
    values = {
        name: f"{float(getattr(facts.row, name)) * share:.0f}"
        for name in names
        if getattr(facts.row, name)
    }
    left = facts.session_bits
    if left is not None and "sessions" in names:
        before, after = int(facts.row.sessions), int(values["sessions"])
        # Those that only this report has are lost last.
        left ^= bits(facts.row.dt, 0, before - after) if after else left
    return replace(
        facts,
        row=replace(facts.row, **values),
        session_bits=left,
    )


ALL = ("rows", "sessions", "users", "minutes", "unknown_rows", "session_users")


def lose_day(day: Day) -> Day:
    return {slug: scaled(facts, 0, *ALL) for slug, facts in day.items()}


def lose_most_hours(day: Day) -> Day:
    return {slug: scaled(facts, 0.25, *ALL) for slug, facts in day.items()}


def lose_attendees(day: Day) -> Day:
    return {**day, "attendees": scaled(day["attendees"], 0, *ALL)}


def lose_some_sessions(slug: str) -> Callable[[Day], Day]:
    return lambda day: {**day, slug: scaled(day[slug], 0.9, *ALL)}


def lose_two_of_each(day: Day) -> Day:
    """Lose two sessions of room_data, and two others of attendees: the numbers stay equal."""
    rooms, attendees = day["room_data"], day["attendees"]
    left = {
        slug: replace(
            facts,
            row=replace(facts.row, sessions=f"{int(facts.row.sessions) - 2}"),
            session_bits=(facts.session_bits or 0) ^ bits(facts.row.dt, lost, lost + 2),
        )
        for slug, facts, lost in (("room_data", rooms, 0), ("attendees", attendees, 2))
        if int(facts.row.sessions) > 4
    }
    return {**day, **left}


LEFT = ("rows", "users", "minutes", "unknown_rows")


def lose_rows(day: Day) -> Day:
    return {**day, "attendees": scaled(day["attendees"], 0.3, *LEFT)}


def lose_minutes(day: Day) -> Day:
    return {**day, "attendees": scaled(day["attendees"], 0.3, "minutes")}


def lose_breakouts(day: Day) -> Day:
    return {**day, "breakout_sessions": scaled(day["breakout_sessions"], 0, *ALL)}


def forget_users(share: float) -> Callable[[Day], Day]:
    """Return what makes a share of the known users unknown: they are one row of each session."""

    def forget(day: Day) -> Day:
        facts = day["attendees"]
        row, sessions = facts.row, int(facts.row.sessions)
        left = round((int(row.rows) - int(row.unknown_rows)) * (1 - share))
        users = round(int(row.users) * (1 - share))
        row = replace(row, rows=f"{left + sessions}", unknown_rows=f"{sessions}", users=f"{users}")
        return {**day, "attendees": replace(facts, row=row)}

    return forget


def change_forms(day: Day) -> Day:
    facts = day["attendees"]
    return {**day, "attendees": replace(facts, row=replace(facts.row, user_forms="uuid=100"))}


def repeat_rows(day: Day) -> Day:
    return {**day, "attendees": replace(day["attendees"], duplicates=3)}


def return_fewer_rows(day: Day) -> Day:
    return {**day, "attendees": replace(day["attendees"], fewer_rows=3)}


PLANTED: dict[str, tuple[Callable[[Day], Day], str, dict[str, float]]] = {
    "a day without any row": (lose_day, FEW_SESSIONS, {"medium": 0.93, "large": 0.88}),
    "three quarters of a day": (lose_most_hours, FEW_SESSIONS, {"medium": 0.88, "large": 0.88}),
    "all attendees": (lose_attendees, SESSIONS_WITHOUT_ATTENDEES, dict.fromkeys(SIZES, 0.98)),
    "attendees of a tenth of the sessions": (
        lose_some_sessions("attendees"),
        SESSIONS_WITHOUT_ATTENDEES,
        {"medium": 1.0, "large": 1.0},
    ),
    "a tenth of the sessions": (
        lose_some_sessions("room_data"),
        ATTENDEES_WITHOUT_SESSION,
        {"medium": 1.0, "large": 1.0},
    ),
    "70 % of the attendees": (lose_rows, FEW_ATTENDEES, {"medium": 0.9, "large": 1.0}),
    "70 % of the minutes": (lose_minutes, FEW_MINUTES, {"medium": 1.0, "large": 1.0}),
    "all breakouts": (lose_breakouts, FEW_SESSIONS, {"medium": 0.93, "large": 0.88}),
    "half of the users unknown": (
        *(forget_users(0.5), UNKNOWN_USERS),
        {"medium": 0.95, "large": 0.95},
    ),
    "30 % of the users unknown": (
        *(forget_users(0.3), UNKNOWN_USERS),
        {"medium": 0.95, "large": 0.95},
    ),
    "another form of user ids": (change_forms, USER_ID_FORM, {"medium": 0.95, "large": 0.95}),
    "two sessions of each report, not the same": (
        lose_two_of_each,
        SESSIONS_WITHOUT_ATTENDEES,
        # Two of the few bits can be the same.
        {"medium": 0.95, "large": 0.95},
    ),
    "rows twice": (repeat_rows, DUPLICATE_KEYS, dict.fromkeys(SIZES, 1.0)),
    "fewer rows in a sample": (return_fewer_rows, FEWER_ROWS, dict.fromkeys(SIZES, 1.0)),
}
"""What is done to a day, the finding that must come up, and the least share of days by size."""
TERM_DAYS = [
    (date(2026, 10, 20) + timedelta(days=number)).isoformat()
    for number in range(150)
    if (date(2026, 10, 20) + timedelta(days=number)).weekday() < 4
    and closed(date(2026, 10, 20) + timedelta(days=number)) == 1
]
"""Working days of terms with enough of a history before them."""


LASTING = {
    "all rows, for five days": (lose_day, 5, FEW_SESSIONS, {"medium": 0.9, "large": 0.9}),
    "all rows, for four weeks": (lose_day, 20, FEW_SESSIONS, {"medium": 0.8, "large": 0.8}),
    "all attendees, for four weeks": (
        *(lose_attendees, 20, SESSIONS_WITHOUT_ATTENDEES),
        dict.fromkeys(SIZES, 0.98),
    ),
    "70 % of the attendees, for four weeks": (
        *(lose_rows, 20, FEW_ATTENDEES),
        {"medium": 0.9, "large": 1.0},
    ),
    "70 % of the minutes, for four weeks": (
        *(lose_minutes, 20, FEW_MINUTES),
        {"medium": 1.0, "large": 1.0},
    ),
    "half of the users unknown, for four weeks": (
        *(forget_users(0.5), 20, UNKNOWN_USERS),
        {"medium": 0.95, "large": 0.95},
    ),
    "another form of user ids, for four weeks": (
        *(change_forms, 20, USER_ID_FORM),
        {"medium": 0.95, "large": 0.95},
    ),
}
"""What is done to some working days in a row, the finding, and the least share of days by size."""


WEEKS = [
    {(FIRST + timedelta(days=day)).isoformat() for day in range(start, start + 7)}
    for start in range(0, 365, 7)
]


@dataclass
class FalseAlarms:
    """What was found in years in which nothing was lost."""

    alarms: int = 0
    """Days with a finding that is news."""
    marked: int = 0
    """Days with any finding."""
    undecided: int = 0
    """Days with a finding by which no user is known to be absent."""
    by_code: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CODES, 0))
    worst_week: int = 0
    """The most alarms in a week."""

    def add(self, found: list[tuple[str, Finding]]) -> None:
        news = {dt for dt, each in found if each.is_news}
        self.alarms += len(news)
        self.marked += len({dt for dt, each in found if each.acknowledged is None})
        self.undecided += len({dt for dt, each in found if each.code in INCOMPLETE})
        for code in CODES:
            self.by_code[code] += len({dt for dt, each in found if each.code == code})
        self.worst_week = max(self.worst_week, *(len(news & week) for week in WEEKS))


@pytest.mark.parametrize("size", SIZES)
def test_false_alarms_in_a_year_with_holidays(
    years: dict[str, list[Year]], size: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, known = FalseAlarms(), FalseAlarms()
    for year in years[size]:
        plain.add(year.told)
        known.add(year.findings(acknowledged=closures_acknowledged))
    told = ", ".join(f"{code} {n / YEARS:.1f}" for code, n in plain.by_code.items() if n)
    figures = {
        "that raise the alarm": plain.alarms,
        "that raise the alarm, with the closures acknowledged": known.alarms,
        "that mark a day on the calendar": plain.marked,
        "that mark a day on the calendar, with the closures acknowledged": known.marked,
        "that make attendance `no_data`": plain.undecided,
    }
    with capsys.disabled():
        print(f"\nfalse findings, days in a year, {size} ({told or 'none'}):")
        for name, number in figures.items():
            print(f"  {number / YEARS:.1f} {name}")
    for name, number in figures.items():
        assert documented()[name][size] == f"{number / YEARS:.1f}", name
    assert plain.alarms / YEARS <= MOST_ALARMS[size]
    assert known.alarms / YEARS <= MOST_ALARMS_WITH_CLOSURES[size]
    assert plain.undecided / YEARS <= 1, "a holiday must not make attendance undecided"
    assert plain.worst_week <= 3, "a holiday or a break must not raise one alarm after the other"


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_detected(
    years: dict[str, list[Year]], planted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, code, least = PLANTED[planted]
    shares = {}
    for size, of_size in years.items():
        found = tried = 0
        for year in of_size:
            for dt in TERM_DAYS[:: 9 if size == "large" else 6]:
                tried += has_sessions(year, dt)
                found += detected(year, damage, code, [dt] if has_sessions(year, dt) else [])
        shares[size] = found / tried
    assert all(shares[size] >= share for size, share in least.items()), shares
    tell(capsys, planted, code, shares)


@pytest.mark.parametrize("planted", LASTING)
def test_what_lasts_is_detected_on_each_day(
    years: dict[str, list[Year]], planted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, days, code, least = LASTING[planted]
    shares = {}
    for size, of_size in years.items():
        found = tried = 0
        for year in of_size:
            for start in range(0, len(TERM_DAYS) - days, 25):
                several = TERM_DAYS[start : start + days]
                tried += sum(has_sessions(year, dt) for dt in several)
                found += detected(year, damage, code, several)
        shares[size] = found / tried
    assert all(shares[size] >= share for size, share in least.items()), shares
    tell(capsys, planted, code, shares)


def has_sessions(year: Year, dt: str) -> bool:
    """Return whether there is anything to lose on a day."""
    return year.days[dt]["room_data"].row.sessions != "0"


def detected(year: Year, damage: Callable[[Day], Day], code: str, days: list[str]) -> int:
    """Return on how many of some days a finding comes up when they are damaged."""
    before = {dt: year.days[dt] for dt in days}
    year.days |= {dt: damage(day) for dt, day in before.items()}
    try:
        return len({dt for dt, each in year.findings(days) if each.code == code})
    finally:
        year.days |= before


def tell(
    capsys: pytest.CaptureFixture[str], what: str, code: str, shares: dict[str, float]
) -> None:
    """Print the shares, and compare them with those in the docs."""
    told = {size: f"{share:.0%}".replace("%", " %") for size, share in shares.items()}
    with capsys.disabled():
        print(f"\ndetected, {what} ({code}): {', '.join(map(' '.join, told.items()))}")
    assert documented()[what] == told


@pytest.mark.parametrize("size", ["medium", "large"])
@pytest.mark.parametrize("first", range(7))
def test_a_week_with_a_pattern_is_usual_whatever_day_its_history_begins_with(
    size: str, first: int
) -> None:
    rng = Random(f"{size} {first}")
    busy, group = SIZES[size]
    people = Users(group, {"word": 10, "code": 90}, 0.02, lone=0, is_weekly=True)
    begin = date(2026, 8, 31) + timedelta(days=first)
    days = {}
    for number in range(100):
        day = begin + timedelta(days=number)
        mean = busy * (0.5 if day.weekday() > 4 else 1)
        days[day.isoformat()] = _day(rng, day.isoformat(), mean, people.on(day))
    found = [each for _, each in Year(days).findings() if each.code in INCOMPLETE]
    assert [each.text for each in found] == []


def test_files_of_earlier_versions_have_no_share_of_unknown_users() -> None:
    days = dict(Year.generated("medium", 0).days)
    for dt, day in days.items():
        rooms = day["room_data"]
        days[dt] = {**day, "room_data": replace(rooms, row=replace(rooms.row, session_users=""))}
    dt = TERM_DAYS[20]
    days[dt] = forget_users(0.5)(days[dt])
    year = Year(days)
    assert "UNKNOWN_USERS" not in {each.code for _, each in year.findings(list(days)[:200])}


def test_a_change_that_is_acknowledged_becomes_the_usual(years: dict[str, list[Year]]) -> None:
    year, since = years["large"][0], TERM_DAYS[10]
    changed = [dt for dt in year.days if dt >= since][:20]
    before = {dt: year.days[dt] for dt in changed}
    year.days |= {dt: change_forms(day) for dt, day in before.items()}

    def acknowledged(code: str, dt: str) -> str | None:
        return "LTI 1.3 since today" if code == USER_ID_FORM and dt <= changed[4] else None

    try:
        found = [each for _, each in year.findings(changed, acknowledged)]
    finally:
        year.days |= before
    of_form = [each for each in found if each.code == USER_ID_FORM]
    # Two of the three files that are compared with are of the new form by the third day.
    assert [each.start for each in of_form] == changed[:2]
    assert not any(each.is_news for each in of_form)


def test_a_ratio_that_is_acknowledged_for_four_weeks_becomes_the_usual(
    years: dict[str, list[Year]],
) -> None:
    year, since = years["large"][0], "2026-09-28"
    changed = [dt for dt in year.days if dt >= since][:42]
    before = {dt: year.days[dt] for dt in changed}
    year.days |= {dt: lose_minutes(day) for dt, day in before.items()}

    def acknowledged(code: str, dt: str) -> str | None:
        return "shorter classes" if code == FEW_MINUTES and dt in changed[:28] else None

    try:
        found = [each for _, each in year.findings(changed, acknowledged)]
    finally:
        year.days |= before
    of_minutes = [each.start for each in found if each.code == FEW_MINUTES]
    assert set(changed[:5]) <= set(of_minutes) <= set(changed[:28])


def test_only_the_first_of_several_low_days_is_news_until_it_is_acknowledged(
    years: dict[str, list[Year]],
) -> None:
    year = years["large"][0]
    lost = next(
        several
        for several in zip(TERM_DAYS, TERM_DAYS[1:], TERM_DAYS[2:], strict=False)
        if all(_before(later, 1) == dt for dt, later in pairwise(several))
    )
    before = {dt: year.days[dt] for dt in lost}
    year.days |= {dt: lose_day(day) for dt, day in before.items()}
    try:
        plain = _news(year, lost, nothing_acknowledged)
        first = _news(year, lost, lambda _, dt: "strike" if dt == lost[0] else None)
    finally:
        year.days |= before
    assert plain == {lost[0]}
    assert first == {lost[1]}


def _news(year: Year, days: Iterable[str], acknowledged: Acknowledged) -> set[str]:
    found = year.findings(days, acknowledged)
    return {dt for dt, each in found if each.code == FEW_SESSIONS and each.is_news}


def test_findings_of_a_row_are_told_apart_by_what_they_mean() -> None:
    texts = {code: f"about {code}" for code in CODES}
    row = Year.generated("small", 0).days[TERM_DAYS[0]]["attendees"].row
    sorted_row = with_findings(row, texts, lambda code: "why" if code == FEW_MINUTES else None)
    assert finding_codes(sorted_row.findings) == INCOMPLETE - {FEW_MINUTES}
    assert finding_codes(sorted_row.other_findings) == set(CODES) - INCOMPLETE
    assert sorted_row.acknowledged == "FEW_MINUTES: about FEW_MINUTES; acknowledged: why"
    assert all_findings(sorted_row) == texts
    assert with_findings(sorted_row, all_findings(sorted_row), lambda _: None) == with_findings(
        row, texts, lambda _: None
    )
