"""An import compared with real exports, and written into a bucket."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from local.kaltura.campus import Size
from room_reports.settings import SettingsReader, read_settings
from room_reports_command.errors import InputError, StackError
from room_reports_command.reference.brightspace import Options, UserColumn
from room_reports_command.reference.changes import write
from room_reports_command.reference.id_rules import IdRules
from room_reports_command.reference.import_plan import ImportPlan, Present, plan_import
from room_reports_command.reference.inputs import read_inputs
from room_reports_command.reference.policy import POLICY_KEY
from room_reports_command.reference.policy_store import (
    read_policy,
    replaced_policy,
    write_policy,
)
from room_reports_command.reference.recent import RecentIds, recent_ids
from room_reports_command.reference.store import ReferenceStore
from room_reports_command.reference.tables import ROOMS, ROSTERS
from room_reports_command.stack import Connection, DeployedStack
from tests.support.brightspace import Brightspace
from tests.support.exporter import s3_client
from tests.support.world import World

SIZE = Size(rooms=4, attendees=6)


def stack_of(world: World) -> DeployedStack:
    """Return the stack whose bucket and exporter are those of a world."""
    stack = DeployedStack(Connection(), boto3.Session("key", "secret", region_name="us-east-1"))
    stack.__dict__["s3"] = s3_client(world.s3.url)
    stack.__dict__["outputs"] = {"BucketName": "bucket"}
    stack.__dict__["settings"] = read_settings(SettingsReader(world.environment))
    return stack


def ids_in(world: World, slug: str, column: str) -> set[str]:
    """Return the values of a column in all exports, read as the files are."""
    found = set()
    for key in world.export_keys():
        if key.startswith(f"{slug}/"):
            header, *rows = world.rows(key)
            found |= {row[header.index(column)] for row in rows}
    return found


@pytest.fixture(params=["none", "gzip"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    variables = {"CATCH_UP_DAYS": "3", "COMPRESSION": request.param}
    with World(regions=("us", "eu"), size=SIZE, variables=variables) as found:
        found.run_scheduled()
        yield found


@pytest.fixture
def present(world: World) -> Present:
    stack = stack_of(world)
    recent = recent_ids(stack.bucket, stack.settings, world.now, 30)
    return Present(ReferenceStore(stack), IdRules(), recent, stack.settings.zone)


def test_the_ids_of_users_and_rooms_are_those_of_the_exports(
    world: World, present: Present
) -> None:
    expected = {
        value[1:] if value[:2] in ("'=", "'+", "'-", "'@") else value
        for value in ids_in(world, "attendees", "user_id")
    }
    assert present.recent.users == expected - {"", "0", "Unknown", "Error"}
    assert present.recent.rooms == ids_in(world, "room_data", "entry_id") - {""}
    assert len(present.recent.users) > 5


def test_only_the_days_that_were_asked_for_are_read(world: World) -> None:
    stack = stack_of(world)
    before = len(world.s3.requests)
    recent_ids(stack.bucket, stack.settings, world.now, 1)
    read = [key for method, key in world.s3.requests[before:] if method == "GET" and ".csv" in key]
    assert read
    assert all("dt=2026-09-19" in key or "dt=2026-09-20" in key for key in read)


def campus_of(recent: RecentIds) -> Brightspace:
    """Return a Brightspace whose user names are those of the reports in capitals."""
    found = Brightspace()
    found.course(101, "BIO-101", "Biology")
    found.role(110, "Student")
    for number, user in enumerate(sorted(recent.users), 1):
        found.user(number, user.upper(), f"S{number:05}", f"{number}@example.edu")
        found.log(101, number, 110, "Enroll", "2026-09-01T12:00:00.000Z")
    for number, room in enumerate(sorted(recent.rooms), 1):
        found.link(number, 101, f"https://kaf.example.edu/hosted/index/entryid/{room}")
    return found


NAMES = ("Users", "EnrollmentsAndWithdrawals", "OrganizationalUnits", "RoleDetails", "LTILinks")


def plan_of(present: Present, folder: Path, user_id: UserColumn | None) -> ImportPlan:
    inputs = read_inputs(campus_of(present.recent).write(folder, NAMES), None)
    return plan_import(inputs, None, Options(user_id=user_id), present)


def test_the_column_with_the_ids_is_asked_for_with_what_matches(
    present: Present, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        plan_of(present, tmp_path, None)
    users = len(present.recent.users)
    assert f"UserName: {users} of {users}" in caught.value.cause
    assert f"OrgDefinedId: 0 of {users}" in caught.value.cause
    assert caught.value.cure.startswith("Add --user-id UserName")


def test_an_import_shows_the_effect_of_the_rules(present: Present, tmp_path: Path) -> None:
    plan = plan_of(present, tmp_path, UserColumn.USER_NAME)
    assert plan.effect is not None
    users = len(present.recent.users)
    assert [each.rules for each in plan.effect.steps] == ["ids as they are", "without case"]
    first, second = plan.effect.steps
    assert first.roster_ids < users
    assert (second.roster_ids, second.report_ids) == (users, users)
    assert not plan.unmatched


def test_ids_that_no_user_has_and_ids_of_other_rosters_are_told(
    world: World, present: Present, tmp_path: Path
) -> None:
    user = min(present.recent.users)
    other = f"course_id,user_id,role,from,to\nART,{user.upper()},,,\nART,OMAR,,,\n"
    world.s3.store.put("reference/rosters/other.csv", other.encode(), {}, {})
    table = tmp_path / "roster.csv"
    table.write_text(f"course_id,user_id\nBIO,{user}\nBIO,unseen-1\nBIO,unseen-2\n", "utf-8")
    plan = plan_import(read_inputs([str(table)], None), None, Options(), present)
    assert plan.effect is not None
    assert plan.effect.unseen == ("unseen-1", "unseen-2")
    assert plan.effect.merged == ((user.upper(), user),)
    assert plan.to_dict(written=False)["ids"]["unseen"] == ["unseen-1", "unseen-2"]
    assert [each.id for each in plan.without_match()] == ["unseen-1", "unseen-2"]


def test_an_import_is_written_and_importing_again_changes_nothing(
    world: World, present: Present, tmp_path: Path
) -> None:
    plan = plan_of(present, tmp_path, UserColumn.USER_NAME)
    for each in plan.changes:
        assert each.needed
        write(present.store, each)
    keys = ["reference/rooms/brightspace.csv", "reference/rosters/brightspace.csv"]
    assert world.s3.store.keys("reference/") == keys
    lines = world.item(keys[1]).body.decode().splitlines()
    assert lines[0] == ",".join(ROSTERS.columns)
    assert len(lines) == 1 + len(present.recent.users)
    again = plan_of(present, tmp_path, UserColumn.USER_NAME)
    assert [(each.needed, each.added, each.removed) for each in again.changes] == [
        (False, 0, 0)
    ] * 2


def test_an_import_replaces_the_one_before(world: World, present: Present, tmp_path: Path) -> None:
    for each in plan_of(present, tmp_path, UserColumn.USER_NAME).changes:
        write(present.store, each)
    plan = plan_of(present, tmp_path, UserColumn.ORG_DEFINED_ID)
    users = len(present.recent.users)
    assert [(each.table, each.added, each.removed) for each in plan.changes] == [
        (ROOMS, 0, 0),
        (ROSTERS, users, users),
    ]
    for each in plan.changes:
        write(present.store, each)
    body = world.item("reference/rosters/brightspace.csv").body.decode()
    assert body.count("\n") == 1 + users


def test_a_room_without_a_recent_session_stays_on_its_course(
    present: Present, tmp_path: Path
) -> None:
    plan = plan_of(present, tmp_path, UserColumn.USER_NAME)
    for each in plan.changes:
        write(present.store, each)
    campus = campus_of(present.recent).write(tmp_path, NAMES)
    closed = replace(present, recent=replace(present.recent, rooms=frozenset()))
    options = Options(user_id=UserColumn.USER_NAME)
    later = plan_import(read_inputs(campus, None), None, options, closed)
    assert [(each.table, each.needed) for each in later.changes] == [
        (ROOMS, False),
        (ROSTERS, False),
    ]


def test_a_file_that_was_changed_meanwhile_is_not_replaced(
    world: World, present: Present, tmp_path: Path
) -> None:
    plan = plan_of(present, tmp_path, UserColumn.USER_NAME)
    write(present.store, plan.changes[0])
    with pytest.raises(StackError, match="changed by another program"):
        write(present.store, plan.changes[0])
    later = plan_of(present, tmp_path, UserColumn.USER_NAME)
    present.store.replace(later.changes[0].key, b"other\n", "text/csv", later.changes[0].seen)
    with pytest.raises(StackError, match="changed by another program"):
        write(present.store, later.changes[0])
    assert world.item(plan.changes[0].key).body == b"other\n"


def test_the_policy_is_written_on_one_line_and_read_back(world: World, present: Present) -> None:
    assert read_policy(present.store) == ({}, None)
    write_policy(present.store, {"roles": ["Student"], "min_share": 0.5}, None)
    assert world.item(POLICY_KEY).body == b'{"min_share": 0.5, "roles": ["Student"]}\n'
    policy, seen = read_policy(present.store)
    assert policy == {"roles": ["Student"], "min_share": 0.5}
    with pytest.raises(StackError, match="changed by another program"):
        write_policy(present.store, {}, None)
    write_policy(present.store, {}, seen)
    assert json.loads(world.item(POLICY_KEY).body) == {}


def test_a_policy_that_is_wrong_stops_and_can_be_replaced(world: World, present: Present) -> None:
    present.store.replace(POLICY_KEY, b'{"min_share": 2}', "application/json", None)
    with pytest.raises(StackError, match="min_share") as caught:
        read_policy(present.store)
    assert "policy set" in caught.value.cure
    before, seen = replaced_policy(present.store)
    assert before == {}
    write_policy(present.store, {"min_share": 1}, seen)
    assert read_policy(present.store)[0] == {"min_share": 1}


def test_folders_made_in_a_console_are_no_files(present: Present) -> None:
    present.store.replace(ROSTERS.prefix, b"", "text/plain", None)
    assert present.store.list(ROSTERS.prefix) == []
