"""What the command says is due is what the exporter then does, in the same world."""

import json
from datetime import timedelta

import pytest

from room_reports.settings import SettingsReader, read_settings
from room_reports.storage.bucket import Bucket
from room_reports_command.plan import scheduled_event, scope_of, survey
from room_reports_command.run_records import last_errors, latest_runs
from tests.support.exporter import s3_client
from tests.support.world import World


def bucket_of(world: World) -> Bucket:
    return Bucket(s3_client(world.s3.url), "bucket")


def due(world: World) -> dict[str, int]:
    """Return the number of due windows by reason, as the command counts them."""
    settings = read_settings(SettingsReader(world.environment))
    scope = scope_of(scheduled_event(world.now), settings, world.now)
    counted: dict[str, int] = {}
    for state in survey(settings, bucket_of(world), scope, world.now).values():
        for reason, number in state.reasons.items():
            counted[reason] = counted.get(reason, 0) + number
    return counted


@pytest.mark.parametrize("hours", [1, 25, 49, 73])
def test_the_next_run_exports_what_was_said(hours: int) -> None:
    with World(regions=("us", "eu"), variables={"CATCH_UP_DAYS": "4"}) as world:
        world.run_scheduled()
        world.now += timedelta(hours=hours)
        expected = due(world)
        record = world.run_record(_record_of(world, world.run_scheduled()["run_id"]))
        reasons = [each["reason"] for each in record["exported"]]
        assert {reason: reasons.count(reason) for reason in set(reasons)} == expected
        assert due(world) == {}


def _record_of(world: World, run_id: str) -> str:
    (key,) = (key for key in world.s3.store.keys("runs/") if run_id in key)
    return key


def test_counting_writes_nothing() -> None:
    with World(variables={"CATCH_UP_DAYS": "4", "TIME_ZONE": "Asia/Kolkata"}) as world:
        due(world)
        assert world.s3.store.keys("") == []
        assert not [method for method, _ in world.s3.requests if method == "PUT"]


def test_a_change_of_the_time_zone_is_seen_and_not_kept() -> None:
    """The exporter keeps the settings that it finds; the command only looks."""
    with World(variables={"CATCH_UP_DAYS": "4"}) as world:
        world.run_scheduled()
        before = world.item("state/settings.json").body
        world.environment["TIME_ZONE"] = "Asia/Kolkata"
        world.now += timedelta(hours=1)
        expected = due(world)
        assert expected.get("recut", 0) > 0
        assert world.item("state/settings.json").body == before
        record = world.run_record(_record_of(world, world.run_scheduled()["run_id"]))
        reasons = [each["reason"] for each in record["exported"]]
        assert {reason: reasons.count(reason) for reason in set(reasons)} == expected


def test_a_backfill_does_not_hide_the_scheduled_run() -> None:
    with World(variables={"CATCH_UP_DAYS": "2"}) as world:
        scheduled = world.run_scheduled()["run_id"]
        bucket = bucket_of(world)
        record = json.loads(world.item(_record_of(world, scheduled)).body)
        for number in range(30):
            moment = world.now + timedelta(minutes=1 + number)
            run_id = f"{moment:%Y%m%dT%H%M%SZ}-0000{number:04}"
            key = f"runs/dt={moment.date()}/{run_id}.json"
            bucket.write_json(key, json.dumps({**record, "run_id": run_id, "trigger": "backfill"}))
        now = world.now + timedelta(hours=1)
        assert len(latest_runs(bucket, now, 10)) == 10
        found = latest_runs(bucket, now, 10, until_scheduled=True)
        assert found[-1].run_id == scheduled
        assert len(found) == 31
        assert found == sorted(found, key=lambda run: run.run_id, reverse=True)
        assert last_errors(found) == {}


def test_a_record_that_is_none_is_left_out() -> None:
    with World(variables={"CATCH_UP_DAYS": "2"}) as world:
        run_id = world.run_scheduled()["run_id"]
        bucket = bucket_of(world)
        for number, text in enumerate(("", "[]", "{}", '{"run_id": "x"}')):
            bucket.write_json(f"runs/dt={world.now.date()}/99999999T000000Z-{number}.json", text)
        assert [run.run_id for run in latest_runs(bucket, world.now, 10)] == [run_id]
