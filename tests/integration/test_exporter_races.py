"""Concurrent runs on one bucket, and S3 responses that are late, lost or errors."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Lock

import pytest

from local.kaltura.campus import Size
from local.kaltura.faults import Fault
from room_reports.storage.errors import ConflictError, StorageError
from tests.support.s3.store import Item, Store
from tests.support.world import SLUGS, World, export_key

SMALL = Size(rooms=3, attendees=3)
DAY = "2026-09-08"
EVENT = {"from": DAY, "to": "2026-09-09", "reports": ["attendees"]}
ATTENDEES = export_key("attendees", "us", DAY)
OLDER, NEWER = "older-run", "newer-run"


def before_the_first_put(world: World, act: Callable[[], None], suffix: str = ATTENDEES) -> None:
    """Call ``act`` just before an export is written for the first time."""
    lock, done = Lock(), list[bool]()

    def fault(method: str, key: str) -> None:
        with lock:
            first = method == "PUT" and key.endswith(suffix) and not done
            done.extend([True] * first)
        if first:
            act()

    world.s3.fault = fault


def run_ids(world: World) -> list[str]:
    """Return the ids of the runs that wrote the export, oldest first."""
    return [item.metadata["run-id"][-8:] for item in world.s3.store.versions(ATTENDEES)]


def test_two_concurrent_runs_export_every_window_once() -> None:
    with World(regions=("us", "eu"), size=SMALL, variables={"CATCH_UP_DAYS": "20"}) as world:
        with ThreadPoolExecutor(2) as pool:
            runs = [
                pool.submit(world.run, world.scheduled_event(), None, request_id)
                for request_id in ("aaaaaaaa", "bbbbbbbb")
            ]
            results = [run.result() for run in runs]
        done = [key for result in results for key in result["exported"]]
        assert sorted(done) == sorted(world.export_keys())
        assert len(done) == len(set(done)) == 6 * 20
        assert all(len(world.s3.store.versions(key)) == 1 for key in done)
        assert all(world.rows(key) == world.expected_rows(key) for key in done)
        for result in results:
            assert result["failed"] == []
            assert result["skipped"] + len(result["exported"]) == 6 * 20
        assert len(world.s3.store.keys("runs/")) == 2


@pytest.mark.parametrize("force", [False, True])
def test_a_slow_older_run_does_not_overwrite_a_newer_export(force: bool) -> None:
    event = {**EVENT, "force": force}
    with World(size=SMALL) as world:
        if force:
            world.regions["us"].faults.push(Fault("row_cap", amount=1))
            world.run(EVENT, request_id="earliest")
            world.now += timedelta(hours=1)

        def overtake() -> None:
            world.now += timedelta(minutes=3)
            result = world.run(event, request_id=NEWER)
            assert result["exported"] == [ATTENDEES]

        before_the_first_put(world, overtake)
        result = world.run(event, request_id=OLDER)
        assert run_ids(world) == ["earliest"] * force + [NEWER[:8]]
        assert result["exported"] == result["failed"] == []
        assert result["skipped"] == 1


def test_a_newer_run_overwrites_a_concurrent_older_export() -> None:
    with World(size=SMALL) as world:

        def fall_behind() -> None:
            world.now -= timedelta(hours=1)
            world.run(EVENT, request_id=OLDER)
            world.now += timedelta(hours=1)

        before_the_first_put(world, fall_behind)
        assert world.run(EVENT, request_id=NEWER)["exported"] == [ATTENDEES]
        assert run_ids(world) == [OLDER[:8], NEWER[:8]]
        assert world.rows(ATTENDEES) == world.expected_rows(ATTENDEES)


def test_an_export_deleted_during_the_run_is_written_again() -> None:
    with World(size=SMALL) as world:
        world.run(EVENT)
        world.now += timedelta(hours=1)
        versions = world.s3.store._versions  # S3Server has no DELETE
        before_the_first_put(world, versions[ATTENDEES].clear)
        assert world.run({**EVENT, "force": True})["exported"] == [ATTENDEES]
        assert len(world.s3.store.versions(ATTENDEES)) == 1
        assert world.rows(ATTENDEES) == world.expected_rows(ATTENDEES)


@pytest.mark.parametrize("fault", ["lost", "reset", "SlowDown", "InternalError"])
@pytest.mark.parametrize("method", ["PUT", "LIST"])
def test_transient_s3_errors_are_retried(fault: str, method: str) -> None:
    with World(size=SMALL) as world:
        lock, met = Lock(), set[str]()

        def once(a_method: str, key: str) -> str | None:
            with lock:
                if a_method != method or key in met:
                    return None
                met.add(key)
                return fault

        world.s3.fault = once
        result = world.run_scheduled()
        assert len(result["exported"]) == 3
        assert met
        assert all(len(world.s3.store.versions(key)) == 1 for key in world.export_keys())
        assert all(world.rows(key) == world.expected_rows(key) for key in world.export_keys())
        again = world.run_scheduled()
        assert again["exported"] == []


def test_a_forced_export_succeeds_if_the_put_response_is_lost() -> None:
    with World(size=SMALL) as world:
        world.run(EVENT)
        world.now += timedelta(hours=1)
        lost = ["lost"]
        world.s3.fault = lambda method, key: (
            lost.pop() if lost and (method, key) == ("PUT", ATTENDEES) else None
        )
        assert world.run({**EVENT, "force": True})["exported"] == [ATTENDEES]
        assert world.item(ATTENDEES).metadata["exported-at"] == "2026-09-20T01:07:00Z"


def test_an_s3_refusal_fails_only_that_task() -> None:
    refused = export_key("room_data", "us", "2026-09-19")
    with World(size=SMALL) as world:
        world.s3.fault = lambda method, key: (
            "AccessDenied" if (method, key) == ("PUT", refused) else None
        )
        result = world.run_and_fail()
        (failure,) = result["failed"]
        assert failure["task"] == refused
        assert "S3 AccessDenied while writing room_data/" in failure["error"]
        assert len(result["exported"]) == len(SLUGS) - 1
        assert world.latest_run_record()["failed"] == [failure]


def test_a_failed_listing_stops_the_run_before_any_request_to_kaltura() -> None:
    with World(size=SMALL) as world:
        world.s3.fault = lambda method, _: "AccessDenied" if method == "LIST" else None
        with pytest.raises(StorageError, match="S3 AccessDenied while listing"):
            world.run_scheduled()
        assert world.regions["us"].calls.all() == ()
        assert world.written_keys() == []


def test_a_failed_write_of_the_run_record_fails_the_run() -> None:
    with World(size=SMALL) as world:
        world.s3.fault = lambda method, key: (
            "AccessDenied" if method == "PUT" and key.startswith("runs/") else None
        )
        with pytest.raises(StorageError, match="S3 AccessDenied while writing runs/"):
            world.run_scheduled()
        assert len(world.export_keys()) == 3


class OvertakenStore(Store):
    """A store in which another run replaces an object between the read and the write of a copy."""

    def get(self, key: str, version: str | None = None) -> Item | None:
        item = super().get(key, version)
        if len(self.versions(key)) == 1:
            self.put(key, b"newer", {}, {})
        return item


def test_replacing_metadata_does_not_restore_an_older_body() -> None:
    with World(size=SMALL) as world:
        world.s3.store = OvertakenStore(time.time)
        older = world.s3.store.put(ATTENDEES, b"older", {}, {})
        with pytest.raises(ConflictError):
            world.exporter()._dependencies.bucket("bucket").replace_metadata(
                ATTENDEES, {"state": "settled"}, older.etag
            )
        assert [item.body for item in world.s3.store.versions(ATTENDEES)] == [b"older", b"newer"]


def test_the_next_report_is_fetched_while_one_is_published() -> None:
    with World(variables={"CONCURRENCY": "1", "CATCH_UP_DAYS": "2"}) as world:
        calls = world.regions["us"].calls
        went_on: list[bool] = []

        def wait_for_a_call() -> None:
            before = len(calls.reports())
            until = time.monotonic() + 30
            while len(calls.reports()) == before and time.monotonic() < until:
                time.sleep(0.01)
            went_on.append(len(calls.reports()) > before)

        before_the_first_put(world, wait_for_a_call, ".csv")
        assert len(world.run_scheduled()["exported"]) == 6
        assert went_on == [True]
