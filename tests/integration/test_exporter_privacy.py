"""PrivacyColumns: what is exported, what is asked for, and what a change of it does."""

import base64
import json
import re
from typing import Any

import pytest

from local.kaltura.campus import Size
from local.kaltura.faults import Fault
from local.kaltura.report_action import ReportSettings
from room_reports.errors import ConfigurationError
from tests.support.privacy import (
    ALL_PSEUDONYMS,
    AS_LITTLE_AS_POSSIBLE,
    PERSONAL,
    found,
    people,
    pseudonym,
    university_of,
    with_key,
)
from tests.support.world import World, export_key

SMALL = Size(rooms=3, attendees=4, special_names=0.4)
DAY = "2026-09-19"
ATTENDEES = export_key("attendees", "us", DAY)


def private(setting: str = ALL_PSEUDONYMS, **arguments: Any) -> World:
    """Return a world with a value of PrivacyColumns, and a key in the secret."""
    world = World(size=SMALL, variables={"CATCH_UP_DAYS": "2"}, **arguments)
    world.environment["PRIVACY_COLUMNS"] = setting
    world.secret = with_key(world.secret)
    return world


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("setting", [ALL_PSEUDONYMS, AS_LITTLE_AS_POSSIBLE])
def test_files_have_everything_but_the_people(setting: str, compression: str) -> None:
    with private(setting, regions=("us", "eu")) as world:
        world.environment["COMPRESSION"] = compression
        exported = world.run_scheduled()["exported"]
        assert len(exported) == 2 * 2 * 3
        for key in exported:
            assert world.rows(key) == world.expected_rows(key)
            assert re.fullmatch("[0-9a-f]{16}", world.item(key).metadata["privacy"])
        truths = [server.truth for server in world.regions.values()]
        assert found(people(*truths), world.stored()) == set()


def test_a_person_has_one_pseudonym_in_every_report_and_export() -> None:
    with private() as world:
        world.run_scheduled()
        seen: dict[str, set[str]] = {}
        for key in world.export_keys():
            header, *rows = world.rows(key)
            slug = key.partition("/")[0]
            name = PERSONAL[slug][0]
            seen.setdefault(slug, set()).update(row[header.index(name)] for row in rows)
        ids = {university_of(world.regions["us"].truth).user(index).id for index in range(1, 101)}
        of_people = {pseudonym(value) for value in ids}
        assert seen["attendees"] <= {*of_people, "Unknown"}
        assert seen["room_data"] <= {*of_people, "Unknown", "0"}
        assert seen["breakout_sessions"] <= {*of_people, "Unknown"}
        assert seen["attendees"] & seen["room_data"] & of_people


def test_dropped_columns_are_not_asked_for() -> None:
    with private(AS_LITTLE_AS_POSSIBLE) as world:
        world.run_scheduled()
        asked = {
            call.report: call.params.get("excludedFields")
            for call in world.regions["us"].calls.reports()
        }
        assert asked == {
            6000: "session_host_user_id",
            6001: "user_name,user_email",
            6002: "session_initiator",
        }


def test_without_a_setting_every_column_is_asked_for() -> None:
    with World(size=SMALL) as world:
        world.run_scheduled()
        assert all(
            "excludedFields" not in call.params for call in world.regions["us"].calls.reports()
        )
        assert {world.item(key).metadata["privacy"] for key in world.export_keys()} == {"none"}


@pytest.mark.parametrize("column", ["user_email", "nickname"])
def test_a_column_that_comes_all_the_same_is_emptied(column: str) -> None:
    with private(AS_LITTLE_AS_POSSIBLE) as world:
        fault = Fault("extra_column", times=None, report=6001, text=column)
        world.regions["us"].faults.push(fault)
        world.run_scheduled()
        header, *rows = world.rows(ATTENDEES)
        assert {row[header.index(column)] for row in rows} == {""}
        (done,) = [
            entry for entry in world.latest_run_record()["exported"] if entry["task"] == ATTENDEES
        ]
        assert done["unknown_columns"] == (["nickname"] if column == "nickname" else [])


def test_a_report_outside_the_catalogue() -> None:
    settings = ReportSettings(aliases={4021: 6001})
    columns = "report_4021.user_id=pseudonym,report_4021.user_name=drop"
    with private(columns, settings=settings) as world:
        world.environment["REPORT_IDS"] = "4021"
        (key, _) = world.run_scheduled()["exported"]
        header, *rows = world.rows(key)
        assert header[-1] == "user_name"
        assert {row[-1] for row in rows} == {""}
        assert all(row[header.index("user_id")][:2] in ("p_", "Un") for row in rows), (
            "pseudonyms, or Unknown"
        )


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        (None, "the secret has no entry 'pseudonyms'"),
        ({"key": "short"}, 'is not {"key": …} with 32 bytes in base64'),
        ({"key": base64.b64encode(bytes(31)).decode()}, "with 32 bytes"),
        ({"key": base64.b64encode(bytes(32)).decode(), "more": 1}, "with 32 bytes"),
        ("text", "with 32 bytes"),
    ],
)
def test_without_a_valid_key_nothing_is_exported(entry: object, hint: str) -> None:
    with private() as world:
        entries = json.loads(world.secret)
        del entries["pseudonyms"]
        world.secret = json.dumps({**entries, "pseudonyms": entry} if entry else entries)
        with pytest.raises(ConfigurationError) as caught:
            world.run_scheduled()
        assert hint in str(caught.value)
        assert "room-reports secret pseudonym-key" in str(caught.value)
        assert base64.b64encode(bytes(31)).decode() not in str(caught.value)
        assert world.export_keys() == []


def test_everything_that_is_wrong_with_the_secret_is_named() -> None:
    with private() as world:
        world.secret = '{"us": {"ks": ""}}'
        with pytest.raises(ConfigurationError) as caught:
            world.run_scheduled()
        assert "region 'us'" in str(caught.value)
        assert "'pseudonyms'" in str(caught.value)


def test_without_pseudonyms_no_key_is_needed() -> None:
    with private("attendees.user_name=drop") as world:
        world.secret = json.dumps({"us": json.loads(world.secret)["us"]})
        assert len(world.run_scheduled()["exported"]) == 2 * 3
