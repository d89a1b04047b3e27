"""The quality checks over generated years: how often they are wrong, and what they find.

A year has terms, breaks, public holidays, a timetable by weekday, growth and the noise of groups of
all sizes. Nothing is lost in it, so that each finding is a false alarm. Then one thing is lost or
changed on one day, and it counts as detected if the right finding comes up.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

import pytest

from room_reports.model.day_files import DayFile
from room_reports.model.quality import (
    ATTENDEES_WITHOUT_SESSION,
    CODES,
    DUPLICATE_KEYS,
    FEW_ATTENDEES,
    FEW_MINUTES,
    FEW_SESSIONS,
    SESSIONS_WITHOUT_ATTENDEES,
    UNKNOWN_USERS,
    USER_ID_FORM,
    Checks,
    Facts,
    Finding,
    references_for,
)

Day = dict[str, Facts]
"""The files of one day, by report."""
FIRST = date(2026, 7, 1)
YEARS = 6
"""Years of each size."""
SIZES = {"small": (8, 6), "medium": (60, 14), "large": (500, 22)}
"""Sessions on a busy day, and mean attendees of a session."""
MOST_FALSE_ALARMS = {"small": 3, "medium": 14, "large": 12}
"""Days of a year with a false alarm, at most, on the average.

Nine holidays, three breaks and the end of the last term look like lost days.
"""


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


@dataclass
class Year:
    """A year of an account in which nothing is lost."""

    days: dict[str, Day]

    @classmethod
    def generated(cls, size: str, seed: int) -> "Year":
        """Return a year that follows from a seed."""
        rng = Random(f"{size} {seed}")
        busy, group = SIZES[size]
        weekdays = [rng.uniform(0.6, 1.0) for _ in range(4)] + [rng.uniform(0.3, 0.7), 0.05, 0.08]
        mix = rng.choice([{"email": 95, "number": 5}, {"number": 70, "word": 30}, {"code": 100}])
        unknown = rng.choice([0.0, 0.02, 0.15])
        days = {}
        for number in range(365):
            day = FIRST + timedelta(days=number)
            growth = 1 + 0.3 * number / 365
            mean = busy * weekdays[day.weekday()] * closed(day) * growth
            days[day.isoformat()] = _day(rng, day.isoformat(), mean, Users(group, mix, unknown))
        return cls(days)

    def findings(self, only: str | None = None) -> Iterator[tuple[str, Finding]]:
        """Yield each finding with its day, as if every day were checked when it had settled."""
        history = {facts.row.key: facts.row for day in self.days.values() for facts in day.values()}
        checks = Checks("us", history)
        for dt, day in self.days.items():
            if only and dt != only:
                continue
            made = dict.fromkeys((dt, slug) for slug in day)
            for facts in day.values():
                past = {
                    key: row
                    for back in range(1, 15)
                    if (key := (_before(dt, back), facts.row.report)) in history
                    for row in [history[key]]
                }
                wanted = references_for(facts, past)
                references = [self.days[row.dt][row.report] for row in wanted]
                yield from ((dt, each) for each in checks.findings(facts, references, made))


def _before(dt: str, days: int) -> str:
    return (date.fromisoformat(dt) - timedelta(days=days)).isoformat()


@dataclass(frozen=True)
class Users:
    """What the users of an account are like."""

    group: int
    """Mean attendees of a session."""
    forms: dict[str, int]
    unknown: float


def _day(rng: Random, dt: str, mean: float, people: Users) -> Day:
    sessions = max(0, round(rng.gauss(mean, mean**0.5)))
    # Groups of all sizes: some lectures, many seminars.
    sizes = [
        max(1, round(rng.lognormvariate(0, 0.8) * people.group * 0.7)) for _ in range(sessions)
    ]
    rows = sum(sizes)
    minutes = sum(size * rng.uniform(25, 75) for size in sizes)
    breakouts = sum(rng.random() < 0.35 for _ in range(sessions)) * 3
    users = round(rows * 0.6)
    drawn = sum(rng.random() < people.unknown for _ in range(min(rows, 2000)))
    unknown_rows = round(drawn * rows / max(1, min(rows, 2000)))
    forms = _sampled(rng, people.forms, min(users, 500))

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
        )

    return {
        "room_data": Facts(file("room_data", sessions)),
        "breakout_sessions": Facts(file("breakout_sessions", breakouts)),
        "attendees": Facts(
            file(
                "attendees",
                rows,
                sessions=str(sessions),
                users=str(users),
                minutes=f"{minutes:.2f}",
            ),
            unknown_rows,
            0,
            forms,
        ),
    }


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
    unknown = facts.unknown_rows
    return replace(
        facts,
        row=replace(facts.row, **values),
        unknown_rows=None if unknown is None else round(unknown * share),
    )


ALL = ("rows", "sessions", "users", "minutes")


def lose_day(day: Day) -> Day:
    return {slug: scaled(facts, 0, *ALL) for slug, facts in day.items()}


def lose_most_hours(day: Day) -> Day:
    return {slug: scaled(facts, 0.25, *ALL) for slug, facts in day.items()}


def lose_attendees(day: Day) -> Day:
    return {**day, "attendees": scaled(day["attendees"], 0, *ALL)}


def lose_some_sessions(slug: str) -> Callable[[Day], Day]:
    return lambda day: {**day, slug: scaled(day[slug], 0.9, *ALL)}


def lose_rows(day: Day) -> Day:
    return {**day, "attendees": scaled(day["attendees"], 0.3, "rows", "users", "minutes")}


def lose_minutes(day: Day) -> Day:
    return {**day, "attendees": scaled(day["attendees"], 0.3, "minutes")}


def lose_breakouts(day: Day) -> Day:
    return {**day, "breakout_sessions": scaled(day["breakout_sessions"], 0, *ALL)}


def forget_users(day: Day) -> Day:
    facts = day["attendees"]
    return {**day, "attendees": replace(facts, unknown_rows=round(0.5 * float(facts.row.rows)))}


def change_forms(day: Day) -> Day:
    return {**day, "attendees": replace(day["attendees"], user_forms={"uuid": 100})}


def repeat_rows(day: Day) -> Day:
    return {**day, "attendees": replace(day["attendees"], duplicates=3)}


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
    "half of the users unknown": (forget_users, UNKNOWN_USERS, {"medium": 0.95, "large": 0.95}),
    "another form of user ids": (change_forms, USER_ID_FORM, {"medium": 0.95, "large": 0.95}),
    "rows twice": (repeat_rows, DUPLICATE_KEYS, dict.fromkeys(SIZES, 1.0)),
}
"""What is done to a day, the finding that must come up, and the least share of days by size."""
TERM_DAYS = [
    (date(2026, 10, 20) + timedelta(days=number)).isoformat()
    for number in range(150)
    if (date(2026, 10, 20) + timedelta(days=number)).weekday() < 4
    and closed(date(2026, 10, 20) + timedelta(days=number)) == 1
]
"""Working days of terms with enough of a history before them."""


@pytest.mark.parametrize("size", SIZES)
def test_false_alarms_in_a_year_with_holidays(
    years: dict[str, list[Year]], size: str, capsys: pytest.CaptureFixture[str]
) -> None:
    by_code = dict.fromkeys(CODES, 0)
    days = 0
    worst = 0
    for year in years[size]:
        found = list(year.findings())
        alarmed = {dt for dt, _ in found}
        days += len(alarmed)
        worst = max(worst, max((len(alarmed & week) for week in _weeks(year)), default=0))
        for code in CODES:
            by_code[code] += len({dt for dt, each in found if each.code == code})
    told = ", ".join(f"{code} {count / YEARS:.1f}" for code, count in by_code.items() if count)
    with capsys.disabled():
        print(f"\nfalse alarms, {size}: {days / YEARS:.1f} days a year ({told or 'none'})")
    assert days / YEARS <= MOST_FALSE_ALARMS[size]
    assert worst <= 2, "a holiday or a break must not raise one alarm after the other"


def _weeks(year: Year) -> Iterator[set[str]]:
    days = list(year.days)
    return (set(days[start : start + 7]) for start in range(0, len(days), 7))


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_detected(
    years: dict[str, list[Year]], planted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, code, least = PLANTED[planted]
    shares = {}
    for size, of_size in years.items():
        found = tried = 0
        for year in of_size:
            for dt in TERM_DAYS[:: 3 if size == "large" else 2]:
                before = year.days[dt]
                year.days[dt] = damage(before)
                tried += 1
                found += any(each.code == code for _, each in year.findings(dt))
                year.days[dt] = before
        shares[size] = found / tried
    with capsys.disabled():
        told = ", ".join(f"{size} {share:.0%}" for size, share in shares.items())
        print(f"\ndetected, {planted} ({code}): {told}")
    assert all(shares[size] >= share for size, share in least.items()), shares
