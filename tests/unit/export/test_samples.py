"""Which settled windows are asked for again on a date."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from room_reports.export.planner import Reason, SeriesPlan
from room_reports.export.samples import (
    OLDEST,
    Band,
    answered_since,
    bands,
    neighbours,
    plan_samples,
    sampled_days,
)
from room_reports.export.sampling import MOST_NEIGHBOURS
from room_reports.export.scope import Scope
from room_reports.model.freshness import CLOCK_SKEW, milestones
from room_reports.model.reports import REPORTS
from room_reports.model.windows import Calendar, Granularity
from room_reports.storage.keys import Series
from room_reports.storage.objects import StoredObject
from tests.support.plans import plan
from tests.unit.export.test_planner import scopes_and_listings, stored

ROOT = Path(__file__).parents[3]
DATES = st.dates(date(2020, 1, 1), date(2040, 1, 1))
SETTLE = st.integers(0, 24 * 365).map(lambda hours: timedelta(hours=hours))
NUMBERS = st.integers(0, 30)
ZONES = st.sampled_from(["UTC", "Pacific/Apia", "Pacific/Pago_Pago", "America/New_York"])
SERIES = st.builds(
    Series,
    st.sampled_from([report.slug for report in REPORTS]),
    st.sampled_from(["us", "eu"]),
    st.sampled_from(Granularity),
)


def planned(series: Series, calendar: Calendar, settle: timedelta) -> SeriesPlan:
    """Return the plan of a series of which nothing is due."""
    report = next(report for report in REPORTS if report.slug == series.slug)
    return SeriesPlan(report, series, calendar, settle, gzip=False, forced=False)


@given(NUMBERS, SETTLE)
def test_bands_divide_the_ages_from_settling_to_a_year(number: int, settle: timedelta) -> None:
    found = bands(number, settle)
    assert len(found) <= number
    if not found:
        assert number == 0 or settle > timedelta(days=OLDEST - 3)
        return
    assert found[0].first >= settle / timedelta(days=1) + 2
    assert found[-1].end == OLDEST
    assert all(one.end == other.first for one, other in pairwise(found))
    lengths = [band.days for band in found]
    assert lengths[0] >= 1
    # More of the younger ones, up to rounding.
    assert all(one <= other + 1 for one, other in pairwise(lengths))


def test_the_bands_of_the_default_are_those_of_the_docs() -> None:
    first, second, third = bands(3, timedelta(hours=48))
    assert (first, second, third) == (Band(4, 18), Band(18, 81), Band(81, 366))
    page = " ".join((ROOT / "docs" / "how-it-stays-complete.md").read_text("utf-8").split())
    ages = [f"{band.first} to {band.end - 1}" for band in (first, second, third)]
    assert f"With the defaults they are {ages[0]}, {ages[1]} and {ages[2]} days." in page
    assert f"{MOST_NEIGHBOURS} windows for each region and run at most" in page


@given(SERIES, DATES, NUMBERS, SETTLE)
def test_a_sample_is_bounded_and_has_one_day_of_each_band(
    series: Series, on: date, number: int, settle: timedelta
) -> None:
    days = sampled_days(series, on, number, settle)
    assert len(days) == len(set(days)) <= number
    for day, band in zip(days, bands(number, settle), strict=True):
        assert band.first <= (on - day).days < band.end


@given(st.integers(0, 40), st.integers(1, 400), st.integers(0, 2**32), DATES)
def test_each_day_is_in_the_sample_once_while_it_is_in_a_band(
    first: int, length: int, phase: int, day: date
) -> None:
    band = Band(first, first + length)
    dates = [day + timedelta(days=age) for age in range(band.first, band.end)]
    assert [band.sampled(on, phase) for on in dates].count(day) == 1


@given(SERIES, DATES, st.integers(1, 30), SETTLE)
def test_the_whole_year_is_sampled_in_as_many_days_as_the_oldest_band_has(
    series: Series, on: date, number: int, settle: timedelta
) -> None:
    found = bands(number, settle)
    if not found:
        return
    # Every day that has gone through all bands has been in as many samples.
    day = on - timedelta(days=OLDEST)
    dates = [day + timedelta(days=age) for age in range(found[0].first, OLDEST)]
    times = Counter(each for at in dates for each in sampled_days(series, at, number, settle))
    assert times[day] == len(found)
    # So over any dates as long as the last band, each day that was in it all the time is sampled.
    last = [on + timedelta(days=n) for n in range(found[-1].days)]
    seen = {sampled_days(series, at, number, settle)[-1] for at in last}
    assert on - timedelta(days=found[-1].first) in seen


@given(st.integers(3, 400), st.integers(0, 2**32), DATES)
def test_the_ages_in_a_band_vary(length: int, phase: int, on: date) -> None:
    band = Band(4, 4 + length)
    dates = [on + timedelta(days=n) for n in range(length)]
    ages = {(at - band.sampled(at, phase)).days for at in dates}
    assert len(ages) > 1


@st.composite
def listings(draw: st.DrawFn) -> tuple[Series, Calendar, list[StoredObject], timedelta, datetime]:
    """Generate the objects of some windows of a series, and a moment."""
    series = draw(SERIES)
    calendar = Calendar(series.granularity, ZoneInfo(draw(ZONES)))
    now = datetime(2026, 10, 26, tzinfo=UTC) + timedelta(minutes=draw(st.integers(0, 3 * 24 * 60)))
    settle = timedelta(hours=draw(st.sampled_from([0, 6, 48])))
    begin = now - timedelta(days=draw(st.integers(1, 6)))
    held = []
    for window in calendar.overlapping(begin, begin + timedelta(days=1)):
        if draw(st.booleans()):
            written = window.start + timedelta(hours=draw(st.integers(0, 150)))
            key = series.key(window, gzip=draw(st.booleans()))
            held.append(stored(key, min(written, now)))
    return series, calendar, held, settle, now


@given(listings())
def test_only_settled_windows_that_were_not_written_today_are_asked_for(
    case: tuple[Series, Calendar, list[StoredObject], timedelta, datetime],
) -> None:
    series, calendar, held, settle, now = case
    tasks = plan_samples(planned(series, calendar, settle), held, now)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    expected = {
        item.key
        for item in held
        if milestones(calendar.window(item.parsed.label), settle)[1] <= item.last_modified
        and item.last_modified < midnight - CLOCK_SKEW
    }
    assert {task.key for task in tasks} == expected
    for task in tasks:
        assert task.is_sample
        assert task.replaces
        assert not task.forced
        assert task.since == answered_since(now) == midnight - CLOCK_SKEW
        assert task.window == calendar.window(task.window.label)


@given(listings(), st.integers(0, 23))
def test_a_window_that_was_answered_is_not_asked_for_again_on_the_same_date(
    case: tuple[Series, Calendar, list[StoredObject], timedelta, datetime], hour: int
) -> None:
    series, calendar, held, settle, now = case
    of_series = planned(series, calendar, settle)
    asked = {task.key for task in plan_samples(of_series, held, now)}
    after = [replace(item, last_modified=now) if item.key in asked else item for item in held]
    later = now.replace(hour=max(hour, now.hour))
    again = {task.key for task in plan_samples(of_series, after, later)}
    assert not again & asked


@given(scopes_and_listings(), SETTLE, NUMBERS)
def test_samples_have_no_effect_on_what_is_due(
    case: tuple[Scope, dict[Series, dict[str, StoredObject]]], settle: timedelta, number: int
) -> None:
    scope, listing = case
    without = plan(scope, settle, listing, gzip=False)
    assert plan(replace(scope, sample_days=number), settle, listing, gzip=False) == without
    assert all(not task.is_sample for task in without.tasks)
    if scope.force:
        return
    # What is due is no sample, and a sample is not due.
    due = {(task.series, task.window.label) for task in without.tasks}
    for series, held in listing.items():
        calendar = scope.time_ranges[series.granularity].calendar
        of_series = planned(series, calendar, settle)
        for task in plan_samples(of_series, held.values(), scope.now):
            assert (series, task.window.label) not in due


@given(SERIES, ZONES, st.integers(0, 24 * 60))
def test_neighbours_touch_a_window(series: Series, zone: str, hours: int) -> None:
    calendar = Calendar(series.granularity, ZoneInfo(zone))
    # In this time, Samoa skipped a date.
    window = calendar.containing(datetime(2011, 12, 1, tzinfo=UTC) + timedelta(hours=hours))
    before, after = neighbours(calendar, window)
    assert before.end == window.start
    assert window.end == after.start


def test_neighbours_are_told_from_samples() -> None:
    series = Series("attendees", "us", Granularity.DAY)
    calendar = Calendar(Granularity.DAY, ZoneInfo("UTC"))
    item = stored(
        series.key(calendar.window("2026-09-01"), gzip=False), datetime(2026, 9, 5, tzinfo=UTC)
    )
    (task,) = plan_samples(
        planned(series, calendar, timedelta(hours=48)),
        [item],
        datetime(2026, 9, 9, 0, 7, tzinfo=UTC),
        Reason.NEIGHBOUR,
    )
    assert task.reason is Reason.NEIGHBOUR
    assert task.is_sample
