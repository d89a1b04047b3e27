"""Exports have exactly the rows that Kaltura has."""

import csv
import gzip
import hashlib
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from local.kaltura.campus import Size
from local.kaltura.report_action import ReportSettings
from tests.support.world import SLUGS, World, export_key

AWKWARD = Size(rooms=6, attendees=8, weekly_sessions=8, special_names=0.6)
METADATA = {
    *("rows", "sha256", "window-start", "window-end"),
    *("exported-at", "state", "run-id", "schema"),
    *("time-zone", "filters", "source", "privacy"),
    *("sessions", "duplicates"),
}
OF_USERS = {"users", "minutes", "unknown-rows"}
"""Only the attendees have them, and ``user-forms`` if there is a user."""


def labels(zone: ZoneInfo, day: datetime) -> list[str]:
    """Return the labels of a local day and of the UTC hours in it."""
    start, end = day.replace(tzinfo=zone), (day + timedelta(days=1)).replace(tzinfo=zone)
    hours = int((end.timestamp() - start.timestamp()) // 3600)
    first = start.astimezone(UTC)
    return [f"{day:%Y-%m-%d}"] + [
        f"{first + timedelta(hours=hour):%Y-%m-%dT%HZ}" for hour in range(hours)
    ]


def check_contract(world: World, key: str, run_id: str) -> None:
    item = world.item(key)
    body = gzip.decompress(item.body) if key.endswith(".gz") else item.body
    rows, metadata = world.rows(key), item.metadata
    of_users = OF_USERS if key.startswith("attendees/") else set()
    of_pairs = set() if key.startswith("breakout") else {"session-bits"}
    of_rooms = {"session-users"} if key.startswith("room_data/") else set()
    assert set(metadata) - {"user-forms"} == METADATA | of_users | of_pairs | of_rooms
    place = rows[0].index("cue_point_id")
    assert metadata["sessions"] == str(len({row[place] for row in rows[1:]}))
    assert metadata["duplicates"] == "0"
    if of_rooms:
        place = rows[0].index("meeting_view_period_unique_users")
        assert metadata["session-users"] == str(sum(int(row[place]) for row in rows[1:]))
    assert metadata["rows"] == str(len(rows) - 1)
    assert metadata["sha256"] == hashlib.sha256(body).hexdigest()
    assert metadata["exported-at"] == f"{world.now:%Y-%m-%dT%H:%M:%SZ}"
    assert metadata["run-id"] == run_id
    assert metadata["state"] == "settled"
    assert item.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert not body.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" not in body
    # One line per row, so no field contains a line break.
    assert body.count(b"\n") == len(rows)
    assert body.endswith(b"\n")


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("Europe/Warsaw", "2026-03-29", 23),
        ("Europe/Warsaw", "2026-10-25", 25),
        ("UTC", "2026-09-10", 24),
    ],
)
def test_exports_equal_the_expected_rows_in_all_regions_and_granularities(
    zone: str, day: str, hours: int
) -> None:
    date = datetime.fromisoformat(day)
    now = datetime(2026, 12, 1, 0, 7, tzinfo=UTC)
    expected = [
        export_key(slug, region, label)
        for slug, region, label in product(SLUGS, ("us", "eu"), labels(ZoneInfo(zone), date))
    ]
    assert len(expected) == 6 * (1 + hours)
    # In a direct event, dates select hours in UTC; timestamps select exactly the local day.
    start, end = (
        (date + timedelta(days=days)).replace(tzinfo=ZoneInfo(zone)).isoformat() for days in (0, 1)
    )
    with World(
        now=now,
        regions=("us", "eu"),
        size=AWKWARD,
        variables={"TIME_ZONE": zone, "GRANULARITIES": "day,hour"},
    ) as world:
        result = world.run({"from": start, "to": end})
        assert sorted(result["exported"]) == sorted(expected) == sorted(world.export_keys())
        for key in expected:
            assert world.rows(key) == world.expected_rows(key), key
            check_contract(world, key, result["run_id"])
        whole = world.item(export_key("attendees", "us", day)).metadata
        begin, finish = (
            datetime.fromisoformat(whole[f"window-{which}"]) for which in ("start", "end")
        )
        assert finish - begin == timedelta(hours=hours)
        assert begin.astimezone(ZoneInfo(zone)).isoformat()[:19] == f"{day}T00:00:00"
        assert sum(int(world.item(k).metadata["rows"]) for k in expected) > 50


@pytest.mark.parametrize("bom_only", [False, True])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_window_without_data_is_a_header_only_file(bom_only: bool, compression: str) -> None:
    reports = (6000, 6001, 6002) if bom_only else ()
    with World(
        now=datetime(2026, 12, 27, 0, 7, tzinfo=UTC),
        settings=ReportSettings(without_header=reports),
        variables={"GRANULARITIES": "day,hour", "COMPRESSION": compression},
    ) as world:
        result = world.run({"from": "2026-12-25T18:00:00Z", "to": "2026-12-25T20:00:00Z"})
        suffix = ".gz" if compression == "gzip" else ""
        wanted = ("2026-12-25", "2026-12-25T18Z", "2026-12-25T19Z")
        empty = [export_key(slug, "us", label, suffix) for slug, label in product(SLUGS, wanted)]
        assert sorted(result["exported"]) == sorted(empty)
        for key in empty:
            assert world.rows(key) == world.expected_rows(key)
            assert world.rows(key)[1:] == []
            assert world.item(key).metadata["rows"] == "0"


def test_compressed_exports_hold_the_same_bytes_and_replace_no_plain_ones() -> None:
    event = {"from": "2026-09-07", "to": "2026-09-10"}
    with World(size=AWKWARD) as world:
        plain = world.run(event)["exported"]
        world.environment["COMPRESSION"] = "gzip"
        # Existing exports keep their keys.
        assert world.run(event)["exported"] == []
        assert sorted(world.run({**event, "force": True})["exported"]) == sorted(plain)
        assert sorted(world.export_keys()) == sorted(plain)
    with World(size=AWKWARD, variables={"COMPRESSION": "gzip"}) as there:
        result = there.run(event)
        assert sorted(result["exported"]) == sorted(f"{key}.gz" for key in plain)
        for key in plain:
            packed = there.item(f"{key}.gz")
            assert gzip.decompress(packed.body) == world.item(key).body
            assert packed.headers["Content-Encoding"] == "gzip"
            assert packed.metadata["sha256"] == world.item(key).metadata["sha256"]
            check_contract(there, f"{key}.gz", result["run_id"])


def test_formulas_are_kept_if_neutralising_is_off() -> None:
    event = {"from": "2026-09-07", "to": "2026-09-12", "reports": ["attendees"]}
    with World(size=AWKWARD, variables={"NEUTRALISE_FORMULAS": "false"}) as world:
        raw = [row for key in world.run(event)["exported"] for row in world.rows(key)[1:]]
    with World(size=AWKWARD) as there:
        safe = [row for key in there.run(event)["exported"] for row in there.rows(key)[1:]]
    dangerous = [cell for row in raw for cell in row if cell[:1] in tuple("=+-@\t")]
    assert dangerous
    assert {cell[:1] for row in safe for cell in row} & set("=+-@\t\r") == set()
    assert [[cell.removeprefix("'") for cell in row] for row in safe] == [
        [cell.removeprefix("'") for cell in row] for row in raw
    ]


def test_columns_that_kaltura_quotes_are_unwrapped() -> None:
    quoted = {6001: ("user_name",), 6000: ("entry_name",)}
    event = {"from": "2026-09-07", "to": "2026-09-12", "reports": ["attendees", "room_data"]}
    with World(size=AWKWARD, settings=ReportSettings(quoted=quoted)) as world:
        for key in world.run(event)["exported"]:
            report, place = (6001, 3) if key.startswith("attendees") else (6000, 1)
            start = int(
                datetime.fromisoformat(world.item(key).metadata["window-start"]).timestamp()
            )
            names = [
                row[place] for row in world.regions["us"].truth.rows(report, start, start + 86400)
            ]
            one_line = [
                name.replace("\n", " ").replace("\r", "").replace(",", " ") for name in names
            ]
            expected = [f"'{n}" if n[:1] in tuple("=+-@\t") else n for n in one_line]
            found = [row[place] for row in world.rows(key)[1:]]
            assert found == [name.replace("\ue000", "\ufffd") for name in expected]


def test_an_unknown_report_has_the_columns_of_its_header() -> None:
    aliased = ReportSettings(aliases={4021: 6001})
    with World(settings=aliased, variables={"REPORT_IDS": "4021,6001"}) as world:
        world.run({"from": "2026-09-08", "to": "2026-09-09"})
        (other,) = world.s3.store.keys("report_4021/")
        assert other == export_key("report_4021", "us", "2026-09-08")
        known = world.rows(export_key("attendees", "us", "2026-09-08"))
        found = list(csv.reader(world.item(other).body.decode().split("\n")[:-1]))
        assert found[0] == known[0]
        assert len(found) == len(known) > 1


def test_filters_are_sent_to_kaltura() -> None:
    filters = '{"attendees": {"entry_ids": ["1_us000000", "1_us000003"]}, '
    filters += '"breakout_sessions": {"parentEntryIds": ["1_us000001"]}}'
    with World(variables={"REPORT_FILTERS": filters}) as world:
        world.run({"from": "2026-09-07", "to": "2026-09-14"})
        for slug, place, rooms in (
            ("attendees", 0, {"1_us000000", "1_us000003"}),
            ("breakout_sessions", 0, {"1_us000001"}),
        ):
            found = [row for key in world.s3.store.keys(slug) for row in world.rows(key)[1:]]
            wanted = [
                row
                for key in world.s3.store.keys(slug)
                for row in world.expected_rows(key)[1:]
                if row[place] in rooms
            ]
            assert found == wanted
        assert {row[0] for key in world.s3.store.keys("attendees") for row in world.rows(key)[1:]}
