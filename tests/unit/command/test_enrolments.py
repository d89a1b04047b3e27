"""Rosters from the log of enrolments: compared with a simulation of each moment of each day."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from room_reports_command.reference.enrolments import Event, Period, Stay, periods, stays

ZONE = ZoneInfo("America/New_York")
FIRST = datetime(2026, 10, 30, 4, tzinfo=UTC)
"""Midnight in New York; two days later the clocks go back."""
HOUR = timedelta(hours=1)
DAYS = [date(2026, 10, 29) + timedelta(days=number) for number in range(9)]

hours = st.integers(0, 140)
events = st.lists(
    st.tuples(hours, st.sampled_from(["student", "teacher", None])),
    max_size=6,
    unique_by=lambda e: e[0],
).map(
    lambda drawn: [
        Event(FIRST + hour * HOUR, number, role or "", role is not None)
        for number, (hour, role) in enumerate(drawn)
    ]
)


def role_at(log: Sequence[Event], moment: datetime) -> str | None:
    """Return the role after the last event at or before a moment."""
    before = [each for each in log if each.moment <= moment]
    last = max(before, key=lambda each: each.moment, default=None)
    return last.role if last and last.enrolled else None


def roles_on(log: Sequence[Event], day: date) -> list[str | None]:
    """Return the role in each half hour of a day in New York."""
    moment = datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)
    found = []
    while moment.astimezone(ZONE).date() == day:
        found.append(role_at(log, moment))
        moment += HOUR / 2
    return found


def on_roster(found: Sequence[Period], day: date) -> list[str]:
    return [
        each.role for each in found if each.start <= day and (each.end is None or day < each.end)
    ]


@given(events)
@example([Event(FIRST + 30 * HOUR, 1, "student", True), Event(FIRST + 40 * HOUR, 2, "", False)])
def test_a_day_counts_if_the_person_was_enrolled_on_it(log: list[Event]) -> None:
    found = periods(stays(log)[0], ZONE)
    for day in DAYS:
        roles = [role for role in roles_on(log, day) if role]
        assert on_roster(found, day) == roles[-1:]


@given(events)
def test_only_whole_days_count_if_that_is_asked_for(log: list[Event]) -> None:
    found = periods(stays(log)[0], ZONE, whole_days=True)
    for day in DAYS:
        roles = roles_on(log, day)
        whole = roles[0] if len(set(roles)) == 1 and roles[0] else None
        assert on_roster(found, day) == ([whole] if whole else [])


@given(events)
def test_periods_are_in_order_and_apart(log: list[Event]) -> None:
    found = periods(stays(log)[0], ZONE)
    assert all(each.end is None or each.start < each.end for each in found)
    for earlier, later in pairwise(found):
        assert earlier.end is not None
        assert earlier.end < later.start or earlier.role != later.role
        assert earlier.end <= later.start


def test_a_withdrawal_without_an_enrolment_is_counted_and_makes_no_period() -> None:
    assert stays([Event(FIRST, 1, "", False)]) == ([], 1)


@pytest.mark.parametrize("first_is_enrolment", [True, False])
def test_events_at_the_same_moment_are_in_the_order_of_the_log(first_is_enrolment: bool) -> None:
    log = [
        Event(FIRST, 2, "student", not first_is_enrolment),
        Event(FIRST, 1, "student", first_is_enrolment),
    ]
    found, lacking = stays(log)
    expected = (
        [Stay("student", FIRST, FIRST)] if first_is_enrolment else [Stay("student", FIRST, None)]
    )
    assert (found, lacking) == (expected, 0 if first_is_enrolment else 1)


def test_a_repeated_enrolment_changes_nothing() -> None:
    once = [Event(FIRST, 1, "student", True)]
    assert stays([*once, Event(FIRST + HOUR, 2, "student", True)]) == stays(once)
