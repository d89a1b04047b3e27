"""Portions: every due window in exactly one, and a child plans exactly those windows."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from room_reports.backfill.portions import portions, total
from room_reports.export.planner import Plan, plan_series
from room_reports.export.scope import CalendarRange, Scope
from room_reports.model.reports import REPORTS
from room_reports.model.windows import Calendar, Granularity
from room_reports.storage.keys import Series, parse_key
from room_reports.storage.objects import StoredObject

NOW = datetime(2026, 10, 26, 5, 7, tzinfo=UTC)
SETTLE = timedelta(hours=48)
ZONES = [
    ZoneInfo(name)
    for name in ("UTC", "America/New_York", "Europe/Warsaw", "Pacific/Apia", "America/Havana")
]


def plan(scope: Scope, held: set[str]) -> Plan:
    """Return the plan when the bucket holds settled exports under these keys."""
    plans = {}
    for report, region, granularity in scope.series():
        series = Series(report.slug, region, granularity)
        stored = [
            StoredObject(key, parsed, NOW, '"etag"', 1)
            for key in sorted(held)
            if (parsed := parse_key(key)) and parsed.series == series
        ]
        plans[series] = plan_series(scope, report, series, stored, SETTLE, gzip=False)
    return plans


def keys(planned: Plan) -> list[str]:
    return [
        series.key(due.window, gzip=False)
        for series, of_series in planned.items()
        for due in of_series.remaining()
    ]


@st.composite
def scopes(draw: st.DrawFn) -> Scope:
    zone = draw(st.sampled_from(ZONES))
    start = datetime(2011, 12, 1, tzinfo=UTC) + timedelta(hours=draw(st.integers(0, 120_000)))
    end = start + timedelta(hours=draw(st.integers(1, 24 * 70)))
    kinds = draw(st.lists(st.sampled_from(Granularity), min_size=1, max_size=2, unique=True))
    return Scope(
        trigger="backfill",
        now=NOW,
        reports=dict.fromkeys(("us", "eu"), REPORTS[: draw(st.integers(1, 3))]),
        time_ranges={kind: CalendarRange(start, end, Calendar(kind, zone)) for kind in kinds},
        open_windows=False,
    )


@given(scopes(), st.randoms(use_true_random=False), st.floats(0, 1))
def test_the_children_plan_together_what_is_due(scope: Scope, random: object, share: float) -> None:
    everything = keys(plan(scope, set()))
    chance = getattr(random, "random")  # noqa: B009 - hypothesis has no type for it
    held = {key for key in everything if chance() < share}
    due = plan(scope, held)
    found = portions(due)
    assert total(found) == len(keys(due))
    planned_by_children: list[str] = []
    for portion in found:
        event = portion.event()
        series = portion.series
        assert event["reports"] == [series.slug]
        assert event["regions"] == [series.region]
        calendar = scope.time_ranges[series.granularity].calendar
        assert event["granularity"] == calendar.granularity
        span = CalendarRange(calendar.moment(event["from"]), calendar.moment(event["to"]), calendar)
        (report,) = [report for report in REPORTS if report.slug == series.slug]
        child = Scope(
            trigger="backfill",
            now=NOW,
            reports={series.region: (report,)},
            time_ranges={series.granularity: span},
            open_windows=False,
        )
        of_child = keys(plan(child, held))
        assert len(of_child) == portion.windows
        assert {key.split("dt=")[1][:7] for key in of_child} == {portion.month}
        planned_by_children += of_child
    assert sorted(planned_by_children) == sorted(keys(due))


def test_the_newest_month_comes_first_and_series_take_turns() -> None:
    span = CalendarRange(
        datetime(2026, 7, 15, tzinfo=UTC), NOW, Calendar(Granularity.DAY, ZoneInfo("UTC"))
    )
    scope = Scope("backfill", NOW, {"us": REPORTS}, {Granularity.DAY: span}, open_windows=False)
    found = portions(plan(scope, set()))
    slugs = sorted(report.slug for report in REPORTS)
    assert [(portion.month, portion.series.slug) for portion in found] == [
        (month, slug) for month in ("2026-10", "2026-09", "2026-08", "2026-07") for slug in slugs
    ]
    assert [portion.windows for portion in found[:: len(slugs)]] == [25, 30, 31, 17]
