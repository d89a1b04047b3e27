"""Retention: nothing within it is lost, and nothing that has expired is fetched or said missing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from room_reports.api.coverage import coverage
from room_reports.api.params import CoverageQuery
from room_reports.export import expiry
from room_reports.model.day_files import parse_rows
from room_reports.model.freshness import milestones
from room_reports.model.retention import EXPIRED, Retention
from room_reports.model.windows import Calendar, Granularity, TimeRange, Window
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series, day_index_key, parse_key
from tests.support.backfill import Backfill
from tests.support.exporter import s3_client
from tests.support.extent import extent
from tests.support.lifecycle import apply, deployed_rules
from tests.support.settings import read_settings
from tests.support.world import Result, World

DAYS = 30
NONCURRENT = 5
BEGIN = datetime(2026, 1, 5, 6, 7, tzinfo=UTC)
DAY = timedelta(days=1)
VARIABLES = {
    "REPORT_RETENTION_DAYS": str(DAYS),
    "REPORT_IDS": "6000",
    "TIME_ZONE": "America/New_York",
    "CATCH_UP_DAYS": "10",
    "SAMPLE_DAYS": "2",
}
SERIES = Series("room_data", "us", Granularity.DAY)
CALENDAR = Calendar(Granularity.DAY, ZoneInfo("America/New_York"))
RULES = deployed_rules(ReportRetentionDays=str(DAYS), NoncurrentVersionDays=str(NONCURRENT))
ALL = {"from": "2025-06-01", "to": "2030-01-01", "granularity": "day"}


@pytest.fixture
def world() -> Iterator[World]:
    with World(now=BEGIN, variables=VARIABLES) as world:
        yield world


def held(world: World) -> dict[str, Window]:
    """Return the window of each day file that is not empty, by label."""
    store = world.s3.store
    return {
        parsed.label: CALENDAR.window(parsed.label)
        for key in store.keys(SERIES.prefix)
        if (parsed := parse_key(key)) and world.item(key).body
    }


def exported_labels(record: Result) -> list[str]:
    return [each["start"] for each in record["exported"]]


def expired(label: str, now: datetime) -> bool:
    return CALENDAR.window(label).end + DAYS * DAY <= now


def states(world: World, days: int) -> dict[str, str]:
    """Return the state of each window that ended in the last days, as the API says it."""
    query = CoverageQuery(SERIES, CALENDAR, TimeRange(world.now - days * DAY, world.now))
    bucket = Bucket(s3_client(world.s3.url), "bucket")
    windows = coverage(bucket, query, timedelta(hours=48), world.now, retention=Retention(DAYS))
    return {each["start"]: each["state"] for each in windows}


def advance(world: World, days: int) -> None:
    """Let days pass, in which S3 applies the rules each night."""
    for _ in range(days):
        world.now += DAY
        apply(RULES, world.s3.store, world.now)


def test_all_that_has_expired_is_gone_after_any_time(world: World) -> None:
    first = CALENDAR.containing(BEGIN)
    runs = extent(50, 125)
    for place in range(runs):
        world.run_scheduled()
        now, record = world.now, world.latest_run_record()
        assert not [label for label in exported_labels(record) if expired(label, now)]
        assert all(each["due"] == 0 for each in record["freshness"])
        assert not [label for label in held(world) if expired(label, now)]
        kept = CALENDAR.overlapping(max(first.start, now - DAYS * DAY), now)
        wanted = {each.label for each in kept if each.end <= now and not expired(each.label, now)}
        assert wanted <= set(held(world)), now
        if place % 25 == 24:
            for label, state in states(world, 300).items():
                assert (state == EXPIRED) == expired(label, now)
                assert state != "missing"
        advance(world, 6)
    gone = world.now - (DAYS + NONCURRENT + 3 + 6) * DAY
    left = [
        key
        for key in world.s3.store.all_keys()
        if (parsed := parse_key(key)) and CALENDAR.window(parsed.label).end <= gone
    ]
    assert left == []
    assert world.now - BEGIN >= 6 * runs * DAY


def test_no_event_brings_back_what_has_expired(world: World) -> None:
    for _ in range(14):
        world.run_scheduled()
        advance(world, 4)
    kept = {label for label in held(world) if not expired(label, world.now)}
    for flag in ("force", "other_filters", "other_privacy"):
        result = world.run({**ALL, flag: True})
        labels = exported_labels(world.latest_run_record())
        assert not [label for label in labels if expired(label, world.now)]
        windows = CALENDAR.overlapping(datetime(2025, 6, 1, 4, tzinfo=UTC), world.now)
        assert result["expired"] == sum(expired(each.label, world.now) for each in windows) > 200
        if flag == "force":
            assert kept <= set(labels)
    assert world.run({**ALL, "dry_run": True})["expired"] == result["expired"]
    # A scheduled event of another time, as a replay has it.
    world.environment["CATCH_UP_DAYS"] = "3000"
    replayed = {**world.scheduled_event(), "time": "2026-01-20T00:07:00Z"}
    assert world.run(replayed)["exported"] == []


def test_a_backfill_says_how_many_windows_have_expired(world: World) -> None:
    execution = Backfill(world)
    summary = execution.run(ALL)
    assert summary["complete"]
    assert not [label for label in held(world) if expired(label, world.now)]
    windows = list(CALENDAR.overlapping(datetime(2025, 6, 1, 4, tzinfo=UTC), world.now))
    number = sum(expired(each.label, world.now) for each in windows)
    assert summary["expired"] == summary["regions"]["us"]["expired"] == number
    assert summary["exported"] == len([each for each in windows if each.end <= world.now]) - number
    assert Backfill(world, "count").run({**ALL, "dry_run": True})["expired"] == number


def test_a_run_empties_a_bounded_number_and_the_next_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "MOST_EMPTIED", 5)
    world.environment["REPORT_RETENTION_DAYS"] = "0"
    assert world.run({"from": "2025-11-16", "to": "2026-01-04"})["expired"] == 0
    before = len(held(world))
    world.environment["REPORT_RETENTION_DAYS"] = str(DAYS)
    numbers = []
    while any(expired(label, world.now) for label in held(world)):
        world.run_scheduled()
        (each,) = world.latest_run_record()["emptied"]
        numbers.append(each["windows"])
        assert expired(each["newest"], world.now)
        assert each["windows"] <= 5
        # What is no longer kept is no more offered than what is gone.
        assert EXPIRED in states(world, 90).values()
    assert len(numbers) > 3
    assert sum(numbers) == before - len([label for label in held(world) if label < "2026-01-04"])


def test_the_index_says_that_a_day_has_expired(world: World) -> None:
    for _ in range(13):
        world.run_scheduled()
        advance(world, 3)
    world.run_scheduled()
    rows = parse_rows(world.item(day_index_key("us", "2026-01")).body.decode())
    assert rows
    for (dt, _), row in rows.items():
        assert (row.state == EXPIRED) == expired(dt, world.now)
        assert (row.rows == "") == expired(dt, world.now)
    assert {row.state for row in rows.values()} == {EXPIRED, "settled"}


@pytest.mark.parametrize("open_window", ["false", "true"])
def test_without_runs_the_age_of_a_file_removes_it_and_never_too_early(
    world: World, open_window: str
) -> None:
    world.environment["EXPORT_OPEN_WINDOW"] = open_window
    world.run_scheduled()
    files = held(world)
    assert files
    for _ in range(DAYS + NONCURRENT + 10):
        advance(world, 1)
        for label in files:
            assert label in held(world) or expired(label, world.now)
    assert [key for key in world.s3.store.all_keys() if key.startswith(SERIES.prefix)] == []


def test_without_retention_nothing_expires(world: World) -> None:
    world.environment["REPORT_RETENTION_DAYS"] = "0"
    world.run_scheduled()
    files = set(held(world))
    rules = deployed_rules()
    world.now += 9 * 365 * DAY
    apply(rules, world.s3.store, world.now)
    world.run_scheduled()
    assert files <= set(held(world))
    assert world.latest_run_record()["emptied"] == []


def test_a_failure_to_empty_a_file_is_made_up_for(world: World) -> None:
    world.run_scheduled()
    world.now += (DAYS + 10) * DAY
    world.s3.fault = lambda method, key: (
        "AccessDenied" if method == "PUT" and "dt=2026-01-0" in key and "index" not in key else None
    )
    world.run_scheduled()
    assert [label for label in held(world) if expired(label, world.now)]
    assert world.latest_run_record()["emptied"] == []
    world.s3.fault = lambda _method, _key: None
    world.run_scheduled()
    assert not [label for label in held(world) if expired(label, world.now)]


def test_a_retention_shorter_than_the_settle_time_is_refused() -> None:
    settings = {"BUCKET_NAME": "bucket", "SECRET_ID": "secret", "SETTLE_HOURS": "720"}
    with pytest.raises(Exception, match="REPORT_RETENTION_DAYS: '30' should be more days than"):
        read_settings({**settings, "REPORT_RETENTION_DAYS": "30"})
    assert read_settings({**settings, "REPORT_RETENTION_DAYS": "31"}).retention == Retention(31)


def test_a_window_that_has_just_settled_is_never_expired() -> None:
    window = CALENDAR.window("2026-01-05")
    settled = milestones(window, timedelta(hours=48))[1]
    assert not Retention(DAYS).is_expired(window, settled)
