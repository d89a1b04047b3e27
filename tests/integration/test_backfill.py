"""The backfill's steps, one after the other as the state machine calls them, over HTTP."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Literal

import pytest

from local.kaltura.campus import Size
from local.kaltura.faults import Fault
from local.stack.servers import ROOT
from room_reports.errors import ConfigurationError
from tests.support.backfill import Backfill
from tests.support.world import SLUGS, World, export_key

RANGE = {"from": "2026-07-01", "to": "2026-09-01"}
DAYS = 62
"""Of the range."""


@pytest.fixture
def world() -> Iterator[World]:
    with World(regions=("us", "eu"), size=Size(rooms=3, attendees=3)) as made:
        yield made


def stop_after(portions: int) -> Callable[[], None]:
    """Return a function that raises when it has been called so often."""
    lock, calls = Lock(), iter(range(portions))

    def count() -> None:
        with lock:
            if next(calls, None) is None:
                raise KeyboardInterrupt

    return count


def is_complete(world: World) -> bool:
    keys = world.export_keys()
    assert len(keys) == len(set(keys))
    assert all(world.rows(key) == world.expected_rows(key) for key in keys)
    return len(keys) == DAYS * len(SLUGS) * len(world.regions)


def test_a_range_is_exported_in_one_round(world: World) -> None:
    backfill = Backfill(world)
    summary = backfill.run(RANGE)
    assert is_complete(world)
    assert len(world.written_keys()) == summary["exported"] == DAYS * 6
    rows = sum(len(world.rows(key)) - 1 for key in world.export_keys())
    assert (summary["rows"], summary["remaining"], summary["failures"]) == (rows, 0, [])
    assert summary["complete"]
    ended = [(each["rounds"], each["ended"]) for each in summary["regions"].values()]
    assert ended == [(1, "complete")] * 2
    assert backfill.pauses == {"us": [0], "eu": [0]}
    assert backfill.objects()["summary.json"] == summary


def test_a_portion_is_a_month_of_a_series_and_its_event_a_direct_one(world: World) -> None:
    backfill = Backfill(world)
    backfill.run({**RANGE, "regions": ["us"]})
    portions = backfill.objects()["us/round-001.json"]
    assert [(item["reports"], item["from"], item["to"]) for item in portions] == [
        ([slug], f"2026-{month:02}-01T00:00:00Z", f"2026-{month + 1:02}-01T00:00:00Z")
        for month in (8, 7)
        for slug in sorted(SLUGS)
    ]
    for item in portions:
        assert item.pop("backfill")["windows"] == 31
        assert world.run(item)["skipped"] == 31
    results = backfill.objects("us/round-001/")
    assert [result["exported"] for result in results.values()] == [31] * 6


def test_started_again_it_does_only_what_is_missing(world: World) -> None:
    first = Backfill(world, after_portion=stop_after(5))
    with pytest.raises(KeyboardInterrupt):
        first.run(RANGE)
    written = world.written_keys()
    assert 0 < len(written) < DAYS * 6
    second = Backfill(world, "second")
    summary = second.run(RANGE)
    assert is_complete(world)
    assert sorted(world.written_keys()) == sorted(world.export_keys()), "none twice"
    assert summary["exported"] == DAYS * 6 - len(written)
    third = Backfill(world, "third").run(RANGE)
    assert (third["exported"], third["complete"]) == (0, True)


def test_what_a_child_defers_is_taken_up_by_the_same_execution(world: World) -> None:
    def seconds(event: Any) -> float:
        control = event["backfill"]
        hurried = control.get("round") == 1 and event["reports"] == ["attendees"]
        return 10 if hurried and event["regions"] == ["us"] else 800

    backfill = Backfill(world, seconds=seconds)
    summary = backfill.run(RANGE)
    assert is_complete(world)
    results = backfill.objects("us/round-001/").values()
    assert sorted((result["report"], result["deferred"]) for result in results) == [
        *[("attendees", 31)] * 2,
        *[("breakout_sessions", 0)] * 2,
        *[("room_data", 0)] * 2,
    ]
    assert (summary["complete"], summary["failures"]) == (True, [])
    assert summary["regions"]["us"]["rounds"] == 2
    assert backfill.pauses["us"] == [0, 0]
    assert len(backfill.objects("us/round-002/")) == 2


def test_an_outage_that_ends_during_the_backfill(world: World) -> None:
    eu = world.regions["eu"]
    outage = Fault("http_status", status=503, service=None, times=None)
    eu.faults.push(outage)
    backfill = Backfill(world)
    outage_ends = world.now + timedelta(minutes=2)

    def maybe_end() -> None:
        if world.now >= outage_ends:
            eu.faults.clear()

    backfill.after_portion = maybe_end
    summary = backfill.run(RANGE)
    assert summary["complete"]
    assert is_complete(world)
    # It ends during the third round; what that round still defers, a fourth takes up.
    assert backfill.pauses["eu"][:3] == [0, 60, 300]
    assert len(backfill.pauses["eu"]) <= 4


def test_a_region_that_is_down_for_good_is_left_alone(world: World) -> None:
    world.regions["eu"].faults.push(Fault("http_status", status=503, service=None, times=None))
    backfill = Backfill(world)
    summary = backfill.run(RANGE)
    assert backfill.pauses == {"us": [0], "eu": [0, 60, 300, 900]}
    assert summary["regions"]["us"]["ended"] == "complete"
    eu = summary["regions"]["eu"]
    assert (eu["ended"], eu["exported"], eu["remaining"]) == ("stuck", 0, DAYS * 3)
    assert not summary["complete"]
    reasons = {failure["reason"]: failure for failure in summary["failures"]}
    assert set(reasons) == {"HTTP_503", "DEFERRED"}
    assert sum(failure["windows"] for failure in reasons.values()) == DAYS * 3
    assert all(failure["region"] == "eu" for failure in reasons.values())
    # The first two children find the region down and say so to the others, which do not try.
    for number in range(1, 5):
        results = backfill.objects(f"eu/round-{number:03}/").values()
        assert len(results) == 6
        tried = [result for result in results if result["run_id"]]
        assert 1 <= len(tried) <= 3
        assert all(result["down"] for result in tried)
    # Each makes as many calls as its circuit breaker allows.
    assert len(world.regions["eu"].calls.all()) <= 4 * 3 * 30


def test_a_report_that_is_refused_for_good_ends_after_one_round(world: World) -> None:
    refused = Fault("api_error", code="SERVICE_FORBIDDEN", report=6002, times=None)
    world.regions["us"].faults.push(refused)
    backfill = Backfill(world)
    summary = backfill.run(RANGE)
    us = summary["regions"]["us"]
    assert (us["ended"], us["remaining"], us["exported"]) == ("stuck", DAYS, DAYS * 2)
    failure = summary["failures"][0]
    assert failure["task"].startswith("breakout_sessions/")
    assert (failure["region"], failure["retryable"]) == ("us", False)
    # The second round, in which nothing moves, asks once for each month.
    assert (us["rounds"], backfill.pauses["us"]) == (2, [0, 0])


def test_force_exports_every_window_once(world: World) -> None:
    Backfill(world).run(RANGE)
    world.now += timedelta(minutes=1)
    before = len(world.written_keys())
    world.regions["us"].faults.push(Fault("api_error", code="SERVICE_FORBIDDEN", report=6001))
    summary = Backfill(world, "again").run({**RANGE, "force": True})
    assert (summary["exported"], summary["complete"]) == (DAYS * 6, True)
    requests = [r for r in world.s3.requests if r[0] in {"PUT", "COPY"} and "granularity" in r[1]]
    assert len(requests) - before <= DAYS * 6
    assert summary["regions"]["us"]["rounds"] == 2


def test_a_dry_run_only_counts(world: World) -> None:
    summary = Backfill(world).run({**RANGE, "dry_run": True})
    assert (summary["remaining"], summary["exported"], summary["dry_run"]) == (DAYS * 6, 0, True)
    assert summary["failures"] == []
    assert world.export_keys() == []
    assert not any(server.calls.all() for server in world.regions.values())


def test_open_windows_do_not_keep_it_going(world: World) -> None:
    world.environment["EXPORT_OPEN_WINDOW"] = "true"
    today, tomorrow = (f"{world.now + timedelta(days=n):%Y-%m-%d}" for n in (0, 1))
    summary = Backfill(world).run({"from": "2026-09-18", "to": tomorrow})
    assert (summary["complete"], summary["exported"]) == (True, 2 * 6)
    forced = {"from": today, "to": tomorrow, "force": True}
    summary = Backfill(world, "forced").run(forced)
    assert (summary["complete"], summary["exported"]) == (True, 6)
    assert world.rows(export_key("attendees", "us", today)) is not None


def test_a_newer_execution_takes_over(world: World) -> None:
    first, second = Backfill(world), Backfill(world, "second")
    summaries: list[Any] = []

    def take_over() -> None:
        if not summaries:
            summaries.append(None)
            second.step("begin", {"started_at": "2026-09-20T00:10:00Z"}, event=RANGE)

    first.after_portion = take_over
    summary = first.run({**RANGE, "regions": ["us"]})
    us = summary["regions"]["us"]
    assert us["ended"] == "superseded"
    assert us["exported"] == len(world.written_keys())
    # At most what was under way: the others saw that they are not in charge.
    assert 31 <= us["exported"] <= 3 * 31
    assert us["exported"] + us["remaining"] == DAYS * 3


def test_a_new_execution_waits_for_calls_under_way(world: World) -> None:
    first = Backfill(world)
    first.run({"from": "2026-07-01", "to": "2026-07-02", "regions": ["us"]})
    # As when an execution was stopped while its invocation goes on.
    (active,) = world.s3.store.keys("backfill/active/us/")[:1]
    world.exporter().dependencies.bucket("bucket").write(active, b"active", "text/plain")
    second = Backfill(world, "second")
    summary = second.run({"from": "2026-07-01", "to": "2026-07-03"})
    assert summary["complete"]
    # An invocation can last 15 minutes, so that after 16 it was killed.
    assert second.pauses["us"][:-1] == [60] * 16
    assert second.pauses["eu"] == [0]


def test_an_end_that_cannot_be_noted_loses_no_result(world: World) -> None:
    written: set[str] = set()

    def refuse_second_write(method: str, key: str) -> Literal["AccessDenied"] | None:
        if method != "PUT" or not key.startswith("backfill/active/"):
            return None
        if key in written:
            return "AccessDenied"
        written.add(key)
        return None

    world.s3.fault = refuse_second_write
    summary = Backfill(world).run({"from": "2026-07-01", "to": "2026-07-02", "regions": ["us"]})
    assert (summary["complete"], summary["exported"], summary["failures"]) == (True, 3, [])


def test_an_invocation_that_failed_is_a_reason(world: World) -> None:
    backfill = Backfill(world)
    invoke = backfill.invoke
    failed = {
        "Error": "Sandbox.Timedout",
        "Cause": '{"errorMessage": "Task timed out after 900 s"}',
    }

    def fail(event: Any) -> Any:
        if event["backfill"]["action"] != "export" or event["regions"] == ["us"]:
            return invoke(event)
        control = {**event["backfill"], "action": "fail", "failed": failed}
        return invoke({"backfill": control})

    backfill.invoke = fail  # type: ignore[method-assign]
    summary = backfill.run(RANGE)
    assert summary["regions"]["us"]["ended"] == "complete"
    assert summary["regions"]["eu"]["ended"] == "stuck"
    (failure,) = summary["failures"]
    assert (failure["reason"], failure["windows"]) == ("Sandbox.Timedout", DAYS * 3)
    assert failure["error"] == "Sandbox.Timedout: Task timed out after 900 s"


def test_a_region_without_credentials_does_not_hold_up_the_other(world: World) -> None:
    world.secret = json.dumps({"us": json.loads(world.secret)["us"]})
    backfill = Backfill(world)
    begun = backfill.step("begin", {"started_at": "2026-09-20T00:07:00Z"}, event=RANGE)
    us, eu = begun["regions"]
    assert backfill.step("plan", us)["next"] == "export"
    with pytest.raises(ConfigurationError, match="no entry for region 'eu'") as refusal:
        backfill.step("plan", eu)
    failed = {"Error": "ConfigurationError", "Cause": str(refusal.value)}
    summary = backfill.step("end", {"regions": [us, {**eu, "failed": failed}]})
    assert summary["regions"]["eu"]["ended"] == "failed"
    assert (summary["complete"], summary["failures"][0]["reason"]) == (False, "ConfigurationError")


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ({"from": "2026-09-01"}, "neither a scheduled one nor has from and to"),
        ({"source": "aws.events"}, "the input should be a direct event"),
        ([], "the input should be a direct event"),
        ({"from": "2026-09-02", "to": "2026-09-01"}, "should be before to"),
        ({**RANGE, "regions": ["mars"]}, "mars"),
        ({**RANGE, "backfill": {}}, "backfill: is not a field"),
    ],
)
def test_a_wrong_input_is_refused_at_the_start(world: World, event: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        Backfill(world).run(event)
    assert world.s3.store.keys("backfill/") == []


def test_the_sample_event_is_accepted(world: World) -> None:
    event = json.loads((ROOT / "events" / "backfill.json").read_text(encoding="utf-8"))
    begun = Backfill(world).step("begin", {"started_at": "2026-11-24T22:24:36.572Z"}, event=event)
    assert [region["region"] for region in begun["regions"]] == ["us", "eu"]


@pytest.mark.parametrize(
    "control", [{}, {"action": "export"}, {"action": "delete", "execution": "x"}, "begin"]
)
def test_a_wrong_step_is_refused(world: World, control: Any) -> None:
    with pytest.raises(ConfigurationError, match="backfill: its "):
        Backfill(world).invoke({"backfill": control})


def test_each_child_writes_a_run_record(world: World) -> None:
    Backfill(world).run({"from": "2026-07-01", "to": "2026-07-02", "regions": ["us"]})
    records = [world.run_record(key) for key in world.s3.store.keys("runs/")]
    assert [record["trigger"] for record in records] == ["backfill"] * 3
    assert all(datetime.fromisoformat(record["now"]) == world.now for record in records)
