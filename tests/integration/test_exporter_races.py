"""Two runs on one bucket, and answers of S3 that are late, lost or refusals."""

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
from tests.support.world import SLUGS, World, key, world

SMALL = Size(rooms=3, attendees=3)
DAY = "2026-09-08"
EVENT = {"from": DAY, "to": "2026-09-09", "reports": ["attendees"]}
ATTENDEES = key("attendees", "us", DAY)
OLDER, NEWER = "older-run", "newer-run"


def before_the_first_put(here: World, act: Callable[[], None]) -> None:
    """Has something happen when an export is about to be written for the first time."""
    lock, done = Lock(), list[bool]()

    def fault(method: str, a_key: str) -> None:
        with lock:
            first = method == "PUT" and a_key == ATTENDEES and not done
            done.extend([True] * first)
        if first:
            act()

    here.s3.fault = fault


def run_ids(here: World) -> list[str]:
    """Which runs wrote the export, the oldest first."""
    return [item.metadata["run-id"][-8:] for item in here.s3.store.versions(ATTENDEES)]


def test_two_runs_at_the_same_time_do_everything_once() -> None:
    with world(regions=("us", "eu"), size=SMALL, CATCH_UP_DAYS="20") as here:
        with ThreadPoolExecutor(2) as pool:
            runs = [
                pool.submit(here.run, here.scheduled(), None, request_id)
                for request_id in ("aaaaaaaa", "bbbbbbbb")
            ]
            answers = [run.result() for run in runs]
        done = [a_key for answer in answers for a_key in answer["exported"]]
        assert sorted(done) == sorted(here.exports())
        assert len(done) == len(set(done)) == 6 * 20
        assert all(len(here.s3.store.versions(a_key)) == 1 for a_key in done)
        assert all(here.rows(a_key) == here.truth(a_key) for a_key in done)
        for answer in answers:
            assert answer["failed"] == []
            assert answer["skipped"] + len(answer["exported"]) == 6 * 20
        assert len(here.s3.store.keys("runs/")) == 2


@pytest.mark.parametrize("force", [False, True])
def test_a_slow_old_run_does_not_overwrite_a_newer_one(force: bool) -> None:
    event = {**EVENT, "force": force}
    with world(size=SMALL) as here:
        if force:
            here.kaltura["us"].faults.push(Fault("row_cap", amount=1))
            here.run(EVENT, request_id="earliest")
            here.now += timedelta(hours=1)

        def overtake() -> None:
            here.now += timedelta(minutes=3)
            answer = here.run(event, request_id=NEWER)
            assert answer["exported"] == [ATTENDEES]

        before_the_first_put(here, overtake)
        answer = here.run(event, request_id=OLDER)
        assert run_ids(here) == ["earliest"] * force + [NEWER[:8]]
        assert answer["exported"] == answer["failed"] == []
        assert answer["skipped"] == 1


def test_a_newer_run_overwrites_what_an_older_one_wrote_meanwhile() -> None:
    with world(size=SMALL) as here:

        def fall_behind() -> None:
            here.now -= timedelta(hours=1)
            here.run(EVENT, request_id=OLDER)
            here.now += timedelta(hours=1)

        before_the_first_put(here, fall_behind)
        assert here.run(EVENT, request_id=NEWER)["exported"] == [ATTENDEES]
        assert run_ids(here) == [OLDER[:8], NEWER[:8]]
        assert here.rows(ATTENDEES) == here.truth(ATTENDEES)


def test_an_export_that_vanished_meanwhile_is_written_anew() -> None:
    with world(size=SMALL) as here:
        here.run(EVENT)
        here.now += timedelta(hours=1)
        versions = here.s3.store._versions  # the exporter itself cannot delete
        before_the_first_put(here, versions[ATTENDEES].clear)
        assert here.run({**EVENT, "force": True})["exported"] == [ATTENDEES]
        assert len(here.s3.store.versions(ATTENDEES)) == 1
        assert here.rows(ATTENDEES) == here.truth(ATTENDEES)


@pytest.mark.parametrize("fault", ["lost", "reset", "SlowDown", "InternalError"])
@pytest.mark.parametrize("method", ["PUT", "LIST"])
def test_what_s3_answers_late_or_never_is_tried_again(fault: str, method: str) -> None:
    with world(size=SMALL) as here:
        lock, met = Lock(), set[str]()

        def once(a_method: str, a_key: str) -> str | None:
            with lock:
                if a_method != method or a_key in met:
                    return None
                met.add(a_key)
                return fault

        here.s3.fault = once
        answer = here.schedule()
        assert len(answer["exported"]) == 3
        assert met
        assert all(len(here.s3.store.versions(a_key)) == 1 for a_key in here.exports())
        assert all(here.rows(a_key) == here.truth(a_key) for a_key in here.exports())
        again = here.schedule()
        assert again["exported"] == []


def test_a_forced_export_whose_answer_is_lost_is_done_all_the_same() -> None:
    with world(size=SMALL) as here:
        here.run(EVENT)
        here.now += timedelta(hours=1)
        lost = ["lost"]
        here.s3.fault = lambda method, a_key: (
            lost.pop() if lost and (method, a_key) == ("PUT", ATTENDEES) else None
        )
        assert here.run({**EVENT, "force": True})["exported"] == [ATTENDEES]
        assert here.item(ATTENDEES).metadata["exported-at"] == "2026-09-20T01:07:00Z"


def test_what_s3_refuses_is_a_failure_of_that_task_alone() -> None:
    refused = key("room_data", "us", "2026-09-19")
    with world(size=SMALL) as here:
        here.s3.fault = lambda method, a_key: (
            "AccessDenied" if (method, a_key) == ("PUT", refused) else None
        )
        answer = here.fail()
        (failure,) = answer["failed"]
        assert failure["task"] == refused
        assert "S3 AccessDenied while writing room_data/" in failure["error"]
        assert len(answer["exported"]) == len(SLUGS) - 1
        assert here.record()["failed"] == [failure]


def test_a_bucket_that_cannot_be_listed_stops_the_run_before_kaltura_is_asked() -> None:
    with world(size=SMALL) as here:
        here.s3.fault = lambda method, _: "AccessDenied" if method == "LIST" else None
        with pytest.raises(StorageError, match="S3 AccessDenied while listing"):
            here.schedule()
        assert here.kaltura["us"].calls.all() == ()
        assert here.written() == []


def test_a_run_record_that_cannot_be_written_fails_the_run_after_its_work() -> None:
    with world(size=SMALL) as here:
        here.s3.fault = lambda method, a_key: (
            "AccessDenied" if method == "PUT" and a_key.startswith("runs/") else None
        )
        with pytest.raises(StorageError, match="S3 AccessDenied while writing runs/"):
            here.schedule()
        assert len(here.exports()) == 3


class OvertakenStore(Store):
    """Another run replaces an export between a copy's reading and its writing."""

    def get(self, key: str) -> Item | None:
        item = super().get(key)
        if len(self.versions(key)) == 1:
            self.put(key, b"newer", {}, {})
        return item


def test_new_metadata_never_bring_back_what_was_replaced_meanwhile() -> None:
    with world(size=SMALL) as here:
        here.s3.store = OvertakenStore(time.time)
        older = here.s3.store.put(ATTENDEES, b"older", {}, {})
        with pytest.raises(ConflictError):
            here.service()._dependencies.bucket("lake").replace_metadata(
                ATTENDEES, {"state": "settled"}, older.etag
            )
        assert [item.body for item in here.s3.store.versions(ATTENDEES)] == [b"older", b"newer"]
