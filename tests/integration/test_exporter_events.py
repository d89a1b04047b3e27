"""Which windows a run exports, by its event and by what the bucket holds."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from local.kaltura.campus import Size
from tests.support.world import NOW, SLUGS, World, export_key

SMALL = Size(rooms=3, attendees=3)


def day(label: str, region: str = "us") -> list[str]:
    return [export_key(slug, region, label) for slug in SLUGS]


def days(first: str, count: int) -> list[str]:
    start = datetime.fromisoformat(first)
    return [f"{start + timedelta(days=number):%Y-%m-%d}" for number in range(count)]


def is_idle(world: World) -> bool:
    """Return whether there was no write and no request to Kaltura since ``forget_requests``."""
    return not world.written_keys() and not any(
        server.calls.all() for server in world.regions.values()
    )


def forget_requests(world: World) -> None:
    world.s3.requests.clear()
    for server in world.regions.values():
        server.calls.clear()


def test_a_scheduled_run_exports_the_last_closed_windows() -> None:
    with World(regions=("us", "eu"), size=SMALL, variables={"GRANULARITIES": "day,hour"}) as world:
        result = world.run_scheduled()
        assert result["failed"] == []
        assert result["deferred"] == result["skipped"] == 0
        hours = [f"2026-09-19T{hour:02}Z" for hour in range(24)]
        # One day of catch-up begins at 00:07 of the day before, within the first window.
        expected = [
            export_key(slug, region, label)
            for slug, region, label in product(SLUGS, ("us", "eu"), ["2026-09-19", *hours])
        ]
        assert sorted(result["exported"]) == sorted(expected)


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_second_run_changes_nothing(compression: str) -> None:
    with World(
        size=SMALL, variables={"GRANULARITIES": "day,hour", "COMPRESSION": compression}
    ) as world:
        event = {"from": "2026-09-17", "to": "2026-09-20"}
        first = [world.run_scheduled(), world.run(event)]
        assert all(result["exported"] for result in first)
        before = {key: world.s3.store.versions(key) for key in world.export_keys()}
        forget_requests(world)
        second = [world.run_scheduled(), world.run(event)]
        assert is_idle(world)
        assert [result["exported"] for result in second] == [[], []]
        assert [result["skipped"] for result in second] == [3 * 3 * 25, 3 * 3 * 25]
        assert {key: world.s3.store.versions(key) for key in world.export_keys()} == before
        assert all(len(versions) == 1 for versions in before.values())


def test_a_direct_event_over_a_month_exports_the_month() -> None:
    now = datetime(2026, 10, 5, 12, 0, tzinfo=UTC)
    with World(now=now, size=SMALL, variables={"TIME_ZONE": "Europe/Warsaw"}) as world:
        result = world.run({"from": "2026-09-01", "to": "2026-10-01"})
        expected = [key for label in days("2026-09-01", 30) for key in day(label)]
        assert sorted(result["exported"]) == sorted(expected) == sorted(world.export_keys())
        assert all(world.rows(key) == world.expected_rows(key) for key in expected)
        states = {world.item(key).metadata["state"] for key in expected}
        assert states == {"settled"}
        assert len(world.regions["us"].calls.reports()) == 90


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (
            {"reports": ["attendees"]},
            [export_key("attendees", r, "2026-09-10") for r in ("us", "eu")],
        ),
        ({"regions": ["eu"]}, day("2026-09-10", "eu")),
        ({"reports": ["room_data", "room_data"], "regions": ["us"]}, day("2026-09-10")[:1]),
        ({"granularity": "day"}, day("2026-09-10") + day("2026-09-10", "eu")),
        (
            {"granularity": "hour", "reports": ["attendees"], "regions": ["us"]},
            [export_key("attendees", "us", f"2026-09-10T{hour:02}Z") for hour in range(24)],
        ),
    ],
)
def test_a_direct_event_can_select_reports_regions_and_granularity(
    chosen: dict[str, Any], expected: list[str]
) -> None:
    with World(regions=("us", "eu"), size=SMALL) as world:
        result = world.run({"from": "2026-09-10", "to": "2026-09-11", **chosen})
        assert sorted(result["exported"]) == sorted(expected)
        assert world.latest_run_record()["trigger"] == "event"


def test_a_time_range_includes_every_overlapping_window() -> None:
    with World(size=SMALL, variables={"GRANULARITIES": "day,hour"}) as world:
        result = world.run(
            {"from": "2026-09-10T22:30:00Z", "to": "2026-09-11T01:00:01Z", "reports": ["room_data"]}
        )
        labels = (
            *("2026-09-10", "2026-09-11", "2026-09-10T22Z", "2026-09-10T23Z"),
            *("2026-09-11T00Z", "2026-09-11T01Z"),
        )
        assert sorted(result["exported"]) == sorted(
            export_key("room_data", "us", x) for x in labels
        )


def test_force_exports_again_and_records_unchanged_exports() -> None:
    with World(size=SMALL) as world:
        event = {"from": "2026-09-08", "to": "2026-09-10"}
        first = world.run(event)
        before = {key: world.item(key) for key in world.export_keys()}
        world.now += timedelta(minutes=5)
        again = world.run({**event, "force": True})
        assert sorted(again["exported"]) == sorted(first["exported"])
        assert {entry["reason"] for entry in world.latest_run_record()["exported"]} == {"forced"}
        assert all(entry["same"] for entry in world.latest_run_record()["exported"])
        for key, old in before.items():
            new = world.item(key)
            assert new.body == old.body
            assert new.last_modified > old.last_modified
            assert new.metadata["run-id"] == again["run_id"] != first["run_id"]


def test_open_windows_are_exported_only_if_enabled_or_forced() -> None:
    today = {"from": "2026-09-19", "to": "2026-09-22", "reports": ["attendees"]}
    noon = datetime(2026, 9, 20, 12, 0, tzinfo=UTC)
    with World(now=noon, size=SMALL) as world:
        assert world.run(today)["exported"] == [export_key("attendees", "us", "2026-09-19")]
        forced = world.run({**today, "force": True})["exported"]
        assert sorted(forced) == [export_key("attendees", "us", f"2026-09-{d}") for d in (19, 20)]
        assert world.item(export_key("attendees", "us", "2026-09-20")).metadata["state"] == "open"
    with World(now=noon, size=SMALL, variables={"EXPORT_OPEN_WINDOW": "true"}) as world:
        assert export_key("attendees", "us", "2026-09-20") in world.run_scheduled()["exported"]
        world.now += timedelta(hours=1)
        assert world.run_scheduled()["exported"] == day("2026-09-20")
        # After its end, the window counts as missing for a scheduled run.
        world.now = datetime(2026, 9, 21, 0, 7, tzinfo=UTC)
        world.run({"from": "2026-09-20", "to": "2026-09-21"})
        for key in day("2026-09-20"):
            assert world.item(key).metadata["state"] == "settling"
            assert world.rows(key) == world.expected_rows(key)


def test_the_time_of_the_event_is_the_time_of_the_run() -> None:
    with World(size=SMALL) as world:
        late = {**world.scheduled_event(), "time": "2026-09-10T05:00:00Z"}
        assert sorted(world.run(late)["exported"]) == sorted(
            [key for label in ("2026-09-09",) for key in day(label)]
        )
        assert world.latest_run_record()["now"] == "2026-09-10T05:00:00Z"
        assert world.latest_run_record()["trigger"] == "schedule"


def test_the_run_record_matches_the_contract() -> None:
    with World(size=SMALL) as world:
        result = world.run_scheduled()
        (record_key,) = world.s3.store.keys("runs/")
        assert record_key == f"runs/dt=2026-09-20/{result['run_id']}.json"
        assert result["run_id"] == "20260920T000700Z-01234567"
        assert world.item(record_key).body.count(b"\n") == 1
        record = world.latest_run_record()
        assert record.keys() == {
            *("run_id", "exported", "skipped", "deferred", "failed"),
            *("trigger", "now", "started_at", "finished_at"),
            *("freshness", "retired", "other_filters", "other_privacy", "quality", "samples"),
            *("expired", "emptied"),
        }
        assert record["started_at"] == record["finished_at"] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
        assert [entry["task"] for entry in record["exported"]] == result["exported"]
        for entry in record["exported"]:
            item = world.item(entry["task"])
            assert entry == {
                "task": export_key(entry["report"], "us", "2026-09-19"),
                "report": entry["report"],
                "region": "us",
                "granularity": "day",
                "start": "2026-09-19",
                "reason": "missing",
                "state": "settling",
                "rows": int(item.metadata["rows"]),
                "size": len(item.body),
                "sha256": item.metadata["sha256"],
                "pieces": 1,
                "unknown_columns": [],
                "replaced_bytes": 0,
                "change": None,
                "same": False,
                "fewer_rows_than": None,
                "window_start": "2026-09-19T00:00:00Z",
                "window_end": "2026-09-20T00:00:00Z",
                "time_zone": "UTC",
                "filters": "none",
                "source": world.regions["us"].url,
                "privacy": "none",
                "sessions": int(item.metadata["sessions"]),
                **dict.fromkeys(("users", "minutes")),
                **{
                    name: float(item.metadata[name])
                    for name in ("users", "minutes")
                    if name in item.metadata
                },
                "previous_exported_at": None,
            }


def test_a_late_event_gives_the_state_at_the_actual_time() -> None:
    with World(variables={"SETTLE_HOURS": "2", "GRANULARITIES": "hour"}) as world:
        event = {"detail-type": "Scheduled Event", "time": "2026-09-20T09:50:00Z"}
        world.now = datetime(2026, 9, 20, 10, 30, tzinfo=UTC)
        world.run(event)
        state = world.item(export_key("attendees", "us", "2026-09-20T07Z")).metadata["state"]
        assert state == "settled"
        assert world.run_scheduled()["exported"] == [
            export_key(slug, "us", "2026-09-20T09Z") for slug in SLUGS
        ]
