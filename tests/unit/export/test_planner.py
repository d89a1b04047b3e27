"""Which windows are due, for any contents of the bucket."""

import tracemalloc
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from room_reports.export.planner import Reason, Share, Task, plan_series
from room_reports.export.scope import CalendarRange, Scope
from room_reports.model.freshness import CLOCK_SKEW
from room_reports.model.reports import REPORTS
from room_reports.model.windows import Calendar, Granularity
from room_reports.storage.keys import Series, parse_key
from room_reports.storage.objects import StoredObject, latest_by_label
from tests.support.plans import Planned, plan

NOW = datetime(2026, 10, 26, 5, 7, tzinfo=UTC)
ZONES = [ZoneInfo(name) for name in ("UTC", "America/New_York", "Europe/Warsaw", "Asia/Kathmandu")]
SETTLE = st.sampled_from([timedelta(hours=hours) for hours in (0, 1, 48)])


@st.composite
def scopes(draw: st.DrawFn) -> Scope:
    now = NOW - timedelta(minutes=draw(st.integers(0, 3 * 24 * 60)))
    start = now - timedelta(minutes=draw(st.integers(1, 36 * 60)))
    end = now + timedelta(hours=draw(st.integers(-12, 12)))
    kinds = draw(st.lists(st.sampled_from(Granularity), min_size=1, max_size=2, unique=True))
    zone = draw(st.sampled_from(ZONES))
    since = draw(st.none() | st.integers(0, 48).map(lambda hours: now - timedelta(hours=hours)))
    return Scope(
        trigger="event",
        now=now,
        reports=dict.fromkeys(
            draw(st.sampled_from([("us",), ("us", "eu")])), REPORTS[: draw(st.integers(1, 3))]
        ),
        time_ranges={kind: CalendarRange(start, end, Calendar(kind, zone)) for kind in kinds},
        open_windows=draw(st.booleans()),
        force=draw(st.booleans()),
        missing_since=since,
    )


@st.composite
def scopes_and_listings(draw: st.DrawFn) -> tuple[Scope, dict[Series, dict[str, StoredObject]]]:
    """Generate a scope and a listing of some of its windows, written after their start."""
    scope = draw(scopes())
    listing: dict[Series, dict[str, StoredObject]] = {}
    for report, region, granularity in scope.series():
        series = Series(report.slug, region, granularity)
        for window in scope.windows(granularity):
            if draw(st.booleans()):
                written = window.start + timedelta(minutes=draw(st.integers(0, 6000)))
                held = stored(series.key(window, gzip=draw(st.booleans())), min(written, scope.now))
                listing.setdefault(series, {})[window.label] = held
    return scope, listing


def stored(key: str, written: datetime) -> StoredObject:
    parsed = parse_key(key)
    assert parsed
    return StoredObject(key, parsed, written, '"etag"', 1)


def all_done(
    scope: Scope, listing: dict[Series, dict[str, StoredObject]], planned: Planned
) -> dict[Series, dict[str, StoredObject]]:
    """Return the listing after a run that completed the plan."""
    after = {series: dict(held) for series, held in listing.items()}
    for task in planned.tasks:
        after.setdefault(task.series, {})[task.window.label] = stored(task.key, scope.now)
    return after


@given(scopes_and_listings(), SETTLE)
def test_reason_of_a_task_follows_from_the_milestones(
    case: tuple[Scope, dict[Series, dict[str, StoredObject]]], settle: timedelta
) -> None:
    scope, listing = case
    planned = plan(scope, settle, listing, gzip=False)
    found = {(task.series, task.window.label): task for task in planned.tasks}
    skipped = 0
    for report, region, granularity in scope.series():
        series = Series(report.slug, region, granularity)
        for window in scope.windows(granularity):
            task = found.pop((series, window.label), None)
            held = listing.get(series, {}).get(window.label)
            final = window.end + max(settle, CLOCK_SKEW)
            expected: Reason | None
            if held is None and scope.missing_since and window.end <= scope.missing_since:
                assert task is None
                continue
            if scope.now < window.end:
                expected = Reason.OPEN
            elif held is None or held.last_modified < window.end:
                expected = Reason.MISSING
            elif held.last_modified < final <= scope.now:
                expected = Reason.SETTLE
            else:
                expected = Reason.FORCED if scope.force else None
            assert (task.reason if task else None) is expected
            skipped += expected is None
            if task:
                assert task.replaces is (held is not None)
                assert task.window == window
                assert task.key == (held.key if held else series.key(window, gzip=False))
                assert task.gzip is task.key.endswith(".gz")
    assert found == {}
    assert planned.skipped == skipped


@given(scopes_and_listings(), SETTLE, st.booleans())
def test_every_key_is_planned_once_in_the_documented_order(
    case: tuple[Scope, dict[Series, dict[str, StoredObject]]], settle: timedelta, gzip: bool
) -> None:
    scope, listing = case
    tasks = plan(scope, settle, listing, gzip=gzip).tasks
    assert max(Counter(task.key for task in tasks).values(), default=1) == 1
    for series in {task.series for task in tasks}:
        own = [task for task in tasks if task.series == series]
        order = [(t.reason, -t.window.end.timestamp(), -t.window.start.timestamp()) for t in own]
        assert order == sorted(order)
    assert not any(task.window.start >= scope.now for task in tasks)


@given(scopes_and_listings(), SETTLE, st.integers(1, 4))
def test_simultaneous_runs_begin_with_different_windows(
    case: tuple[Scope, dict[Series, dict[str, StoredObject]]], settle: timedelta, runs: int
) -> None:
    scope, listing = case
    everything = {task.key for task in plan(scope, settle, listing, gzip=False).tasks}
    first: Counter[str] = Counter()
    for number in range(runs):
        share = Share(number, runs)
        tasks = plan(scope, settle, listing, gzip=False, share=share).tasks
        assert {task.key for task in tasks} == everything
        own = [share.includes(int(task.window.start.timestamp())) for task in tasks]
        for series in {task.series for task in tasks}:
            mine = [each for each, task in zip(own, tasks, strict=True) if task.series == series]
            assert mine == sorted(mine, reverse=True)
        first.update(task.key for each, task in zip(own, tasks, strict=True) if each)
    assert first == Counter(everything)


@given(scopes_and_listings(), SETTLE)
def test_a_second_run_plans_only_open_or_forced_windows(
    case: tuple[Scope, dict[Series, dict[str, StoredObject]]], settle: timedelta
) -> None:
    scope, listing = case
    first = plan(scope, settle, listing, gzip=False)
    second = plan(scope, settle, all_done(scope, listing, first), gzip=True)
    assert {task.reason for task in second.tasks} <= {Reason.OPEN, Reason.FORCED}
    # Changing the compression does not change the key of an existing export.
    held = {a.key for series in all_done(scope, listing, first).values() for a in series.values()}
    assert {task.key for task in second.tasks} <= held


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50), st.booleans()), max_size=8))
def test_latest_of_two_objects_of_a_window_counts(made: list[tuple[int, int, bool]]) -> None:
    series = Series("attendees", "us", Granularity.DAY)
    calendar = Calendar(Granularity.DAY, ZONES[0])
    objects = [
        stored(
            series.key(calendar.window(f"2026-09-{1 + day:02}"), gzip=gzip),
            NOW + timedelta(minutes=minutes),
        )
        for day, minutes, gzip in made
    ]
    held = latest_by_label(objects)
    assert set(held) == {item.parsed.label for item in objects}
    for label, item in held.items():
        same = [other for other in objects if other.parsed.label == label]
        assert item.last_modified == max(other.last_modified for other in same)


def test_str_of_a_task() -> None:
    span = CalendarRange(NOW - timedelta(hours=1), NOW, Calendar(Granularity.HOUR, ZONES[0]))
    scope = Scope("event", NOW, {"eu": REPORTS[1:2]}, {Granularity.HOUR: span}, False)
    (task,) = plan(scope, timedelta(0), {}, gzip=False).tasks
    assert str(task) == "attendees eu hour 2026-10-26T04Z"


def test_ten_years_of_hours_need_a_few_bytes_for_each_window() -> None:
    days = 3650
    span = CalendarRange(NOW - timedelta(days=days), NOW, Calendar(Granularity.HOUR, ZONES[0]))
    scope = Scope("event", NOW, {"us": REPORTS[:1]}, {Granularity.HOUR: span}, False)
    series = Series(REPORTS[0].slug, "us", Granularity.HOUR)
    tracemalloc.start()
    try:
        planned = plan_series(scope, REPORTS[0], series, (), timedelta(hours=48), gzip=False)
        while planned:
            planned.take_first()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Six such series, of two regions and three reports, fit into 200 MB many times over.
    assert peak < 30 * days * 24


@given(scopes_and_listings(), SETTLE, st.integers(0, 100))
def test_forced_and_open_windows_are_not_due_again_once_they_were_written(
    case: tuple[Scope, dict[Series, dict[str, StoredObject]]], settle: timedelta, hours: int
) -> None:
    scope, listing = case
    since = scope.now - timedelta(hours=hours)
    before = plan(scope, settle, listing, gzip=False).tasks
    after = plan(replace(scope, written_before=since), settle, listing, gzip=False).tasks

    def is_done(task: Task) -> bool:
        held = listing.get(task.series, {}).get(task.window.label)
        again = task.reason in {Reason.FORCED, Reason.OPEN}
        return again and held is not None and held.last_modified >= since

    assert after == tuple(task for task in before if not is_done(task))
