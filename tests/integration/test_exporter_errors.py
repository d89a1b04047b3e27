"""Each failure of Kaltura leads to the documented result and message."""

import json
from typing import Any

import pytest

from local.kaltura.campus import Size
from local.kaltura.faults import Fault
from tests.support.world import SLUGS, World, export_key

SMALL = Size(rooms=3, attendees=3)
DAY = "2026-09-19"
ATTENDEES = export_key("attendees", "us", DAY)
OTHERS = [export_key(slug, "us", DAY) for slug in ("room_data", "breakout_sessions")]
TRIES = 4

RETRIED = (
    *("INTERNAL_SERVERL_ERROR", "INTERNAL_SERVER_ERROR", "INTERNAL_DATABASE_ERROR"),
    *("LOCK_TIMED_OUT", "ACTION_BLOCKED"),
)
OF_THE_TASK = (
    *("REPORT_NOT_FOUND", "SEARCH_TOO_GENERAL", "MISSING_MANDATORY_PARAMETER"),
    *("INVALID_PARAMETER_CHAR", "UNKNOWN_RESPONSE_FORMAT", "SOME_FUTURE_ERROR"),
    "SERVICE_FORBIDDEN",
)
OF_THE_REGION = (
    *("MISSING_KS", "SERVICE_DOES_NOT_EXISTS", "ACTION_DOES_NOT_EXISTS"),
    *("SERVICE_ACCESS_CONTROL_RESTRICTED", "SERVICE_FORBIDDEN_CONTENT_BLOCKED", "USER_BLOCKED"),
    *("INVALID_OBJECT_ID", "UNKNOWN_ROLE_ID"),
)


def api_error(code: str, times: int | None = None) -> Fault:
    return Fault("api_error", code=code, times=times, report=6001)


def only_failure(result: dict[str, Any]) -> dict[str, Any]:
    (failure,) = result["failed"]
    assert failure.keys() == {"task", "error", "retryable"}
    assert failure["task"] == ATTENDEES
    return dict(failure)


def check_the_rest(world: World, result: dict[str, Any], others: list[str]) -> None:
    """Assert that only the failed task has no export, and that the run record says so."""
    assert sorted(result["exported"]) == sorted(others) == sorted(world.export_keys())
    assert all(world.rows(key) == world.expected_rows(key) for key in others)
    record = world.latest_run_record()
    assert record["failed"] == result["failed"]
    assert record["run_id"] == result["run_id"]
    assert record["deferred"] == result["deferred"]


@pytest.mark.parametrize("code", RETRIED)
def test_transient_errors_are_retried_and_then_reported_as_retryable(code: str) -> None:
    with World(size=SMALL) as world:
        world.regions["us"].faults.push(api_error(code))
        result = world.run_and_fail()
        failure = only_failure(result)
        assert failure["error"].startswith(f"{code}: ")
        assert failure["retryable"] is True
        check_the_rest(world, result, OTHERS)
        calls = [call for call in world.regions["us"].calls.reports() if call.report == 6001]
        assert len(calls) == TRIES
        waits = sorted(world.waits)
        assert len(waits) == TRIES - 1
        least = 10 if code == "ACTION_BLOCKED" else 0
        for number, wait in enumerate(waits):
            assert least + 2**number / 2 <= wait <= least + 2**number
        world.regions["us"].faults.clear()
        assert world.run_scheduled()["exported"] == [ATTENDEES]


@pytest.mark.parametrize("code", [*RETRIED, "DRUID_QUERY_TIMED_OUT"])
def test_a_successful_retry_is_not_a_failure(code: str) -> None:
    with World(size=SMALL) as world:
        world.regions["us"].faults.push(api_error(code, times=TRIES - 1))
        assert world.run_scheduled()["failed"] == []
        assert world.rows(ATTENDEES) == world.expected_rows(ATTENDEES)


@pytest.mark.parametrize("code", OF_THE_TASK)
def test_task_errors_are_not_retried(code: str) -> None:
    with World(size=SMALL) as world:
        world.regions["us"].faults.push(api_error(code))
        result = world.run_and_fail()
        failure = only_failure(result)
        assert failure["error"].startswith(f"{code}: ")
        assert failure["retryable"] is False
        check_the_rest(world, result, OTHERS)
        calls = [call for call in world.regions["us"].calls.reports() if call.report == 6001]
        assert len(calls) == 1
        assert world.waits == []


@pytest.mark.parametrize("code", OF_THE_REGION)
def test_region_errors_stop_only_that_region(code: str) -> None:
    with World(
        regions=("us", "eu"), size=SMALL, variables={"CONCURRENCY": "1", "CATCH_UP_DAYS": "3"}
    ) as world:
        world.regions["us"].faults.push(Fault("api_error", code=code, times=None))
        result = world.run_and_fail()
        (failure,) = result["failed"]
        assert failure["task"] in [export_key(slug, "us", DAY) for slug in SLUGS]
        assert failure["error"].startswith(f"{code}: ")
        assert failure["retryable"] is False
        assert len(world.regions["us"].calls.reports()) == 1
        assert result["deferred"] == 8
        assert len(result["exported"]) == 9
        check_the_rest(
            world,
            result,
            [export_key(s, "eu", d) for s in SLUGS for d in ("2026-09-17", "2026-09-18", DAY)],
        )


@pytest.mark.parametrize(
    ("fault", "message", "retryable"),
    [
        (Fault("http_status", status=503), "HTTP_503: ", True),
        (Fault("http_status", status=429, seconds=1), "HTTP_429: ", True),
        (Fault("http_status", status=408), "HTTP_408: ", True),
        (Fault("http_status", status=413), "HTTP_413: ", False),
        (Fault("proxy_html"), "UNRECOGNISED_RESPONSE: ", True),
        (Fault("empty"), "UNRECOGNISED_RESPONSE: ", True),
        (Fault("garbage"), "UNRECOGNISED_RESPONSE: ", True),
        (Fault("garbage_text"), "MALFORMED_REPORT: ", True),
        (Fault("reset"), "INCOMPLETE_RESPONSE: ", True),
        (Fault("reset_in_body"), "INCOMPLETE_RESPONSE: ", True),
        (Fault("truncate_length"), "INCOMPLETE_RESPONSE: ", True),
        (Fault("truncate_chunked"), "INCOMPLETE_RESPONSE: ", True),
        (Fault("truncate_close"), "", True),
        (Fault("close_delimited"), "INCOMPLETE_RESPONSE: ", True),
        (
            Fault("missing_column", text="user_id"),
            "MALFORMED_REPORT: the report attendees lacks the columns user_id; "
            "its header was: entry_id, ",
            True,
        ),
        (Fault("stall", seconds=1.5), "READ_TIMEOUT: ", True),
        (Fault("php_fatal"), "HTTP_500: ", True),
        (Fault("api_error", code="DRUID_QUERY_TIMED_OUT"), "DRUID_QUERY_TIMED_OUT: ", True),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_broken_responses_are_not_published(fault: Fault, message: str, retryable: bool) -> None:
    always = {**vars(fault), "times": None, "report": 6001}
    with World(size=SMALL, variables={"READ_TIMEOUT_SECONDS": "1"}) as world:
        world.regions["us"].faults.push(Fault(**always))
        result = world.run_and_fail()
        failure = only_failure(result)
        assert failure["error"].startswith(message)
        assert failure["retryable"] is retryable
        check_the_rest(world, result, OTHERS)


@pytest.mark.parametrize(
    "fault",
    [
        *("reset", "reset_in_body", "truncate_length", "truncate_chunked", "truncate_close"),
        *("close_delimited", "garbage", "garbage_text", "empty", "proxy_html", "php_fatal"),
        *("http_status", "ks_expired", "chunked", "drip", "reordered_columns"),
    ],
)
def test_a_single_broken_response_is_recovered(fault: str) -> None:
    with World(size=SMALL) as world:
        world.regions["us"].faults.push(Fault(fault, seconds=0.1))
        assert world.run_scheduled()["failed"] == []
        assert len(world.export_keys()) == 3
        assert all(world.rows(key) == world.expected_rows(key) for key in world.export_keys())


def test_a_failed_report_is_not_published_as_empty() -> None:
    with World(size=SMALL) as world:
        world.regions["us"].faults.push(
            api_error("DRUID_QUERY_TIMED_OUT"), Fault("header_only", times=None, report=6000)
        )
        failure = only_failure(world.run_and_fail())
        assert failure["error"].startswith("DRUID_QUERY_TIMED_OUT: ")
        assert ATTENDEES not in world.export_keys()


def test_unknown_columns_are_appended_and_reported() -> None:
    with World(size=SMALL) as world:
        world.regions["us"].faults.push(Fault("extra_column", text="new_metric", report=6001))
        world.run_scheduled()
        rows, expected = world.rows(ATTENDEES), world.expected_rows(ATTENDEES)
        assert [row[:-1] for row in rows] == expected
        assert [row[-1] for row in rows] == ["new_metric", *["7"] * (len(expected) - 1)]
        entries = {entry["task"]: entry for entry in world.latest_run_record()["exported"]}
        assert entries[ATTENDEES]["unknown_columns"] == ["new_metric"]
        assert entries[OTHERS[0]]["unknown_columns"] == []


def test_invalid_utf8_is_replaced_and_counted() -> None:
    with World(size=SMALL) as world:
        world.regions["us"].faults.push(Fault("invalid_utf8", report=6001))
        world.run_scheduled()
        entries = {entry["task"]: entry for entry in world.latest_run_record()["exported"]}
        rows = world.rows(ATTENDEES)[1:]
        assert rows
        assert entries[ATTENDEES]["replaced_bytes"] >= len(rows)
        assert all(row[1].startswith("\ufffd") for row in rows)


def test_a_failed_task_keeps_the_older_export() -> None:
    with World(size=SMALL) as world:
        world.run_scheduled()
        before = {key: world.s3.store.versions(key) for key in world.export_keys()}
        world.regions["us"].faults.push(Fault("truncate_length", times=None))
        result = world.run_and_fail({"from": DAY, "to": "2026-09-20", "force": True})
        assert len(result["failed"]) == 3
        assert {key: world.s3.store.versions(key) for key in world.export_keys()} == before


def test_an_unreachable_region_is_probed_once_more_and_the_rest_is_deferred() -> None:
    with World(
        regions=("us", "eu"), size=SMALL, variables={"CONCURRENCY": "1", "CATCH_UP_DAYS": "5"}
    ) as world:
        world.regions["us"].stop()
        result = world.run_and_fail()
        # Three failures in a row open the circuit breaker; after a pause there is a probe.
        assert len(result["failed"]) == 3 + 1
        assert {failure["error"].split(":")[0] for failure in result["failed"]} == {"UNREACHABLE"}
        assert all(failure["retryable"] for failure in result["failed"])
        assert result["deferred"] == 11
        assert len(result["exported"]) == 15
        world.regions["us"].start()
        recovered = world.run_scheduled()
        assert len(recovered["exported"]) == 15
        assert recovered["skipped"] >= 15
        assert all(world.rows(key) == world.expected_rows(key) for key in world.export_keys())


def test_unrecognised_responses_are_quarantined() -> None:
    with World(size=SMALL) as world:
        world.regions["us"].faults.push(
            Fault("garbage_text", times=None, report=6001),
            Fault("proxy_html", times=None, report=6002),
        )
        result = world.run_and_fail()
        assert len(result["failed"]) == 2
        folder = f"quarantine/dt=2026-09-20/{result['run_id']}"
        kept = world.s3.store.keys("quarantine/")
        assert kept == [
            f"{folder}/attendees_us_{DAY}.json",
            f"{folder}/breakout_sessions_us_{DAY}.json",
        ]
        document = json.loads(world.item(kept[0]).body)
        assert document.keys() == {"task", "error", "status", "headers", "body"}
        assert document["task"] == ATTENDEES
        assert document["status"] == 200
        assert "this,is,not" in document["body"]
        assert "Please try again later" in json.loads(world.item(kept[1]).body)["body"]
