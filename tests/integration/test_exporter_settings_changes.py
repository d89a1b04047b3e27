"""Files know how they were made: what a change of settings does to what is there."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from local.kaltura.campus import Size
from room_reports.errors import ConfigurationError
from tests.support.world import SLUGS, World, export_key

SMALL = Size(rooms=3, attendees=3)
DAY = "2026-09-19"
ATTENDEES = export_key("attendees", "us", DAY)


def test_a_changed_time_zone_cuts_the_days_within_the_horizon_again() -> None:
    variables = {"CATCH_UP_DAYS": "4", "SETTLE_HOURS": "6"}
    with World(size=SMALL, variables=variables) as world:
        first = world.run_scheduled()["exported"]
        world.now += timedelta(hours=7)
        world.run_scheduled()
        world.environment["TIME_ZONE"] = "America/New_York"
        world.now += timedelta(hours=1)
        result = world.run_scheduled()
        entries = world.latest_run_record()["exported"]
        recut = {entry["task"] for entry in entries if entry["reason"] == "recut"}
        assert recut
        assert recut <= set(first)
        for key in result["exported"]:
            metadata = world.item(key).metadata
            assert metadata["time-zone"] == "America/New_York"
            assert metadata["window-start"].endswith("T04:00:00Z")
            assert world.rows(key) == world.expected_rows(key)
        world.now += timedelta(hours=1)
        assert world.run_scheduled()["exported"] == [], "each is cut again once"
        kept = [key for key in world.export_keys() if key not in result["exported"]]
        world.environment["TIME_ZONE"] = "UTC"
        world.now += timedelta(hours=1)
        back = world.run_scheduled()["exported"]
        assert back
        assert not set(back) & set(kept), "what still has today's bounds is not exported again"
        assert all(world.item(key).metadata["window-start"].endswith("T00:00:00Z") for key in back)


def test_changed_filters_are_reported_and_an_event_chooses_the_files() -> None:
    variables = {"CATCH_UP_DAYS": "2", "SETTLE_HOURS": "1"}
    with World(size=SMALL, variables=variables) as world:
        world.now += timedelta(hours=2)
        exported = world.run_scheduled()["exported"]
        assert world.latest_run_record()["other_filters"] == []
        room = next(row[0] for key in exported for row in world.rows(key)[1:] if row)
        world.environment["REPORT_FILTERS"] = f'{{"attendees": {{"entry_ids": ["{room}"]}}}}'
        world.now += timedelta(hours=1)
        assert world.run_scheduled()["exported"] == []
        assert world.latest_run_record()["other_filters"] == [
            {
                "report": "attendees",
                "region": "us",
                "granularity": "day",
                "windows": 2,
                "oldest": "2026-09-18",
                "newest": "2026-09-19",
            }
        ]
        event = {"from": "2026-09-01", "to": "2026-09-20", "other_filters": True}
        result = world.run(event)
        assert result["exported"] == [key for key in exported if key.startswith("attendees")]
        for key in result["exported"]:
            assert {row[0] for row in world.rows(key)[1:]} <= {room}
        world.now += timedelta(hours=1)
        world.run_scheduled()
        assert world.latest_run_record()["other_filters"] == []


def test_metadata_name_the_zone_the_filters_and_the_address() -> None:
    with World(size=SMALL, variables={"TIME_ZONE": "Europe/Warsaw"}) as world:
        world.run_scheduled()
        for key in world.export_keys():
            metadata = world.item(key).metadata
            assert metadata["time-zone"] == "Europe/Warsaw"
            assert metadata["filters"] == "none"
            assert metadata["source"] == world.regions["us"].url


def test_runs_in_step_do_not_double_the_load_on_kaltura() -> None:
    days, concurrency = 30, 2
    variables = {"CATCH_UP_DAYS": str(days), "CONCURRENCY": str(concurrency)}
    with World(size=SMALL, variables=variables) as world:
        with ThreadPoolExecutor(2) as pool:
            runs = [
                pool.submit(world.run, world.scheduled_event(), None, name)
                for name in ("aaaaaaaa", "bbbbbbbb")
            ]
            results = [run.result() for run in runs]
        done = [key for result in results for key in result["exported"]]
        assert sorted(done) == sorted(world.export_keys())
        assert len(done) == 3 * days
        requests = len(world.regions["us"].calls.reports())
        assert 3 * days <= requests <= 3 * days + 2 * concurrency * 3


def test_a_report_that_a_region_does_not_have_is_not_asked_for() -> None:
    with World(
        regions=("us", "eu"),
        size=SMALL,
        variables={"REPORT_IDS": "us=6000,6001;eu=6000,6001,6002"},
    ) as world:
        result = world.run_scheduled()
        assert sorted(result["exported"]) == sorted(
            [export_key(slug, "eu", DAY) for slug in SLUGS]
            + [export_key(slug, "us", DAY) for slug in ("room_data", "attendees")]
        )
        assert {call.report for call in world.regions["us"].calls.reports()} == {6000, 6001}


@pytest.mark.parametrize(
    "ids", ["us=6000", "us=6000;eu=6001;ca=6002", "us=6000;us=6001;eu=6000", "us=;eu=6000"]
)
def test_reports_of_other_regions_are_refused(ids: str) -> None:
    with World(regions=("us", "eu"), size=SMALL, variables={"REPORT_IDS": ids}) as world:
        with pytest.raises(ConfigurationError, match="REPORT_IDS: "):
            world.run_scheduled()
        assert world.export_keys() == []


@pytest.mark.parametrize(
    ("settle", "minute"), [("0", 7), ("0", 1), ("1", 55), ("0.5", 25)], ids=str
)
def test_a_daily_schedule_right_before_a_window_settles_is_on_time(
    settle: str, minute: int
) -> None:
    start = datetime(2026, 9, 20, 0, minute, tzinfo=UTC)
    with World(now=start, size=SMALL, variables={"SETTLE_HOURS": settle}) as world:
        runtime = world.runtime

        def sleep(seconds: float) -> None:
            world.now += timedelta(seconds=seconds)

        runtime.sleep = sleep  # type: ignore[method-assign]
        for _ in range(3):
            before = world.now
            result = world.run_scheduled()
            yesterday = f"{before - timedelta(days=1):%Y-%m-%d}"
            assert result["deferred"] == 0
            assert export_key("attendees", "us", yesterday) in result["exported"]
            world.now = before + timedelta(days=1)


def test_a_dry_run_counts_the_tasks_and_exports_nothing() -> None:
    with World(size=SMALL, variables={"CATCH_UP_DAYS": "3"}) as world:
        world.run_scheduled()
        calls = len(world.regions["us"].calls.all())
        before = world.written_keys()
        result = world.run({"from": "2026-09-01", "to": "2026-09-20", "dry_run": True})
        assert result["deferred"] == 3 * (19 - 3)
        assert result["skipped"] == 3 * 3
        assert result["exported"] == result["failed"] == []
        assert len(world.regions["us"].calls.all()) == calls
        assert world.written_keys() == before


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00\xff\x00 not a CSV", b"a,b\n1\n", b'a,b\n"1,2\n', b"\x1f\x8b\x08 broken gzip"],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_foreign_file_in_the_way_is_replaced_with_a_warning(body: bytes, suffix: str) -> None:
    key = ATTENDEES + suffix
    with World(size=SMALL, variables={"COMPRESSION": "gzip" if suffix else "none"}) as world:
        world.s3.store.put(key, body, {}, {})
        world.now += timedelta(days=3)
        world.run({"from": DAY, "to": "2026-09-20", "force": True})
        assert world.rows(key) == world.expected_rows(key)


def test_the_older_of_two_objects_of_one_window_is_emptied() -> None:
    with World(size=SMALL) as world:
        world.run_scheduled()
        plain = world.item(ATTENDEES)
        world.now += timedelta(minutes=20)
        world.s3.store.put(f"{ATTENDEES}.gz", b"another", {"rows": "1"}, {})
        world.run_scheduled()
        assert world.latest_run_record()["retired"] == [ATTENDEES]
        assert world.item(ATTENDEES).body == b""
        assert world.s3.store.versions(ATTENDEES)[0] == plain, "the former version is kept"
        world.now += timedelta(hours=1)
        world.run_scheduled()
        assert world.latest_run_record()["retired"] == []
        world.now += timedelta(days=2)
        world.run_scheduled()
        assert world.item(ATTENDEES).body == b""
        assert world.rows(f"{ATTENDEES}.gz") == world.expected_rows(f"{ATTENDEES}.gz")


def test_a_late_event_is_as_fresh_as_the_clock() -> None:
    with World(size=SMALL, variables={"SETTLE_HOURS": "2", "GRANULARITIES": "hour"}) as world:
        event = world.scheduled_event()
        world.now += timedelta(minutes=55)
        world.run(event)
        key = export_key("attendees", "us", "2026-09-19T23Z")
        assert world.item(key).metadata["state"] == "settling"


@pytest.mark.parametrize("force", [False, True])
def test_an_empty_object_in_the_way_is_replaced(force: bool) -> None:
    with World(size=SMALL) as world:
        world.s3.store.put(ATTENDEES, b"", {}, {})
        event = {"from": DAY, "to": "2026-09-20", "force": force}
        assert ATTENDEES in world.run(event)["exported"]
        assert world.rows(ATTENDEES) == world.expected_rows(ATTENDEES)


def test_a_former_file_that_cannot_be_read_is_replaced_all_the_same() -> None:
    with World(size=Size(rooms=3, attendees=3, lag_hours=40)) as world:
        world.run_scheduled()
        world.now += timedelta(days=2, hours=1)

        def unreadable(method: str, key: str) -> str | None:
            return "AccessDenied" if method == "GET" and key == ATTENDEES else None

        world.s3.fault = unreadable
        assert ATTENDEES in world.run_scheduled()["exported"]
        assert world.item(ATTENDEES).metadata["state"] == "settled"
