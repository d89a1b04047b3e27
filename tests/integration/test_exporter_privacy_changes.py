"""A changed value of PrivacyColumns or a changed key is noticed, said, and can be caught up."""

from datetime import timedelta

import pytest

from local.kaltura.campus import Size
from local.kaltura.report_action import ReportSettings
from room_reports.storage.bucket import Bucket
from room_reports.storage.privacy_state import latest_key_id
from room_reports_command.plan import scheduled_event, scope_of, survey
from tests.support.backfill import Backfill
from tests.support.exporter import s3_client
from tests.support.privacy import (
    ALL_PSEUDONYMS,
    AS_LITTLE_AS_POSSIBLE,
    found,
    people,
    protected,
    pseudonym,
    university_of,
    with_key,
)
from tests.support.settings import read_settings
from tests.support.world import SLUGS, World, export_key

SMALL = Size(rooms=3, attendees=4, special_names=0.4)
BUSY = Size(rooms=12, attendees=60, weekly_sessions=5)
DAY = "2026-09-19"
ATTENDEES = export_key("attendees", "us", DAY)
OTHER_KEY = bytes(32)
EVENT = {"from": "2026-09-18", "to": "2026-09-20", "other_privacy": True}


@pytest.fixture
def world() -> World:
    """Return a world in which two days have settled; it has a key, which no setting uses."""
    settled = World(size=SMALL, variables={"CATCH_UP_DAYS": "2", "SETTLE_HOURS": "1"})
    settled.now += timedelta(hours=2)
    settled.secret = with_key(settled.secret)
    return settled


def other_privacy(world: World) -> dict[str, int]:
    """Return how many windows of each report the latest run names as made otherwise."""
    return {item["report"]: item["windows"] for item in world.latest_run_record()["other_privacy"]}


def run_an_hour_later(world: World) -> list[str]:
    world.now += timedelta(hours=1)
    exported: list[str] = world.run_scheduled()["exported"]
    return exported


@pytest.mark.parametrize("setting", [ALL_PSEUDONYMS, AS_LITTLE_AS_POSSIBLE])
def test_a_changed_setting_is_reported_and_an_event_chooses_the_files(
    world: World, setting: str
) -> None:
    with world:
        exported = world.run_scheduled()["exported"]
        assert other_privacy(world) == {}
        world.environment["PRIVACY_COLUMNS"] = setting
        assert run_an_hour_later(world) == []
        assert other_privacy(world) == dict.fromkeys(SLUGS, 2)
        assert world.run(EVENT)["exported"] == exported
        assert all(world.rows(key) == world.expected_rows(key) for key in exported)
        run_an_hour_later(world)
        assert other_privacy(world) == {}
        # And back.
        del world.environment["PRIVACY_COLUMNS"]
        assert run_an_hour_later(world) == []
        assert other_privacy(world) == dict.fromkeys(SLUGS, 2)
        assert world.run(EVENT)["exported"] == exported
        assert all(world.rows(key) == world.expected_rows(key) for key in exported)


def test_a_change_of_one_report_leaves_the_others(world: World) -> None:
    with world:
        world.run_scheduled()
        world.environment["PRIVACY_COLUMNS"] = "attendees.user_name=drop"
        run_an_hour_later(world)
        assert other_privacy(world) == {"attendees": 2}
        assert {key.partition("/")[0] for key in world.run(EVENT)["exported"]} == {"attendees"}


def test_a_changed_key_is_reported_where_it_is_used(world: World) -> None:
    with world:
        world.environment["PRIVACY_COLUMNS"] = ALL_PSEUDONYMS.replace(
            "breakout_sessions.session_initiator=pseudonym",
            "breakout_sessions.session_initiator=drop",
        )
        world.run_scheduled()
        before = world.item(ATTENDEES)
        world.secret = with_key(world.secret, OTHER_KEY)
        assert run_an_hour_later(world) == []
        assert other_privacy(world) == {"attendees": 2, "room_data": 2}
        assert ATTENDEES in world.run(EVENT)["exported"]
        after = world.item(ATTENDEES)
        assert before.metadata["privacy"] != after.metadata["privacy"]
        truth = university_of(world.regions["us"].truth)
        values = [truth.user(index).id for index in range(1, truth.population)]
        assert any(pseudonym(value).encode() in before.body for value in values)
        assert any(pseudonym(value, OTHER_KEY).encode() in after.body for value in values)
        assert not any(pseudonym(value).encode() in after.body for value in values)
        run_an_hour_later(world)
        assert other_privacy(world) == {}


def test_the_latest_key_stays_known_when_it_is_lost(world: World) -> None:
    with world:
        bucket = Bucket(s3_client(world.s3.url), "bucket")
        world.run_scheduled()
        assert latest_key_id(bucket) is None
        world.environment["PRIVACY_COLUMNS"] = ALL_PSEUDONYMS
        run_an_hour_later(world)
        key_id = latest_key_id(bucket)
        assert key_id
        del world.environment["PRIVACY_COLUMNS"]
        run_an_hour_later(world)
        assert latest_key_id(bucket) == key_id
        world.environment["PRIVACY_COLUMNS"] = ALL_PSEUDONYMS
        world.secret = with_key(world.secret, OTHER_KEY)
        run_an_hour_later(world)
        assert latest_key_id(bucket) != key_id


def test_a_file_of_a_run_that_had_the_former_key_is_noticed(world: World) -> None:
    """The secret is kept for some minutes, so that two runs can have two keys at one time."""
    with world:
        world.environment["PRIVACY_COLUMNS"] = ALL_PSEUDONYMS
        former = world.secret
        world.run_scheduled()
        world.now += timedelta(hours=1)
        world.secret = with_key(world.secret, OTHER_KEY)
        world.run_scheduled()
        world.run(EVENT)
        world.now += timedelta(minutes=10)
        late = world.item(ATTENDEES)
        world.secret = former
        world.run({"from": DAY, "to": "2026-09-20", "reports": ["attendees"], "force": True})
        assert world.item(ATTENDEES) != late
        world.secret = with_key(world.secret, OTHER_KEY)
        run_an_hour_later(world)
        assert other_privacy(world) == {"attendees": 1}


def test_files_of_earlier_versions_count_as_plain(world: World) -> None:
    with world:
        world.run_scheduled()
        for key in world.export_keys():
            item = world.item(key)
            metadata = {name: text for name, text in item.metadata.items() if name != "privacy"}
            world.s3.store.put(key, item.body, metadata, item.headers)
        world.s3.store.put("state/settings.json", b'{"time_zone": "UTC", "filters": {}}', {}, {})
        world.environment["PRIVACY_COLUMNS"] = "attendees.user_name=drop"
        run_an_hour_later(world)
        assert other_privacy(world) == {"attendees": 2}


def test_a_backfill_chooses_just_those_files(world: World) -> None:
    with world:
        exported = world.run_scheduled()["exported"]
        world.environment["PRIVACY_COLUMNS"] = ALL_PSEUDONYMS
        world.now += timedelta(hours=1)
        summary = Backfill(world).run(EVENT)
        assert (summary["complete"], summary["exported"]) == (True, len(exported))
        assert all(world.rows(key) == world.expected_rows(key) for key in exported)
        again = Backfill(world, execution="second").run(EVENT)
        assert (again["complete"], again["exported"]) == (True, 0)


def test_a_program_without_the_key_sees_what_the_run_saw(world: World) -> None:
    with world:
        world.environment["PRIVACY_COLUMNS"] = ALL_PSEUDONYMS
        world.run_scheduled()
        world.secret = with_key(world.secret, OTHER_KEY)
        run_an_hour_later(world)
        settings = read_settings(world.environment)
        bucket = Bucket(s3_client(world.s3.url), "bucket")
        scope = scope_of(scheduled_event(world.now), settings, world.now)
        states = survey(settings, bucket, scope, world.now)
        assert {len(state.plan.other_privacy) for state in states.values()} == {2}


def test_pieces_have_pseudonyms_and_serve_only_the_key_that_made_them() -> None:
    capped = ReportSettings(row_caps={6001: 200})
    variables = {"PRIVACY_COLUMNS": ALL_PSEUDONYMS, "ROW_CAPS": "200", "REPORT_IDS": "6001"}
    with World(size=BUSY, settings=capped, variables=variables) as world:
        world.secret = with_key(world.secret)
        world.run_scheduled()
        assert int(world.item(ATTENDEES).metadata["pieces"]) > 1
        assert world.s3.store.keys("pieces/")
        assert found(people(world.regions["us"].truth), world.stored()) == set()
        header, *rows = world.rows(ATTENDEES)
        assert [header, *sorted(rows)] == ordered(world.expected_rows(ATTENDEES))
        # The pieces are those of another key now.
        world.secret = with_key(world.secret, OTHER_KEY)
        world.run({"from": DAY, "to": "2026-09-20", "force": True})
        del world.environment["PRIVACY_COLUMNS"]
        plain = world.expected_rows(ATTENDEES)
        expected = protected(plain, ALL_PSEUDONYMS, "attendees", OTHER_KEY)
        assert ordered(world.rows(ATTENDEES)) == ordered(expected)


def ordered(rows: list[list[str]]) -> list[list[str]]:
    header, *values = rows
    return [header, *sorted(values)]
