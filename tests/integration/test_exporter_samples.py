"""Samples of settled windows find late data, replace the files, and delay nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from typing import Any

import pytest

from local.kaltura.campus import Size
from local.kaltura.faults import Fault
from local.kaltura.truth import Filters, Row, Truth
from room_reports.export import day_index
from room_reports.export.notifications import Kind, Notification
from room_reports.export.samples import bands, sampled_days
from room_reports.export.sampling import MOST_NEIGHBOURS
from room_reports.model.windows import Granularity, iso
from room_reports.storage.keys import Series, day_index_key, parse_key
from tests.support.extent import extent
from tests.support.world import SLUGS, Result, World, export_key

START = datetime(2026, 9, 1, 1, 7, tzinfo=UTC)
SMALL = Size(rooms=3, attendees=3, weekly_sessions=7)
SETTLE = timedelta(hours=48)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
US = [Series(slug, "us", Granularity.DAY) for slug in SLUGS]


@contextmanager
def older_files(days: int = 40, **arguments: Any) -> Iterator[World]:
    """Yield a world whose bucket has the settled files of the last days, written yesterday."""
    variables = {"SAMPLE_DAYS": "3", "CATCH_UP_DAYS": "4", **arguments.pop("variables", {})}
    arguments.setdefault("size", SMALL)
    with World(now=START - DAY, variables=variables, **arguments) as world:
        world.run({"from": f"{START - days * DAY:%Y-%m-%d}", "to": f"{START:%Y-%m-%d}"})
        world.now = START
        for server in world.regions.values():
            server.calls.clear()
        yield world


def samples_of(record: Result) -> list[dict[str, Any]]:
    return [each for each in record["exported"] if each["reason"] in ("sample", "neighbour")]


def sampled_keys(series: Iterable[Series], on: date, number: int = 3) -> set[str]:
    """Return the keys of the days that are in the sample on a date."""
    return {
        export_key(each.slug, each.region, day.isoformat())
        for each in series
        for day in sampled_days(each, on, number, SETTLE)
    }


def asked(world: World) -> Counter[tuple[str, int | None, str]]:
    """Count the calls for each window."""
    return Counter(
        (region, call.report, call.params["from_date"])
        for region, server in world.regions.items()
        for call in server.calls.reports()
    )


def late_days(first: date, number: int, hours: float) -> dict[str, float]:
    return {(first + timedelta(days=n)).isoformat(): hours for n in range(number)}


def test_late_data_are_found_replaced_told_and_their_neighbours_too() -> None:
    """Data that are complete 78 hours after their day, when its files settled after 48."""
    received: list[Notification] = []

    def send(notifications: Any) -> list[Notification]:
        received.extend(notifications)
        return []

    first = START.date() + timedelta(days=3)
    size = Size(rooms=3, attendees=3, weekly_sessions=7, late=late_days(first, 4, 78))
    variables = {"SAMPLE_DAYS": "3", "CATCH_UP_DAYS": "4"}
    with World(now=START, size=size, variables=variables, send=send) as world:
        # A local day there ends in the next day in UTC.
        days = [first + timedelta(days=n) for n in range(len(size.late) + 1)]
        late = {export_key(slug, "us", day.isoformat()) for slug in SLUGS for day in days}
        found: dict[str, tuple[date, str]] = {}
        for _ in range(25):
            result = world.run_scheduled()
            record = world.latest_run_record()
            for each in samples_of(record):
                change = each["change"]
                assert each["same"] is (
                    change == {"added": 0, "removed": 0, "altered": 0, "renamed": 0}
                )
                assert each["state"] == "settled"
                assert each["previous_exported_at"] < record["started_at"]
                if not each["same"]:
                    found.setdefault(each["task"], (world.now.date(), each["reason"]))
            assert set(result["exported"]) >= {each["task"] for each in samples_of(record)}
            world.now += DAY
        settled_short = {
            key
            for key in late
            for item in world.s3.store.versions(key)[:-1]
            if item.metadata["state"] == "settled"
            and item.body != world.s3.store.versions(key)[-1].body
        }
        # The data came after the files had settled, and the sample found all of them by the end
        # of the first band.
        assert settled_short
        assert set(found) == settled_short
        for key, (on, _) in found.items():
            parsed = parse_key(key)
            assert parsed
            assert (on - date.fromisoformat(parsed.label)).days < bands(3, SETTLE)[0].end
        assert {reason for _, reason in found.values()} == {"sample", "neighbour"}
        # One sample leads to other days and reports at once.
        assert len({on for on, _ in found.values()}) < len(found) / 2
        for key in world.export_keys():
            if world.item(key).metadata["state"] == "settled":
                assert world.rows(key) == world.expected_rows(key, final=True), key
        changed = [each.detail for each in received if each.detail_type == Kind.CHANGED]
        assert {each["key"] for each in changed} == settled_short


def test_a_window_is_asked_for_at_most_once_a_day_by_hourly_runs() -> None:
    with older_files() as world:
        for _ in range(3):
            day, begun = world.now.date(), asked(world)
            keys: list[str] = []
            for _ in range(8):
                world.run_scheduled()
                record = world.latest_run_record()
                keys += [each["task"] for each in samples_of(record)]
                assert record["samples"] == {
                    "asked": len(samples_of(record)),
                    "changed": 0,
                    "not_asked": 0,
                    "failed": [],
                }
                world.now += HOUR
            # Of the oldest band there are no files yet.
            expected = {key for key in sampled_keys(US, day) if world.s3.store.get(key)}
            settled = {key for key in expected if _is_settled(key, world.now)}
            assert sorted(keys) == sorted(settled)
            assert 2 * len(SLUGS) >= len(keys) >= len(SLUGS)
            assert max((asked(world) - begun).values()) == 1
            world.now += timedelta(hours=16)


def _held(world: World, key: str) -> bool:
    return world.s3.store.get(key) is not None and _is_settled(key, world.now)


def _is_settled(key: str, now: datetime) -> bool:
    parsed = parse_key(key)
    assert parsed
    return datetime.fromisoformat(parsed.label).replace(tzinfo=UTC) + DAY + SETTLE < now


def test_hours_of_a_sampled_day_are_asked_for() -> None:
    variables = {"GRANULARITIES": "hour", "REPORT_IDS": "6001", "SAMPLE_DAYS": "1"}
    with older_files(days=8, variables=variables) as world:
        hours: list[str] = []
        for _ in range(400):
            world.run_scheduled()
            hours = [each["start"] for each in samples_of(world.latest_run_record())]
            if hours:
                break
            world.now += DAY
        series = Series("attendees", "us", Granularity.HOUR)
        (day,) = sampled_days(series, world.now.date(), 1, SETTLE)
        assert hours == [f"{day}T{hour:02}Z" for hour in reversed(range(24))]


def test_a_run_asks_for_nothing_that_another_one_was_answered_meanwhile() -> None:
    with older_files(variables={"SAMPLE_DAYS": "12"}) as world:
        world.run_scheduled()
        world.now += DAY
        begun = asked(world)
        days = [
            f"{US[-1].prefix}{day}/" for day in sampled_days(US[-1], world.now.date(), 12, SETTLE)
        ]
        lock, nested = Lock(), list[Result]()

        def fault(method: str, key: str) -> None:
            with lock:
                # The last listing of the sample; the others show the files of before.
                last = method == "LIST" and key == days[-1] and not nested
                nested.extend([{}] * last)
            if last:
                nested[0] = world.run(world.scheduled_event(), None, "overlapping")

        world.s3.fault = fault
        world.run_scheduled()
        assert nested[0]["failed"] == []
        assert max((asked(world) - begun).values()) == 1
        records = list(map(world.run_record, world.s3.store.keys("runs/")[-2:]))
        # Each did its part, and the second one the rest of the first one's.
        numbers = [len(samples_of(record)) for record in records]
        assert min(numbers) > 0
        expected = {key for key in sampled_keys(US, world.now.date(), 12) if _held(world, key)}
        assert {each["task"] for record in records for each in samples_of(record)} == expected
        assert sum(numbers) == len(expected)
        world.now += HOUR
        world.run_scheduled()
        assert samples_of(world.latest_run_record()) == []


@pytest.mark.parametrize("kind", ["http_status", "garbage_text"])
def test_a_sample_that_fails_neither_fails_the_run_nor_makes_it_late(kind: str) -> None:
    with older_files() as world:
        world.run_scheduled()  # exports what is due, and takes the samples
        world.now += DAY
        due = {export_key(slug, "us", f"{world.now - DAY:%Y-%m-%d}") for slug in SLUGS}
        failing = sampled_keys([US[1]], world.now.date())
        world.regions["us"].faults.push(
            *(
                Fault(kind, status=500, times=None, report=6001, moment=_noon(key))
                for key in failing
            )
        )
        result = world.run_scheduled()
        assert result["failed"] == []
        assert set(result["exported"]) >= due
        record = world.latest_run_record()
        failed = record["samples"]["failed"]
        assert {each["task"] for each in failed} <= failing
        assert failed
        assert all(each["error"] and "retryable" in each for each in failed)
        assert {each["hours_late"] for each in record["freshness"]} == {0}
        assert record["deferred"] == 0
        # The next run of the day tries it again.
        world.regions["us"].faults.clear()
        world.now += HOUR
        world.run_scheduled()
        tried = {each["task"] for each in samples_of(world.latest_run_record())}
        assert {each["task"] for each in failed} <= tried


def test_a_sample_that_never_ends_leaves_time_for_the_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(day_index, "_LEFT", 1.0)
    with older_files() as world:
        world.run_scheduled()
        world.now += DAY
        day = f"{world.now - DAY:%Y-%m-%d}"
        for key in sampled_keys([US[1]], world.now.date()):
            world.regions["us"].faults.push(
                Fault("stall", seconds=30, times=None, report=6001, moment=_noon(key))
            )
        assert (
            export_key("attendees", "us", day)
            in world.run_scheduled(world.deadline(extent(24, 45)))["exported"]
        )
        samples = world.latest_run_record()["samples"]
        assert samples["not_asked"] or samples["failed"]
        index = world.item(day_index_key("us", day[:7])).body.decode()
        assert f"attendees,{day}," in index


def _noon(key: str) -> float:
    parsed = parse_key(key)
    assert parsed
    return (datetime.fromisoformat(parsed.label).replace(tzinfo=UTC) + DAY / 2).timestamp()


def test_a_sample_with_fewer_rows_leaves_the_file_and_is_not_repeated_that_day() -> None:
    with older_files(variables={"REPORT_IDS": "6001"}) as world:
        keys = sampled_keys([US[1]], world.now.date())
        present = [key for key in keys if world.s3.store.get(key) and _is_settled(key, START - DAY)]
        key = max(present, key=lambda each: int(world.item(each).metadata["rows"]))
        before = world.item(key)
        assert int(before.metadata["rows"]) > 0
        world.regions["us"].faults.push(
            Fault("header_only", times=None, report=6001, moment=_noon(key))
        )
        result = world.run_scheduled()
        assert result["failed"] == []
        (failed,) = world.latest_run_record()["samples"]["failed"]
        assert failed["task"] == key
        assert failed["error"].startswith("FEWER_ROWS")
        after = world.item(key)
        assert after.body == before.body
        assert after.metadata == {**before.metadata, "fewer-rows": "0"}
        # The day is older than those that a scheduled run lists.
        told = [each["code"] for each in world.latest_run_record()["quality"]]
        assert told == ["FEWER_ROWS"]
        index = "".join(world.item(k).body.decode() for k in world.s3.store.keys("index/"))
        assert iso(after.last_modified) in index
        calls = asked(world)
        world.now += HOUR
        world.run_scheduled()
        assert asked(world) == calls
        assert world.latest_run_record()["samples"]["failed"] == []
        assert world.latest_run_record()["quality"] == []


@dataclass(frozen=True)
class WithoutLast:
    """The truth, without the last row of one report."""

    truth: Truth
    report: int

    def rows(
        self,
        report: int,
        start: int,
        end: int,
        *,
        filters: Filters | None = None,
        as_of: float | None = None,
    ) -> list[Row]:
        rows = self.truth.rows(report, start, end, filters=filters, as_of=as_of)
        return rows[:-1] if report == self.report else rows


def test_a_sample_never_replaces_a_fuller_file_and_is_told_until_the_rows_are_back() -> None:
    """One row of more than fifty is within what an export that is due may lack."""
    size = Size(rooms=60, attendees=6, weekly_sessions=5)
    with older_files(days=12, size=size, variables={"SAMPLE_DAYS": "12"}) as world:
        before = {key: world.item(key) for key in world.export_keys()}
        server = world.regions["us"]
        api = server.api
        server.api = replace(api, truth=WithoutLast(server.truth, report=6001))
        world.run_scheduled()
        record = world.latest_run_record()
        failed = [each["task"] for each in record["samples"]["failed"]]
        assert any(int(before[key].metadata["rows"]) > 50 for key in failed)
        assert all(world.item(key).body == before[key].body for key in failed)
        assert not [each for each in samples_of(record) if each["report"] == "attendees"]
        days = {parsed.label for key in failed if (parsed := parse_key(key))}
        event = {"from": min(days), "to": f"{START:%Y-%m-%d}"}
        found = [each for each in record["quality"] if each["code"] == "FEWER_ROWS"]
        assert sorted(each["start"] for each in found) == sorted(days)
        for each in found:
            rows = int(before[export_key("attendees", "us", each["start"])].metadata["rows"])
            assert each["value"] < each["expected"] == rows
        world.now += HOUR
        world.run(event)
        assert not world.latest_run_record()["quality"]  # it is told once
        server.api = api
        world.run({**event, "force": True})
        index = "".join(
            world.item(key).body.decode() for key in world.s3.store.keys("index/day_files/")
        )
        assert "FEWER_ROWS" not in index


def test_samples_wait_for_what_is_due() -> None:
    with older_files(variables={"REPORT_IDS": "6000,6001"}) as world:
        world.regions["us"].faults.push(
            Fault("api_error", times=None, report=6001, code="SERVICE_FORBIDDEN")
        )
        world.run_and_fail()
        record = world.latest_run_record()
        assert {each["report"] for each in samples_of(record)} == {"room_data"}
        assert record["samples"]["failed"] == []
        # Without time, nothing is asked for.
        world.regions["us"].faults.clear()
        world.now += DAY
        world.run_scheduled(world.deadline(5))
        record = world.latest_run_record()
        assert record["exported"] == []
        assert record["samples"]["asked"] == 0
        # Every sample is a task that comes after all that are due.
        world.run_scheduled()
        reasons = [each["reason"] for each in world.latest_run_record()["exported"]]
        assert reasons == sorted(reasons, key=("missing", "settle", "sample", "neighbour").index)
        times = [call.params["from_date"] for call in world.regions["us"].calls.reports()]
        samples = {str(int(_noon(key) - 43_200)) for key in sampled_keys(US[:2], world.now.date())}
        count = len(reasons) - reasons.index("sample")
        assert set(times[-count:]) <= samples


@pytest.mark.parametrize("case", ["off", "event", "replay"])
def test_no_samples(case: str) -> None:
    with older_files(variables={"SAMPLE_DAYS": "0"} if case == "off" else {}) as world:
        event = world.scheduled_event()
        if case == "event":
            event = {"from": "2026-08-01", "to": "2026-09-01"}
        if case == "replay":
            world.now += 10 * DAY
        world.run(event)
        assert samples_of(world.latest_run_record()) == []
        assert world.latest_run_record()["samples"]["asked"] == 0


def test_a_run_follows_a_bounded_number_of_neighbours() -> None:
    """Two months of late data: the rest is found by other runs and other samples."""
    days = 2 * MOST_NEIGHBOURS
    first = START.date() - timedelta(days=days)
    size = Size(rooms=2, attendees=2, weekly_sessions=7, late=late_days(first, days, 24.0 * days))
    with older_files(days, size=size, variables={"REPORT_IDS": "6001"}) as world:
        world.now += (days + 1) * DAY
        world.run({"from": f"{START:%Y-%m-%d}", "to": f"{world.now - DAY:%Y-%m-%d}"})
        world.now += DAY
        world.run_scheduled()
        reasons = Counter(each["reason"] for each in samples_of(world.latest_run_record()))
        assert 0 < reasons["neighbour"] <= MOST_NEIGHBOURS
        assert reasons["sample"] <= 3


class Renamed:
    """The truth, with another name of each user."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth

    def rows(
        self,
        report: int,
        start: int,
        end: int,
        *,
        filters: Filters | None = None,
        as_of: float | None = None,
    ) -> list[Row]:
        found = self._truth.rows(report, start, end, filters=filters, as_of=as_of)
        return [(*row[:3], f"{row[3]} II", *row[4:]) for row in found]


def test_names_that_changed_are_published_but_are_no_late_data() -> None:
    with older_files(variables={"REPORT_IDS": "6001"}) as world:
        api = world.regions["us"].api
        api.truth = Renamed(api.truth)
        world.run_scheduled()
        record = world.latest_run_record()
        changed = [each for each in samples_of(record) if not each["same"]]
        assert changed
        for each in changed:
            assert each["change"]["renamed"] == each["change"]["altered"] == each["rows"]
            assert "II" in world.item(each["task"]).body.decode()
        assert {each["reason"] for each in samples_of(record)} == {"sample"}
        assert record["samples"]["changed"] == 0


def test_a_file_of_other_bounds_is_no_sample() -> None:
    with older_files(variables={"REPORT_IDS": "6001"}) as world:
        world.environment["TIME_ZONE"] = "Asia/Tokyo"
        left_out = 0
        for _ in range(8):
            world.now += DAY
            sampled = {k for k in sampled_keys([US[1]], world.now.date()) if world.s3.store.get(k)}
            other = {k for k in sampled if world.item(k).metadata["time-zone"] == "UTC"}
            world.run_scheduled()
            record = world.latest_run_record()
            assert other.isdisjoint(each["task"] for each in samples_of(record))
            left_out += len(other)
        assert left_out
