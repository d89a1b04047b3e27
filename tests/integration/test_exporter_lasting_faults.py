"""Faults that stay: the healthy reports go on, and what is too heavy is fetched in pieces."""

from datetime import timedelta

import pytest

from local.kaltura.campus import Size
from local.kaltura.faults import Fault
from local.kaltura.report_action import ReportSettings
from tests.support.world import SLUGS, World, export_key

SMALL = Size(rooms=6, attendees=4, weekly_sessions=5)
DAY = "2026-09-19"
ATTENDEES = export_key("attendees", "us", DAY)
HEALTHY = ("room_data", "attendees")
LASTING = [
    Fault("api_error", code="INTERNAL_SERVERL_ERROR", report=6002, times=None),
    Fault("api_error", code="SERVICE_FORBIDDEN", report=6002, times=None),
    Fault("api_error", code="REPORT_NOT_FOUND", report=6002, times=None),
    Fault("php_fatal", report=6002, times=None),
    Fault("http_status", status=504, report=6002, times=None),
    Fault("http_status", status=403, report=6002, times=None),
    Fault("proxy_html", report=6002, times=None),
    Fault("truncate_length", report=6002, times=None),
    Fault("garbage_text", report=6002, times=None),
]
FAULT_IDS = [f"{fault.kind} {fault.code} {fault.status}" for fault in LASTING]


@pytest.mark.parametrize("concurrency", ["1", "4"])
@pytest.mark.parametrize("fault", LASTING, ids=FAULT_IDS)
def test_the_other_reports_are_complete_and_settled(fault: Fault, concurrency: str) -> None:
    variables = {"CATCH_UP_DAYS": "21", "CONCURRENCY": concurrency}
    with World(size=SMALL, variables=variables) as world:
        world.regions["us"].faults.push(fault)
        result = world.run_and_fail()
        days = [f"{world.now - timedelta(days=back):%Y-%m-%d}" for back in range(1, 22)]
        expected = {export_key(slug, "us", day) for slug in HEALTHY for day in days}
        assert set(result["exported"]) == expected == set(world.export_keys())
        assert all("breakout_sessions" in failed["task"] for failed in result["failed"])
        assert len(result["failed"]) + result["deferred"] == 21

        world.now += timedelta(days=3)
        result = world.run_and_fail()
        assert {key for key in result["exported"] if day_of(key) in days} >= {
            export_key(slug, "us", day) for slug in HEALTHY for day in days[:2]
        }
        for key in world.export_keys():
            assert world.rows(key) == world.expected_rows(key)
        late = {entry["report"]: entry for entry in world.latest_run_record()["freshness"]}
        assert late["attendees"]["due"] == late["room_data"]["due"] == 0
        assert late["breakout_sessions"]["due"] == 21
        assert late["breakout_sessions"]["hours_late"] == pytest.approx(20 * 24, abs=24)
        assert len(late["breakout_sessions"]["deferred"]) == 21

        # Once the fault has ended, one run catches up.
        world.regions["us"].faults.clear()
        result = world.run_scheduled()
        assert len(result["exported"]) == 21
        assert all(world.rows(key) == world.expected_rows(key) for key in result["exported"])


def day_of(key: str) -> str:
    return key[-14:-4]


def test_three_refusals_at_the_start_do_not_cost_a_daily_schedule_its_day() -> None:
    variables = {"CATCH_UP_DAYS": "5", "CONCURRENCY": "1"}
    with World(size=SMALL, variables=variables) as world:
        # Each call is tried three times before it counts as refused.
        world.regions["us"].faults.push(Fault("http_status", status=503, times=3 * 3))
        result = world.run_and_fail()
        assert len(result["failed"]) == 3
        assert result["deferred"] == 0
        assert len(result["exported"]) == 3 * 5 - 3


@pytest.mark.parametrize(
    "fault",
    [Fault("http_status", status=504), Fault("php_fatal"), Fault("stall", seconds=3)],
    ids=lambda fault: fault.kind,
)
def test_a_report_that_is_too_heavy_is_fetched_by_room(fault: Fault) -> None:
    always = {**vars(fault), "times": None, "report": 6001, "unfiltered": True}
    with World(size=SMALL, variables={"READ_TIMEOUT_SECONDS": "1"}) as world:
        world.regions["us"].faults.push(Fault(**always))
        result = world.run_scheduled()
        assert len(result["exported"]) == 3
        for slug in SLUGS:
            key = export_key(slug, "us", DAY)
            assert sorted(world.rows(key)) == sorted(world.expected_rows(key))
        calls = [call for call in world.regions["us"].calls.reports() if call.report == 6001]
        assert any("entry_ids" in call.params for call in calls)


def test_the_pieces_that_a_run_has_fetched_are_not_fetched_again() -> None:
    with World(size=SMALL) as world:
        heavy = Fault("http_status", status=504, times=None, report=6001, unfiltered=True)
        world.regions["us"].faults.push(heavy)
        broken: list[str] = []

        def fail_last_room(method: str, key: str) -> str | None:
            # The file itself cannot be written in the first run.
            if method == "PUT" and key == ATTENDEES and not broken:
                broken.append(key)
                return "AccessDenied"
            return None

        world.s3.fault = fail_last_room
        world.run_and_fail()
        assert broken
        kept = world.s3.store.keys("pieces/")
        assert kept
        before = [call for call in world.regions["us"].calls.reports() if call.report == 6001]
        by_room = [call for call in before if "entry_ids" in call.params]
        world.now += timedelta(hours=1)
        result = world.run_scheduled()
        assert result["exported"] == [ATTENDEES]
        assert sorted(world.rows(ATTENDEES)) == sorted(world.expected_rows(ATTENDEES))
        after = [call for call in world.regions["us"].calls.reports() if call.report == 6001]
        again = [call for call in after[len(before) :] if "entry_ids" in call.params]
        assert by_room
        assert again == []
        assert world.item(ATTENDEES).metadata["exported-at"] == "2026-09-20T00:07:00Z"


@pytest.mark.parametrize("kind", ["header_only", "bom_only", "row_cap"])
def test_an_export_that_lost_rows_does_not_replace_the_published_one(kind: str) -> None:
    with World(size=SMALL) as world:
        world.run_scheduled()
        before = world.item(ATTENDEES)
        rows = len(world.rows(ATTENDEES)) - 1
        world.now += timedelta(days=2, hours=1)
        lost = Fault(kind, amount=1, times=None, report=6001)
        world.regions["us"].faults.push(lost)
        failures = [f for f in world.run_and_fail()["failed"] if f["task"] == ATTENDEES]
        assert len(failures) == 1
        now = 1 if kind == "row_cap" else 0
        assert failures[0]["error"].startswith(f"FEWER_ROWS: {ATTENDEES} has {rows} rows")
        assert f"now returns {now}" in failures[0]["error"]
        assert '"force": true' in failures[0]["error"]
        assert failures[0]["retryable"]
        assert world.item(ATTENDEES) == before

        forced = {"from": DAY, "to": "2026-09-20", "reports": ["attendees"], "force": True}
        assert world.run(forced)["exported"] == [ATTENDEES]
        assert len(world.rows(ATTENDEES)) - 1 == now
        (entry,) = world.latest_run_record()["exported"]
        assert entry["fewer_rows_than"] == rows


def test_rows_that_only_one_way_of_asking_loses_are_fetched_in_another() -> None:
    with World(size=SMALL) as world:
        world.run_scheduled()
        world.now += timedelta(days=2, hours=1)
        lost = Fault("header_only", times=None, report=6001, unfiltered=True)
        world.regions["us"].faults.push(lost)
        result = world.run_scheduled()
        assert ATTENDEES in result["exported"]
        assert sorted(world.rows(ATTENDEES)) == sorted(world.expected_rows(ATTENDEES))
        assert world.item(ATTENDEES).metadata["state"] == "settled"


def test_rooms_that_room_data_does_not_list_are_found_by_time() -> None:
    day = "2026-09-08"
    size = Size(rooms=12, attendees=8, weekly_sessions=3, busy={day: 1500})
    settings = ReportSettings(row_caps={6001: 800})
    key = export_key("attendees", "us", day)
    with World(size=size, settings=settings, variables={"ROW_CAPS": "800"}) as world:
        world.regions["us"].faults.push(Fault("header_only", times=None, report=6000))
        event = {"from": day, "to": "2026-09-09", "reports": ["attendees"]}
        result = world.run(event)
        assert result["exported"] == [key]
        assert sorted(world.rows(key)) == sorted(world.expected_rows(key))
