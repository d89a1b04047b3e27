"""Schedules: what an expression means, and when the next run is."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.stack.template import load_template
from room_reports_command.errors import InputError
from room_reports_command.schedule import Cron, parse_schedule

MOMENTS = st.integers(1_580_000_000, 3_700_000_000).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "after", "run"),
    [
        ("cron(7 * * * ? *)", "2026-11-24T22:07", "2026-11-24T23:07"),
        ("cron(7 * * * ? *)", "2026-11-24T22:06:59", "2026-11-24T22:07"),
        ("cron(0/15 8-9 * * ? *)", "2026-11-24T09:45", "2026-11-25T08:00"),
        ("cron(0 12 L * ? *)", "2026-02-01", "2026-02-28T12:00"),
        ("cron(0 12 1W * ? *)", "2026-08-01", "2026-08-03T12:00"),
        ("cron(0 12 15W * ? *)", "2026-11-01", "2026-11-16T12:00"),
        ("cron(0 12 31W * ? *)", "2026-04-01", "2026-05-29T12:00"),
        ("cron(0 12 ? * MON-FRI *)", "2026-11-27T13:00", "2026-11-30T12:00"),
        ("cron(0 12 ? * FRI-MON *)", "2026-11-24T13:00", "2026-11-27T12:00"),
        ("cron(0 12 ? * 1 *)", "2026-11-24", "2026-11-29T12:00"),
        ("cron(0 12 ? * 2#1 *)", "2026-11-24", "2026-12-07T12:00"),
        ("cron(0 12 ? * 6L *)", "2026-11-01", "2026-11-27T12:00"),
        ("cron(0 12 ? * L *)", "2026-11-24", "2026-11-28T12:00"),
        ("cron(0 22-4/2 * * ? *)", "2026-11-24T22:00", "2026-11-25T00:00"),
        ("cron(0 22-4/2 * * ? *)", "2026-11-25T04:00", "2026-11-25T22:00"),
        ("cron(0 12 ? * FRI-TUE/2 *)", "2026-11-27T13:00", "2026-11-29T12:00"),
        ("cron(0 0 29 2 ? *)", "2026-11-24", "2028-02-29T00:00"),
        ("cron(0 0 1 jan,JUL ? 2028/2)", "2026-11-24", "2028-01-01T00:00"),
    ],
)
def test_the_next_run_of_a_cron_expression(expression: str, after: str, run: str) -> None:
    assert parse_schedule(expression).next_after(at(after)) == at(run)


def test_a_schedule_can_have_ended() -> None:
    assert parse_schedule("cron(0 0 1 1 ? 2020)").next_after(at("2026-11-24")) is None


@given(
    MOMENTS, st.integers(1, 50), st.sampled_from(["minute", "hour", "day"]), st.integers(0, 10**6)
)
def test_a_rate_repeats_from_its_last_run(
    now: datetime, number: int, unit: str, seconds: int
) -> None:
    schedule = parse_schedule(f"rate({number} {unit}{'' if number == 1 else 's'})")
    last = now - timedelta(seconds=seconds)
    run = schedule.next_after(now, last)
    every = timedelta(**{f"{unit}s": number})
    assert run is not None
    assert now < run <= now + every
    assert (run - last) % every == timedelta()


@given(MOMENTS, st.integers(0, 59), st.integers(0, 23))
def test_a_daily_run_is_within_a_day(now: datetime, minute: int, hour: int) -> None:
    schedule = parse_schedule(f"cron({minute} {hour} * * ? *)")
    run = schedule.next_after(now)
    assert run is not None
    assert now < run <= now + timedelta(days=1)
    assert (run.minute, run.hour, run.second) == (minute, hour, 0)


@given(st.integers(0, 59), st.integers(1, 30))
def test_a_step_counts_from_its_start(start: int, step: int) -> None:
    schedule = parse_schedule(f"cron({start}/{step} * * * ? *)")
    assert isinstance(schedule, Cron)
    assert schedule.minutes == frozenset(range(start, 60, step))


@given(st.integers(0, 23), st.integers(0, 23), st.integers(1, 30), st.sampled_from(["", "5,"]))
def test_a_step_counts_in_a_range_that_goes_over_the_end_too(
    first: int, last: int, step: int, before: str
) -> None:
    """Count on from the first hour, an hour at a time, as a clock does."""
    schedule = parse_schedule(f"cron(0 {before}{first}-{last}/{step} * * ? *)")
    length = (last - first) % 24
    expected = {(first + past) % 24 for past in range(length + 1) if past % step == 0}
    assert isinstance(schedule, Cron)
    assert schedule.hours == expected | ({5} if before else set())


RATES = st.builds(
    "rate({} {})".format,
    st.integers(0, 200).map(str) | st.sampled_from(["", "01", "1.5", "-1"]),
    st.sampled_from(["minute", "minutes", "hour", "hours", "day", "days", "week"]),
)


ALLOWED = load_template()["Parameters"]["ScheduleExpression"]["AllowedPattern"]


@given(RATES)
def test_the_template_takes_the_rates_that_can_be_parsed(expression: str) -> None:
    try:
        parse_schedule(expression)
    except InputError:
        assert not re.search(ALLOWED, expression)
    else:
        assert re.search(ALLOWED, expression)


@pytest.mark.parametrize(
    "expression",
    [
        *("", "hourly", "rate(0 hours)", "rate(1.5 hours)", "rate(5 weeks)", "cron(7 * * *)"),
        *("cron(7 * * * * *)", "cron(7 * ? * ? *)", "cron(60 * * * ? *)", "cron(7 24 * * ? *)"),
        *("cron(7 * 0 * ? *)", "cron(7 * 32 * ? *)", "cron(7 * * 13 ? *)", "cron(7 * ? * 8 *)"),
        *("cron(7 * ? * 2#6 *)", "cron(x * * * ? *)", "cron(7/0 * * * ? *)", "cron(7/x * * * ? *)"),
        *("cron(7 * * * ? 1969)", "rate(5 minute)", "rate(1 minutes)", "rate(1 hours)"),
        *("rate(10 day)", "rate(01 hour)", "rate(1 Hour)"),
    ],
)
def test_a_wrong_expression_is_refused(expression: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_schedule(expression)
    assert "ScheduleExpression" in caught.value.cure
