"""Reports that Kaltura caps are assembled from pieces, or the task fails."""

import gzip

import pytest

from local.kaltura.campus import Size
from local.kaltura.faults import Fault
from local.kaltura.report_action import ReportSettings
from tests.support.extent import long_test
from tests.support.world import SLUGS, World, export_key

DAY = "2026-09-08"
EVENT = {"from": DAY, "to": "2026-09-09"}
ATTENDEES = export_key("attendees", "us", DAY)
ATTENDEES_OF_A_DAY = 250_000
"""Far above Kaltura's row cap of 100,000."""
BUSY = Size(rooms=12, attendees=8, weekly_sessions=3, busy={DAY: 3000})


def capped(**caps: int) -> ReportSettings:
    ids = {"room_data": 6000, "attendees": 6001, "breakout_sessions": 6002}
    return ReportSettings(row_caps={ids[slug]: cap for slug, cap in caps.items()})


def check(world: World, key: str) -> None:
    """Assert that the export has the expected rows, in any order."""
    rows, expected = world.rows(key), world.expected_rows(key)
    assert rows[0] == expected[0]
    assert sorted(rows[1:]) == sorted(expected[1:])
    assert world.item(key).metadata["rows"] == str(len(expected) - 1)


def calls(world: World, report: int) -> int:
    return sum(call.report == report for call in world.regions["us"].calls.reports())


@pytest.mark.parametrize("cap", [270, 500, 3000])
def test_a_capped_report_is_assembled_from_pieces(cap: int) -> None:
    with World(
        size=BUSY, settings=capped(attendees=cap), variables={"ROW_CAPS": str(cap)}
    ) as world:
        result = world.run(EVENT)
        assert len(result["exported"]) == 3
        for slug in SLUGS:
            check(world, export_key(slug, "us", DAY))
        assert int(world.item(ATTENDEES).metadata["pieces"]) > 1
        assert len(world.rows(ATTENDEES)) > 3000
        assert "pieces" not in world.item(export_key("room_data", "us", DAY)).metadata
        entry = next(e for e in world.latest_run_record()["exported"] if e["task"] == ATTENDEES)
        assert entry["pieces"] == int(world.item(ATTENDEES).metadata["pieces"])
        assert calls(world, 6001) < 40


def test_all_reports_may_be_capped_at_the_same_time() -> None:
    settings = capped(room_data=14, attendees=300, breakout_sessions=7)
    with World(size=BUSY, settings=settings, variables={"ROW_CAPS": "7,14,300"}) as world:
        world.run(EVENT)
        for slug in SLUGS:
            check(world, export_key(slug, "us", DAY))
            assert int(world.item(export_key(slug, "us", DAY)).metadata["pieces"]) > 1


def test_an_unknown_cap_is_detected_by_a_round_row_count() -> None:
    with World(size=BUSY, settings=capped(attendees=1000)) as world:
        world.run(EVENT)
        check(world, ATTENDEES)
        assert len(world.rows(ATTENDEES)) > 3000


def test_a_complete_report_of_exactly_the_cap_is_published() -> None:
    with World(size=BUSY) as world:
        world.run(EVENT)
        rows = world.item(ATTENDEES).metadata["rows"]
        whole = world.rows(ATTENDEES)
        world.environment["ROW_CAPS"] = rows
        world.run({**EVENT, "force": True, "reports": ["attendees"]})
        assert sorted(world.rows(ATTENDEES)) == sorted(whole)
        assert int(world.item(ATTENDEES).metadata["pieces"]) > 1


def test_pieces_respect_filters_and_compression() -> None:
    rooms = [f"1_us{number:06x}" for number in range(4)]
    chosen = ", ".join(f'"{room}"' for room in rooms)
    filters = f'{{"attendees": {{"entry_ids": [{chosen}]}}}}'
    environment = {"REPORT_FILTERS": filters, "COMPRESSION": "gzip", "ROW_CAPS": "300"}
    with World(size=BUSY, settings=capped(attendees=300), variables=environment) as world:
        world.run(EVENT)
        packed = f"{ATTENDEES}.gz"
        wanted = [row for row in world.expected_rows(packed) if row[0] in (*rooms, "entry_id")]
        assert len(wanted) > 1000
        assert sorted(world.rows(packed)) == sorted(wanted)
        assert gzip.decompress(world.item(packed).body).startswith(b"entry_id,cue_point_id")
        requested = [
            set(call.params["entry_ids"].split(","))
            for call in world.regions["us"].calls.reports()
            if call.report == 6001
        ]
        assert all(ids <= set(rooms) for ids in requested)


def test_a_timed_out_query_is_fetched_in_pieces() -> None:
    with World(size=BUSY) as world:
        world.regions["us"].faults.push(
            Fault("api_error", code="DRUID_QUERY_TIMED_OUT", times=4, report=6001)
        )
        world.run(EVENT)
        check(world, ATTENDEES)
        assert int(world.item(ATTENDEES).metadata["pieces"]) > 1


def test_one_session_at_the_cap_fails_and_the_error_names_the_piece() -> None:
    with World(size=BUSY, settings=capped(attendees=100), variables={"ROW_CAPS": "100"}) as world:
        result = world.run_and_fail(EVENT)
        (failure,) = result["failed"]
        assert failure["task"] == ATTENDEES
        assert failure["retryable"] is False
        assert failure["error"].startswith(
            "ROW_CAP: exactly 100 rows came, which may be a cap, and the request cannot be split"
        )
        assert (
            "attendees from 2026-09-08T00:00:00Z to 2026-09-09T00:00:00Z; entry_ids=1_us"
            in failure["error"]
        )
        assert "; cue_point_ids=1_c26090800" in failure["error"]
        assert len(result["exported"]) == 2
        assert ATTENDEES not in world.export_keys()


def test_an_indivisible_report_fails_at_the_cap() -> None:
    settings = ReportSettings(aliases={4021: 6001}, row_caps={4021: 100})
    with World(
        size=BUSY, settings=settings, variables={"ROW_CAPS": "100", "REPORT_IDS": "4021"}
    ) as world:
        (failure,) = world.run_and_fail(EVENT)["failed"]
        assert failure["error"].startswith("ROW_CAP: exactly 100 rows came")
        assert world.export_keys() == []


@long_test
def test_more_attendees_on_one_day_than_kaltura_returns_at_once() -> None:
    crowd = Size(rooms=12, attendees=8, busy={DAY: ATTENDEES_OF_A_DAY})
    with World(size=crowd) as world:
        world.run({**EVENT, "reports": ["attendees"]})
        check(world, ATTENDEES)
        assert len(world.rows(ATTENDEES)) > ATTENDEES_OF_A_DAY
        assert calls(world, 6001) < 24, "the survey in shorter windows, and the pieces"
