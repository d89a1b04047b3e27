"""Hourly runs over a month: each window is exported after its end and when it has settled."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from local.kaltura.campus import Size
from room_reports.export.errors import RunFailedError
from room_reports.export.service import ExporterService
from tests.support.extent import extent
from tests.support.world import World

START = datetime(2026, 9, 1, 0, 7, tzinfo=UTC)
LATE = Size(rooms=3, attendees=3, lag_hours=40)
HOUR = timedelta(hours=1)
DAYS = extent(8, 30)
"""Days of hourly runs; ``make test-all`` has a month of them."""


def run_hourly(world: World, service: ExporterService, hours: int, step: int = 1) -> int:
    """Run every ``step`` hours for ``hours`` hours; return the number of failed runs."""
    failed = 0
    for _ in range(0, hours, step):
        try:
            service.invoke(world.scheduled_event(), "0123456789", world.deadline())
        except RunFailedError:
            failed += 1
        world.now += step * HOUR
    return failed


def calls(world: World) -> dict[tuple[int, int, int], list[float]]:
    """Return the times of the requests for each report and window."""
    requests: dict[tuple[int, int, int], list[float]] = defaultdict(list)
    for call in world.regions["us"].calls.reports():
        window = int(call.params["from_date"]), int(call.params["to_date"])
        requests[call.report or 0, *window].append(call.time)
    return requests


def check_final(world: World, labels: set[str]) -> None:
    """Assert that the settled exports have all rows, and that they include ``labels``."""
    seen = set()
    for key in world.export_keys():
        item = world.item(key)
        if item.metadata["state"] == "settled":
            assert world.rows(key) == world.expected_rows(key, final=True)
            seen.add(key.rsplit("_", 1)[1].removesuffix(".csv"))
    assert labels <= seen


@pytest.mark.parametrize(
    ("granularity", "span", "days", "environment"),
    [
        ("day", 86_400, DAYS, {"REPORT_IDS": "6001"}),
        ("day", 86_400, 5, {}),
        ("hour", 3_600, 5, {"REPORT_IDS": "6001"}),
        ("day", 86_400, 10, {"CATCH_UP_DAYS": "1", "REPORT_IDS": "6001"}),
    ],
)
def test_each_window_is_exported_twice(
    granularity: str, span: int, days: int, environment: dict[str, str]
) -> None:
    environment = {"GRANULARITIES": granularity, "CATCH_UP_DAYS": "4", **environment}
    with World(now=START, size=LATE, variables=environment) as world:
        assert run_hourly(world, world.exporter(), days * 24) == 0
        requests = calls(world)
        first, last = START.timestamp(), (world.now - HOUR).timestamp()
        settle = 48 * 3600
        for (_, _, end), times in requests.items():
            due = [max(end, first), max(end + settle, first)]
            expected = sorted({moment for moment in due if moment <= last})
            assert len(times) == len(expected)
            for time, moment in zip(times, expected, strict=True):
                assert 0 <= time - moment < 3600
        reports = len(environment.get("REPORT_IDS", "1,2,3").split(","))
        ends = {end for _, _, end in requests if end > first}
        assert len(ends) == int(last // span - first // span)
        assert sum(end > first for _, _, end in requests) == reports * len(ends)
        labels = {f"{START + timedelta(days=day):%Y-%m-%d}" for day in range(days - 3)}
        check_final(world, labels if granularity == "day" else set())


def test_the_run_record_counts_changes_of_settled_exports() -> None:
    with World(now=START, size=LATE, variables={"CATCH_UP_DAYS": "4"}) as world:
        run_hourly(world, world.exporter(), 24 * 6, step=6)
        records = [
            entry
            for key in world.s3.store.keys("runs/")
            for entry in world.run_record(key)["exported"]
            if entry["reason"] == "settle"
        ]
        assert records
        for entry in records:
            old, new = world.s3.store.versions(entry["task"])[-2:]
            grown = int(new.metadata["rows"]) - int(old.metadata["rows"])
            change = entry["change"]
            assert change["added"] - change["removed"] == grown
            assert entry["same"] is (old.body == new.body)
            assert (change == {"added": 0, "removed": 0, "altered": 0, "renamed": 0}) is entry[
                "same"
            ]
        assert any(entry["change"]["added"] for entry in records)
        assert any(entry["change"]["altered"] for entry in records)


def test_one_run_recovers_from_an_outage_of_a_week() -> None:
    with World(
        now=START, size=LATE, regions=("us", "eu"), variables={"CATCH_UP_DAYS": "14"}
    ) as world:
        service = world.exporter()
        run_hourly(world, service, 24 * 3, step=6)
        world.regions["us"].stop()
        assert run_hourly(world, service, 24 * 7, step=6) == 4 * 7
        us, eu = (f"attendees/granularity=day/region={region}" for region in ("us", "eu"))
        assert len(world.s3.store.keys(eu)) == len(world.s3.store.keys(us)) + 7
        world.regions["us"].start()
        result = service.invoke(world.scheduled_event(), "0123456789", world.deadline())
        assert result["deferred"] == 0
        assert len(world.s3.store.keys(us)) == len(world.s3.store.keys(eu))
        again = service.invoke(world.scheduled_event(), "0123456789", world.deadline())
        assert again["exported"] == []
        world.now += timedelta(days=4)
        service.invoke(world.scheduled_event(), "0123456789", world.deadline())
        check_final(world, {f"2026-09-{day:02}" for day in range(1, 12)})
