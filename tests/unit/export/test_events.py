"""Parsing of events, and the problems of invalid ones."""

from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.export.events import parse_event
from room_reports.export.scope import Scope
from room_reports.model.windows import Granularity
from room_reports.settings import Settings
from tests.support.settings import read_settings

NOW = datetime(2026, 11, 2, 6, 7, tzinfo=UTC)
SLUGS = ("room_data", "attendees", "breakout_sessions")
REGIONS = ("us", "eu")
DAYS = st.integers(0, 400).map(lambda days: date(2026, 1, 1) + timedelta(days=days))


def settings(**variables: str) -> Settings:
    return read_settings(
        {"BUCKET_NAME": "b", "SECRET_ID": "s", "GRANULARITIES": "day,hour", **variables}
    )


def scope_of(event: dict[str, Any], **variables: str) -> Scope:
    scope, problems = parse_event(event, settings(**variables), NOW)
    assert problems == []
    assert scope
    return scope


@given(
    DAYS,
    DAYS,
    st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]),
    st.sampled_from(Granularity),
)
def test_dates_are_local_days_and_utc_hours(
    first: date, last: date, zone: str, granularity: Granularity
) -> None:
    event = {"from": f"{first}", "to": f"{last}", "granularity": granularity.value}
    scope, problems = parse_event(event, settings(TIME_ZONE=zone), NOW)
    if first >= last:
        assert scope is None
        assert problems == [f"from: {first} should be before to, which is {last}"]
        return
    assert scope
    ((kind, span),) = scope.time_ranges.items()
    assert kind is granularity
    home = ZoneInfo(zone) if granularity is Granularity.DAY else UTC
    midnights = [datetime(d.year, d.month, d.day, tzinfo=home) for d in (first, last)]
    assert [span.start, span.end] == [midnight.astimezone(UTC) for midnight in midnights]
    windows = list(scope.windows(granularity))
    assert all(window.end <= NOW for window in windows)
    if granularity is Granularity.DAY and span.end <= NOW:
        assert [w.label for w in windows] == [
            f"{first + timedelta(days=days)}" for days in range((last - first).days)
        ]


@given(
    st.lists(st.sampled_from(SLUGS), min_size=1, max_size=5) | st.none(),
    st.lists(st.sampled_from(REGIONS), min_size=1, max_size=4) | st.none(),
    st.booleans() | st.none(),
)
def test_an_event_selects_from_the_settings(
    reports: list[str] | None, regions: list[str] | None, force: bool | None
) -> None:
    event = {"from": "2026-10-01", "to": "2026-10-02"}
    chosen = {"reports": reports, "regions": regions, "force": force}
    scope = scope_of({**event, **{k: v for k, v in chosen.items() if v is not None}})
    assert scope.force is scope.open_windows is bool(force)
    assert scope.trigger == "event"
    assert scope.now == NOW
    found = [(report.slug, region, kind.value) for report, region, kind in scope.series()]
    assert sorted(found) == sorted(
        product(set(reports or SLUGS), set(regions or REGIONS), ("day", "hour"))
    )


@given(st.sampled_from([{"detail-type": "Scheduled Event"}, {"source": "aws.events"}]))
def test_a_scheduled_event_is_recognised_by_either_field(mark: dict[str, str]) -> None:
    scope = scope_of({**mark, "time": "2026-10-05T04:07:00Z"})
    assert (scope.trigger, scope.now) == ("schedule", datetime(2026, 10, 5, 4, 7, tzinfo=UTC))


@given(st.integers(1, 400), st.integers(0, 200))
def test_a_scheduled_run_covers_catch_up_and_settle_time(catch_up: int, settle: int) -> None:
    event = {"detail-type": "Scheduled Event", "time": "2026-10-05T04:07:00Z"}
    scope = scope_of(event, CATCH_UP_DAYS=str(catch_up), SETTLE_HOURS=str(settle))
    assert scope.trigger == "schedule"
    assert scope.now == datetime(2026, 10, 5, 4, 7, tzinfo=UTC)
    assert scope.force is False
    assert scope.missing_since == scope.now - timedelta(days=catch_up)
    for granularity, span in scope.time_ranges.items():
        assert span.start <= scope.missing_since
        assert span.end == scope.now
        windows = list(scope.windows(granularity))
        assert windows[0].end <= scope.now - timedelta(hours=settle)
        assert windows[-1].end <= scope.now < windows[-1].end + timedelta(days=1)
        assert [w.start for w in windows[1:]] == [w.end for w in windows[:-1]]


def test_open_windows_are_included_if_enabled() -> None:
    event = {"detail-type": "Scheduled Event", "time": "2026-10-05T04:07:00Z"}
    scope = scope_of(event, EXPORT_OPEN_WINDOW="true", CATCH_UP_DAYS="1")
    assert [w.label for w in scope.windows(Granularity.DAY)][-1] == "2026-10-05"
    assert [w.label for w in scope.windows(Granularity.HOUR)][-1] == "2026-10-05T04Z"


@given(
    st.dictionaries(
        st.sampled_from(
            ("from", "to", "reports", "regions", "granularity", "force", "time", "detail-type")
        )
        | st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=12),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=4,
        ),
        max_size=8,
    )
)
def test_any_event_gives_a_scope_or_problems(event: dict[str, Any]) -> None:
    scope, problems = parse_event(event, settings(), NOW)
    assert (scope is None) == bool(problems)
    assert all(isinstance(problem, str) and problem for problem in problems)
    assert len(problems) == len(set(problems))


def test_an_event_may_end_in_the_far_future() -> None:
    scope = scope_of({"from": "2026-11-01", "to": "9999-12-31"})
    assert [window.label for window in scope.windows(Granularity.DAY)] == ["2026-11-01"]
    assert len(list(scope.windows(Granularity.HOUR))) == 30
    assert list(scope_of({"from": "9999-12-30", "to": "9999-12-31"}).windows(Granularity.DAY)) == []


@pytest.mark.parametrize("start", ["20260901", "0202-09-01", "1999-12-31", "2026-9-1", "26-09-01"])
def test_a_mistyped_start_is_refused_with_the_right_form(start: str) -> None:
    scope, problems = parse_event({"from": start, "to": "2026-10-01"}, settings(), NOW)
    assert scope is None
    assert problems
    assert all(problem.startswith("from: ") for problem in problems)
    assert any("2026-11-22" in problem or "2000" in problem for problem in problems)


@pytest.mark.parametrize("name", ["force", "dry_run", "other_filters", "other_privacy"])
def test_flags_are_true_or_false(name: str) -> None:
    event = {"from": "2026-09-01", "to": "2026-10-01", name: "yes"}
    assert parse_event(event, settings(), NOW) == (None, [f"{name}: 'yes' should be true or false"])


def test_reports_can_differ_by_region() -> None:
    variables = {"REPORT_IDS": "us=6000,6001;eu=6002"}
    scope = scope_of({"from": "2026-09-01", "to": "2026-10-01"}, **variables)
    found = {region: [report.id for report in reports] for region, reports in scope.reports.items()}
    assert found == {"us": [6000, 6001], "eu": [6002]}
    chosen = scope_of(
        {"from": "2026-09-01", "to": "2026-10-01", "reports": ["attendees"]}, **variables
    )
    assert [(report.slug, region) for report, region, _ in chosen.series()] == [
        ("attendees", "us"),
        ("attendees", "us"),
    ]
