"""The state of an export."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from room_reports.model.freshness import CLOCK_SKEW, State, milestones, state_at
from room_reports.model.windows import Calendar, Granularity, Window

MOMENTS = st.integers(0, 5_000_000).map(
    lambda minutes: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
WINDOWS = st.builds(
    lambda kind, zone, moment: Calendar(kind, ZoneInfo(zone)).containing(moment),
    st.sampled_from(Granularity),
    st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe"]),
    MOMENTS,
)
SETTLE = st.integers(0, 10_000).map(lambda minutes: timedelta(minutes=minutes))


@given(WINDOWS, SETTLE, st.integers(-20_000, 20_000))
def test_state_depends_on_the_milestones_that_have_passed(
    window: Window, settle: timedelta, minutes: int
) -> None:
    moment = window.end + timedelta(minutes=minutes)
    end, settled = milestones(window, settle)
    assert end == window.end
    assert settled == window.end + max(settle, CLOCK_SKEW) > end
    passed = sum(milestone <= moment for milestone in (end, settled))
    assert state_at(window, settle, moment) is list(State)[passed]


@given(WINDOWS, SETTLE)
def test_a_milestone_belongs_to_the_later_state(window: Window, settle: timedelta) -> None:
    end, settled = milestones(window, settle)
    tick = timedelta(microseconds=1)
    states = [state_at(window, settle, at) for at in (end - tick, end, settled - tick, settled)]
    assert states == [State.OPEN, State.SETTLING, State.SETTLING, State.SETTLED]
