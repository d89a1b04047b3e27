"""The suppression list: its people are in nothing that is exported, and everything else is."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.kaltura.campus import Size
from local.kaltura.faults import Fault
from local.kaltura.report_action import ReportSettings
from room_reports.errors import ConfigurationError
from room_reports.storage.errors import StorageError
from tests.support.backfill import Backfill
from tests.support.extent import extent
from tests.support.privacy import (
    ALL_PSEUDONYMS,
    AS_LITTLE_AS_POSSIBLE,
    found,
    people,
    university_of,
    with_key,
)
from tests.support.suppression import KEY, SUPPRESSION_KEY, Erased, erased, list_text
from tests.support.world import SLUGS, World, export_key

SMALL = Size(rooms=3, attendees=4, special_names=0.4)
DAY = "2026-09-08"
ONE_DAY = {"from": DAY, "to": "2026-09-09"}
ATTENDEES = export_key("attendees", "us", DAY)
BUSY = Size(rooms=12, attendees=8, weekly_sessions=3, busy={DAY: 3000})
TOKENS = ("erased_0123456789ab", "erased_ba9876543210", "erased_111111111111")


def chosen(world: World, rows: str = "keep", *, first: int = 1) -> list[Erased]:
    """Return a few people of the simulated university, such as who hosts sessions."""
    university = university_of(world.regions["us"].truth)
    day = world.now - timedelta(days=12)
    seconds = int(day.timestamp())
    hosts = [row[6] for row in world.regions["us"].truth.rows(6000, seconds, seconds + 9 * 86_400)]
    users = {university.user(each).id: university.user(each) for each in range(1, 101)}
    ids = list(dict.fromkeys(host for host in hosts if host in users))[first - 1 : first + 2]
    return [
        Erased((users[each].id, users[each].email), token, rows)
        for each, token in zip(ids, TOKENS, strict=True)
    ]


def values_of(world: World, persons: list[Erased]) -> set[str]:
    """Return the ids, names and addresses of people, as far as no other user has them."""
    university = university_of(world.regions["us"].truth)
    users = [university.user(index) for index in range(1, university.population)]
    ids = {value for person in persons for value in person.values}
    of_others = {user.name for user in users if user.id not in ids}
    own = {value for user in users if user.id in ids for value in (user.id, user.name, user.email)}
    known = people(world.regions["us"].truth)
    # "o'neil, pat 9" is also a part of the id of another user.
    parts = {value for value in own for other in known - own if value in other}
    return ((own - of_others) & known) - parts


@contextmanager
def twins(persons: str = "keep", **arguments: Any) -> Iterator[tuple[World, World, list[Erased]]]:
    """Yield two worlds with the same past and future, one of them with a suppression list."""
    with World(**arguments) as plain, World(**arguments) as world:
        for each in (plain, world):
            each.secret = with_key(each.secret)
        erased_people = chosen(world, persons)
        world.suppress(*erased_people)
        yield plain, world, erased_people


def lines(world: World, key: str) -> list[tuple[list[str], str]]:
    """Return each line of an export, parsed and as it is, the header first."""
    rows = world.rows(key)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    item = world.item(key)
    body = strict_text(item.body, compressed=key.endswith(".gz"))
    parts = body.removesuffix("\n").split("\n")
    assert len(parts) == len(rows), "one row a line"
    return list(zip(rows, parts, strict=True))


def strict_text(body: bytes, *, compressed: bool) -> str:
    return (gzip.decompress(body) if compressed else body).decode()


def check_same_but_for(plain: World, world: World, persons: list[Erased]) -> int:
    """Assert that two buckets have the same exports, byte for byte but for some people's rows.

    Returns:
        The number of rows of these people.
    """
    keys = world.export_keys()
    assert keys == plain.export_keys()
    touched = 0
    for key in keys:
        assert world.rows(key) == world.expected_rows(key), key
        setting = plain.environment.pop("PRIVACY_COLUMNS", "")
        known = plain.expected_rows(key)
        plain.environment["PRIVACY_COLUMNS"] = setting
        kept = []
        for row, (_, line) in zip(known[1:], lines(plain, key)[1:], strict=True):
            changed = erased([known[0], row], persons)[1:] != [row]
            touched += changed
            kept += [] if changed else [line]
        expected = iter(line for _, line in lines(world, key)[1:])
        assert all(line in expected for line in kept), f"{key}: in the same order"
    return touched


@pytest.mark.parametrize(
    ("rows", "setting", "compression", "days"),
    [
        ("keep", "", "none", extent(8, 30)),
        ("remove", "", "gzip", 8),
        ("keep", ALL_PSEUDONYMS, "gzip", 8),
        ("remove", AS_LITTLE_AS_POSSIBLE, "none", 8),
    ],
)
def test_after_days_of_runs_they_are_nowhere_and_everything_else_is(
    rows: str, setting: str, compression: str, days: int
) -> None:
    variables = {
        "CATCH_UP_DAYS": "5",
        "SAMPLE_DAYS": "2",
        "PRIVACY_COLUMNS": setting,
        "COMPRESSION": compression,
    }
    with twins(rows, size=SMALL, variables=variables) as (plain, world, persons):
        began = world.now
        for _ in range(days):
            for each in (plain, world):
                result = each.run_scheduled()
                assert not result["failed"]
                each.now += timedelta(days=1)
        past = {"from": f"{began - timedelta(days=20):%Y-%m-%d}", "to": f"{began:%Y-%m-%d}"}
        month = {"from": f"{began:%Y-%m-%d}", "to": f"{began + timedelta(days=days):%Y-%m-%d}"}
        for each in (plain, world):
            assert Backfill(each).run(past)["failures"] == []
            assert not each.run({**month, "force": True})["failed"]
        assert check_same_but_for(plain, world, persons) > 10
        values = values_of(world, persons)
        assert len(values) > 5
        assert found(values, world.stored()) == set()
        if not setting:
            assert len(found(values, plain.stored())) > 5
        if rows == "keep":
            for key in world.export_keys():
                before, after = plain.item(key).metadata, world.item(key).metadata
                for name in ("rows", "sessions", "users", "minutes", "unknown-rows", "duplicates"):
                    assert before.get(name) == after.get(name), (key, name)


@pytest.mark.parametrize("rows", ["keep", "remove"])
@pytest.mark.parametrize("setting", ["", ALL_PSEUDONYMS])
def test_a_report_in_pieces(rows: str, setting: str) -> None:
    ids = {"room_data": 6000, "attendees": 6001, "breakout_sessions": 6002}
    caps = {ids["room_data"]: 14, ids["attendees"]: 300, ids["breakout_sessions"]: 7}
    with World(
        size=BUSY,
        settings=ReportSettings(row_caps=caps),
        variables={"ROW_CAPS": "7,14,300", "PRIVACY_COLUMNS": setting},
    ) as world:
        world.secret = with_key(world.secret)
        persons = chosen(world, rows)
        world.suppress(*persons)
        world.run(ONE_DAY)
        for slug in SLUGS:
            key = export_key(slug, "us", DAY)
            assert sorted(world.rows(key)) == sorted(world.expected_rows(key))
            metadata = world.item(key).metadata
            assert int(metadata["pieces"]) > 1
            assert metadata["rows"] == str(len(world.expected_rows(key)) - 1)
        assert world.s3.store.keys("pieces/")
        assert found(values_of(world, persons), world.stored()) == set()


def test_pieces_that_were_kept_before_are_not_used() -> None:
    settings = ReportSettings(row_caps={6001: 300})
    with World(size=BUSY, settings=settings, variables={"ROW_CAPS": "300"}) as world:
        event = {**ONE_DAY, "reports": ["attendees"], "force": True}
        world.run(event)
        pieces = world.s3.store.keys("pieces/")
        persons = chosen(world)
        values = values_of(world, persons)
        assert found(values, [world.item(key).body for key in pieces])
        world.suppress(*persons)
        world.run(event)
        assert sorted(world.rows(ATTENDEES)) == sorted(world.expected_rows(ATTENDEES))
        assert found(values, [world.item(ATTENDEES).body]) == set()


def test_removed_rows_are_no_missing_rows() -> None:
    """The published file has the rows of a person who has entered the list since."""
    with World(size=SMALL, variables={"CATCH_UP_DAYS": "14"}) as world:
        world.run_scheduled()
        before = {key: len(world.rows(key)) for key in world.export_keys()}
        world.suppress(*chosen(world, "remove"))
        world.now += timedelta(days=3)
        assert not world.run_scheduled()["failed"], "the last days have settled"
        world.run({"from": "2026-09-06", "to": "2026-09-20", "force": True})
        assert all(
            entry["fewer_rows_than"] is None for entry in world.latest_run_record()["exported"]
        )
        assert all(world.rows(key) == world.expected_rows(key) for key in before)
        assert any(len(world.rows(key)) < rows for key, rows in before.items())


def test_rows_that_kaltura_does_not_send_are_still_missed() -> None:
    with World(size=SMALL, variables={"CATCH_UP_DAYS": "14"}) as world:
        world.suppress(*chosen(world, "remove"))
        world.run_scheduled()
        world.now += timedelta(days=2, hours=1)
        world.regions["us"].faults.push(Fault("row_cap", times=None, report=6001, amount=3))
        failures = world.run_and_fail()["failed"]
        assert {each["error"].partition(":")[0] for each in failures} == {"FEWER_ROWS"}


@pytest.mark.parametrize("case", ["no key", "another key", "wrong", "empty", "gone", "refused"])
def test_without_a_readable_list_nothing_is_exported(case: str) -> None:
    with World(size=SMALL) as world:
        persons = chosen(world)
        secret = world.secret
        world.suppress(*persons)
        expected: type[Exception] = ConfigurationError
        message = "the secret has no entry 'suppression'"
        if case == "no key":
            world.secret = secret
        elif case == "another key":
            world.s3.store.put(SUPPRESSION_KEY, list_text(persons, KEY[::-1]).encode(), {}, {})
            message = "the suppression list was made with the key"
        elif case == "refused":
            world.s3.fault = lambda _, key: (
                "AccessDenied" if key.startswith("suppression/") else None
            )
            expected, message = StorageError, "AccessDenied"
        elif case == "gone":
            world.s3.store.remove(SUPPRESSION_KEY)
            message = "the secret has the key of a suppression list, and suppression/list.json is"
        else:
            body = b"[]" if case == "wrong" else b""
            world.s3.store.put(SUPPRESSION_KEY, body, {}, {})
            message = "the suppression list is not a JSON object"
        with pytest.raises(expected, match=message) as caught:
            world.run_scheduled()
        assert world.export_keys() == []
        assert (
            found(
                {value for person in persons for value in person.values},
                [str(caught.value).encode()],
            )
            == set()
        )


def test_an_empty_list_needs_no_key_and_changes_nothing() -> None:
    with World(size=SMALL) as plain, World(size=SMALL) as world:
        world.s3.store.put(SUPPRESSION_KEY, list_text([]).encode(), {}, {})
        for each in (plain, world):
            each.run_scheduled()
        assert [world.item(key).body for key in world.export_keys()] == [
            plain.item(key).body for key in plain.export_keys()
        ]


def test_what_cannot_be_read_is_kept_without_the_people() -> None:
    with World(size=SMALL) as world:
        persons = chosen(world)
        world.suppress(*persons)
        for kind in ("garbage_text", "missing_column"):
            world.regions["us"].faults.push(Fault(kind, times=None))
            world.run_and_fail({**ONE_DAY, "force": True})
            world.regions["us"].faults.clear()
        assert world.s3.store.keys("quarantine/")
        assert found(people(world.regions["us"].truth), world.stored()) == set()


def test_a_report_outside_the_catalogue() -> None:
    settings = ReportSettings(aliases={4021: 6001})
    with World(size=SMALL, settings=settings, variables={"REPORT_IDS": "4021"}) as world:
        persons = chosen(world)
        world.suppress(*persons)
        world.run({"from": "2026-09-10", "to": "2026-09-20"})
        assert found(values_of(world, persons), world.stored()) == set()
        rows = [row for key in world.s3.store.keys("report_4021/") for row in world.rows(key)]
        assert {row[2] for row in rows} & set(TOKENS)


def test_tokens_in_another_list_are_ids_again() -> None:
    """A person who is taken off the list is published again with the next export."""
    with World(size=SMALL) as world:
        persons = chosen(world)
        world.suppress(*persons)
        world.run({"from": "2026-09-10", "to": "2026-09-20"})
        world.suppress(
            *(replace(each, values=(f"x{place}",)) for place, each in enumerate(persons))
        )
        world.run({"from": "2026-09-10", "to": "2026-09-20", "force": True})
        for key in world.export_keys():
            assert world.rows(key) == world.expected_rows(key)
        assert json.loads(world.item(SUPPRESSION_KEY).body)["people"]
