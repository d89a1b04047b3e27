"""The index of day files over the S3 server in memory: equal to the bucket, and no burden."""

import csv
import io
import time
from collections.abc import Iterator
from datetime import timedelta
from threading import Event

import pytest

from local.kaltura.campus import Size
from local.kaltura.faults import Fault
from room_reports.export import day_index
from room_reports.model.day_files import COLUMNS
from room_reports.model.windows import iso
from room_reports.storage.keys import day_index_key
from tests.support.world import SLUGS, World, export_key

SMALL = Size(rooms=10, attendees=4)
TERM = {"from": "2026-08-20", "to": "2026-09-19"}


@pytest.fixture
def world() -> Iterator[World]:
    variables = {"CATCH_UP_DAYS": "4"}
    with World(size=SMALL, regions=("us", "eu"), variables=variables, s3_attempts=2) as world:
        yield world


def index_of(world: World, region: str, month: str) -> list[dict[str, str]]:
    text = world.item(day_index_key(region, month)).body.decode()
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    assert tuple(reader.fieldnames or ()) == COLUMNS
    return list(reader)


def expected_index(world: World, region: str, month: str) -> list[dict[str, str]]:
    """Return the rows that the day files in the bucket give, without their findings."""
    found = []
    for slug in SLUGS:
        prefix = f"{slug}/granularity=day/region={region}/dt={month}-"
        for key in world.s3.store.keys(prefix):
            item = world.item(key)
            rows = world.rows(key)
            dt = key.split("dt=")[1][:10]
            row = {name: item.metadata.get(name.replace("_", "-"), "") for name in COLUMNS}
            row |= {"report": slug, "dt": dt, "last_modified": iso(item.last_modified)}
            row["etag"] = item.etag
            row["unpaired"] = unpaired(world, slug, key)
            assert row["rows"] == str(len(rows) - 1)
            assert row["sessions"] == str(len(distinct(rows, slug)))
            found.append(row)
    return sorted(found, key=lambda row: (row["dt"], row["report"]))


def distinct(rows: list[list[str]], slug: str) -> set[tuple[str, ...]]:
    names = ("cue_point_id",) if slug == "breakout_sessions" else ("entry_id", "cue_point_id")
    places = [rows[0].index(name) for name in names]
    return {tuple(row[place] for place in places) for row in rows[1:]}


def unpaired(world: World, slug: str, key: str) -> str:
    """Return how many sessions of a final file the other final file of the day does not have."""
    other = {"room_data": "attendees", "attendees": "room_data"}.get(slug)
    keys = [key, key.replace(slug, other)] if other else []
    if not keys or any(world.item(each).metadata["state"] != "settled" for each in keys):
        return ""
    here, there = (distinct(world.rows(each), each.partition("/")[0]) for each in keys)
    return str(len(here - there))


def check(world: World, *months: str) -> None:
    without_findings = dict.fromkeys(("findings", "other_findings", "acknowledged"), "")
    for region in world.regions:
        for month in months:
            found = [{**row, **without_findings} for row in index_of(world, region, month)]
            assert found == expected_index(world, region, month)


def test_the_index_has_a_row_for_each_day_file(world: World) -> None:
    world.run_scheduled()
    check(world, "2026-09")
    world.now += timedelta(days=1)
    world.run_scheduled()
    check(world, "2026-09")
    assert len(index_of(world, "us", "2026-09")) == 5 * len(SLUGS)


def test_a_run_without_work_does_not_write_the_index(world: World) -> None:
    world.run_scheduled()
    versions = len(world.s3.store.versions(day_index_key("us", "2026-09")))
    world.now += timedelta(hours=1)
    world.run_scheduled()
    assert len(world.s3.store.versions(day_index_key("us", "2026-09"))) == versions == 1


def test_a_direct_event_builds_the_index_of_a_bucket_that_has_none(world: World) -> None:
    world.run(TERM)
    for region in world.regions:
        for month in ("2026-08", "2026-09"):
            lose(world, day_index_key(region, month))
    result = world.run(TERM)
    assert result["exported"] == []
    check(world, "2026-08", "2026-09")


def test_files_of_an_earlier_version_have_no_figures(world: World) -> None:
    world.run_scheduled()
    key = export_key("attendees", "us", "2026-09-18")
    item = world.item(key)
    old = {k: v for k, v in item.metadata.items() if k not in ("sessions", "users", "minutes")}
    world.now += timedelta(minutes=1)
    world.s3.store.put(key, item.body, old, item.headers)
    world.run_scheduled()
    (row,) = (
        row
        for row in index_of(world, "us", "2026-09")
        if (row["report"], row["dt"]) == ("attendees", "2026-09-18")
    )
    assert row["rows"] == old["rows"]
    assert (row["sessions"], row["users"], row["minutes"]) == ("", "", "")
    assert row["last_modified"] == iso(world.now)


def test_a_row_without_a_file_is_removed_and_a_changed_file_made_again(world: World) -> None:
    world.run(TERM)
    gone = export_key("room_data", "us", "2026-09-10")
    lose(world, gone)
    world.run({"from": "2026-09-12", "to": "2026-09-13"})
    assert rows_of(world, "2026-09-10") == {"attendees", "breakout_sessions", "room_data"}
    world.run({**TERM, "reports": ["room_data"], "dry_run": True})
    assert rows_of(world, "2026-09-10") == {"attendees", "breakout_sessions", "room_data"}
    world.environment["CATCH_UP_DAYS"] = "15"
    world.regions["us"].faults.push(Fault("garbage_text", times=None, report=6000))
    world.run_and_fail()
    assert rows_of(world, "2026-09-10") == {"attendees", "breakout_sessions"}


def rows_of(world: World, dt: str) -> set[str]:
    return {row["report"] for row in index_of(world, "us", "2026-09") if row["dt"] == dt}


def lose(world: World, key: str) -> None:
    """Delete an object with its versions."""
    world.s3.store._versions[key].clear()


@pytest.mark.parametrize("fault", ["AccessDenied", "SlowDown", "reset", "lost"])
@pytest.mark.parametrize("method", ["LIST", "GET", "PUT"])
def test_an_index_that_cannot_be_used_fails_no_run(world: World, fault: str, method: str) -> None:
    world.run_scheduled()
    world.now += timedelta(days=1)
    world.s3.fault = lambda on, key: fault if on == method and key.startswith("index/") else None
    result = world.run_scheduled()
    assert len(result["exported"]) == 2 * 2 * len(SLUGS)
    assert world.latest_run_record()["run_id"] == result["run_id"]
    world.s3.fault = lambda _method, _key: None
    world.now += timedelta(hours=1)
    assert world.run_scheduled()["exported"] == []
    check(world, "2026-09")


@pytest.mark.parametrize("body", [b"", b"\xff\xfe,\n", b'report,dt\n"attendees', b"a,b\n1,2\n"])
def test_an_unreadable_index_is_made_again(world: World, body: bytes) -> None:
    world.run_scheduled()
    world.s3.store.put(day_index_key("us", "2026-09"), body, {}, {})
    world.now += timedelta(hours=1)
    world.run_scheduled()
    check(world, "2026-09")


def test_two_runs_that_write_the_index_at_once_lose_nothing(world: World) -> None:
    world.run_scheduled()
    world.now += timedelta(days=1)
    key = day_index_key("us", "2026-09")
    before = world.item(key)
    interfered: list[int] = []

    def interfere(method: str, name: str) -> None:
        if (method, name) == ("PUT", key) and not interfered:
            interfered.append(1)
            row = b"report_4021,2026-09-01,settled,,,,5,,,,,2026-09-02T00:00:00Z\n"
            world.s3.store.put(key, before.body + row, {}, {})

    world.s3.fault = interfere
    world.run_scheduled()
    assert interfered
    found = index_of(world, "us", "2026-09")
    assert [row["rows"] for row in found if row["report"] == "report_4021"] == ["5"]
    assert len(found) == 5 * len(SLUGS) + 1


def test_hours_are_not_in_the_index() -> None:
    with World(size=SMALL, variables={"GRANULARITIES": "hour", "CATCH_UP_DAYS": "1"}) as world:
        assert world.run_scheduled()["exported"]
        assert world.s3.store.keys("index/") == []


def test_run_records_have_the_figures(world: World) -> None:
    world.run_scheduled()
    for done in world.latest_run_record()["exported"]:
        rows = world.rows(done["task"])
        assert done["sessions"] == len(distinct(rows, done["report"]))
        if done["report"] != "attendees":
            assert (done["users"], done["minutes"]) == (None, None)
            continue
        users = {row[2] for row in rows[1:]} - {"", "0", "Unknown", "Error"}
        assert done["users"] == len(users)
        assert done["minutes"] == pytest.approx(sum(float(row[6]) for row in rows[1:]), abs=0.01)


def test_an_index_that_never_responds_delays_a_run_by_a_bounded_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_index, "_SECONDS", 0.5)
    released = Event()

    def hang(_method: str, key: str) -> None:
        if key.startswith("index/"):
            released.wait(60)

    world.s3.fault = hang
    began = time.monotonic()
    try:
        result = world.run_scheduled()
        assert time.monotonic() - began < 30
    finally:
        released.set()
    assert len(result["exported"]) == 2 * 4 * len(SLUGS)
    assert world.latest_run_record()["quality"] == []
    world.s3.fault = lambda _method, _key: None
    monkeypatch.undo()
    world.now += timedelta(hours=1)
    world.run_scheduled()
    check(world, "2026-09")


def test_a_run_at_its_end_leaves_the_index_to_the_next_one(world: World) -> None:
    assert world.run_scheduled(world.deadline(25))["exported"]
    assert world.s3.store.keys("index/") == []
    world.now += timedelta(hours=1)
    world.run_scheduled()
    check(world, "2026-09")


def test_files_beyond_the_listing_are_found_whatever_their_form() -> None:
    size, variables = Size(rooms=40, attendees=6), {"COMPRESSION": "gzip"}
    with World(size=size, variables=variables) as world:
        world.run({"from": "2026-09-07", "to": "2026-09-12"})

        def forbid_missing(method: str, key: str) -> str | None:
            """Respond to a HEAD of a missing key as S3 does when listing is limited."""
            return "AccessDenied" if method == "HEAD" and not world.s3.store.get(key) else None

        world.s3.fault = forbid_missing
        world.s3.requests.clear()
        # The other report of the day is not listed.
        event = {"from": "2026-09-11", "to": "2026-09-12", "force": True}
        world.run({**event, "reports": ["attendees"]})
        looked_at = {key for method, key in world.s3.requests if method == "HEAD"}
        assert export_key("room_data", "us", "2026-09-11", ".gz") in looked_at
        assert {row["dt"] for row in index_of(world, "us", "2026-09")} == {
            f"2026-09-{day:02}" for day in range(7, 12)
        }
