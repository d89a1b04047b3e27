"""room-reports backfill: counted before, followed while it runs, left and taken up again.

``LONG=1`` also runs the two tests that take the longest.
"""

import json
import re
from datetime import UTC, datetime

import pytest

from room_reports_command.backfill_progress import ProgressReader
from tests.e2e.deployed import simulation
from tests.e2e.operator import Operator, slow_kaltura
from tests.support.extent import long_test

pytestmark = pytest.mark.e2e

SLUGS = ("room_data", "attendees", "breakout_sessions")
LINE = re.compile(r"^([\d,]+) of ([\d,]+) windows, ([\d,]+) rows", re.MULTILINE)


def exported(operator: Operator, month: str, region: str = "") -> int:
    """Return the number of files of a month."""
    keys = (
        key
        for slug in SLUGS
        for key in operator.stack.versions(f"{slug}/granularity=day/region={region}")
    )
    return sum(f"/dt={month}-" in key for key in keys)


def running(operator: Operator) -> bool:
    stack = operator.deployed()
    return bool(
        stack.state_machines.list_executions(
            stateMachineArn=stack.outputs["BackfillStateMachine"], statusFilter="RUNNING"
        )["executions"]
    )


def range_of(month: str, last: str = "") -> tuple[str, ...]:
    return ("--from", f"{month}-01", "--to", last or f"{month}-21")


def test_a_dry_run_counts_and_starts_nothing(operator: Operator) -> None:
    ran = operator.run("backfill", *range_of("2025-09"), "--dry-run", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.document["windows"] == 6 * 20
    assert {each["windows"] for each in ran.document["series"]} == {20}
    assert ran.document["seconds"] > 0
    assert ran.document["rows"] > 0
    assert exported(operator, "2025-09") == 0
    event = {"from": "2025-09-01", "to": "2025-09-21", "dry_run": True}
    assert operator.stack.invoke(event).response()["deferred"] == ran.document["windows"]


def test_what_was_counted_is_exported(operator: Operator) -> None:
    arguments = ("backfill", *range_of("2025-10"), "--reports", "attendees", "--yes")
    ran = operator.run(*arguments)
    assert ran.code == 0, ran.err
    assert "40 windows" in ran.out
    assert exported(operator, "2025-10") == 40
    done, total, rows = LINE.findall(ran.err)[-1]
    assert (done, total) == ("40", "40")
    assert f"40 windows and {rows} rows exported, 0 windows still due" in ran.out
    again = operator.run(*arguments, "--json")
    assert (again.code, again.document["windows"]) == (0, 0)


def test_ctrl_c_detaches_and_attach_comes_back(operator: Operator) -> None:
    def attached(_: object) -> None:
        for region in operator.stack.kaltura.urls:
            simulation(operator.stack, region, "latency", "PUT", {"seconds": 0})

    # So slow that the backfill has not ended when the second command is attached.
    with slow_kaltura(operator.stack, 15):
        left = operator.interrupted(["backfill", *range_of("2025-05"), "--yes"], "windows", 3)
        assert running(operator), "it had ended before Ctrl-C was pressed"
        assert left.code == 130
        assert "goes on" in left.out
        assert "--attach" in left.out
        ran = operator.heard(["backfill", "--attach"], " rows, ", attached)
    assert ran.code == 0, ran.out
    assert " 0 windows still due" in ran.out
    assert exported(operator, "2025-05") == 6 * 20
    assert not running(operator)
    again = operator.run("backfill", "--attach", "--json").document
    assert (again["status"], again["remaining"]) == ("SUCCEEDED", 0)


@long_test
def test_the_numbers_while_it_runs_are_those_of_the_bucket(operator: Operator) -> None:
    """A window is counted only when its file is there, and every window once."""
    with slow_kaltura(operator.stack, 0.2):
        started = operator.run(
            "backfill", *range_of("2024-04", "2024-07-01"), "--yes", "--detach", "--json"
        )
        assert started.code == 0, started.err
        name, windows = started.document["execution"], started.document["windows"]
        reader = ProgressReader(operator.deployed().bucket, name)
        seen: list[int] = []
        while not seen or seen[-1] < windows:
            progress = reader.read()
            seen.append(progress.done)
            there = sum(exported(operator, month) for month in ("2024-04", "2024-05", "2024-06"))
            assert progress.done <= there
            assert not progress.planned or progress.total == windows
    assert seen == sorted(seen)
    assert len(set(seen)) > 2, "it was not seen at work"
    assert operator.run("backfill", "--from", "2024-04-01", "--to", "2024-07-01", "--yes").code == 0
    rows = 0
    for page in ("2024-04", "2024-05", "2024-06"):
        for slug in SLUGS:
            for key in operator.stack.versions(f"{slug}/granularity=day/"):
                if f"/dt={page}-" in key:
                    head = operator.stack.aws.s3.head_object(Bucket=operator.stack.bucket, Key=key)
                    rows += int(head["Metadata"]["rows"])
    assert reader.read().rows == rows


@long_test
def test_a_region_that_fails_is_named(operator: Operator) -> None:
    fault = {"kind": "api_error", "code": "SERVICE_FORBIDDEN", "times": None, "report": 6001}
    simulation(operator.stack, "eu", "faults", "POST", [fault])
    try:
        ran = operator.run("backfill", *range_of("2025-11"), "--yes", "--json")
    finally:
        simulation(operator.stack, "eu", "faults", "DELETE")
    assert ran.code == 1
    assert (ran.document["status"], ran.document["remaining"]) == ("FAILED", 20)
    # Once the report's circuit breaker is open, the rest of it is deferred.
    reasons = {each["reason"] for each in ran.document["failures"]}
    assert {"SERVICE_FORBIDDEN"} <= reasons <= {"SERVICE_FORBIDDEN", "DEFERRED"}
    assert exported(operator, "2025-11", "us") == 60
    error = json.loads(ran.err.splitlines()[-1])["error"]
    assert error["cause"] == "Still due: 20 windows."
    again = operator.run("backfill", *range_of("2025-11"), "--yes", "--json")
    assert again.code == 0, again.err
    assert (again.document["exported"], again.document["remaining"]) == (20, 0)
    assert exported(operator, "2025-11") == 120


def test_on_a_terminal_it_asks_and_shows_a_bar(operator: Operator) -> None:
    with slow_kaltura(operator.stack, 0.1):
        code, shown = operator.type(
            ["backfill", *range_of("2025-06"), "--regions", "us"], [("Start it?", "y\r")]
        )
    assert code == 0, shown
    assert "60/60" in shown
    assert "60 windows and" in shown
    code, shown = operator.type(
        ["backfill", *range_of("2025-07"), "--regions", "us"], [("Start it?", "n\r")]
    )
    assert code == 2
    code, shown = operator.type(
        ["backfill", *range_of("2025-07"), "--regions", "us"], [("Start it?", "\x03")]
    )
    assert code == 130, shown
    assert exported(operator, "2025-07") == 0


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("--from", "2025-09-01"), "needs a range"),
        (("--from", "2025-09-21", "--to", "2025-09-01"), "should be before"),
        (("--from", "yesterday", "--to", "2025-09-01"), "neither a date"),
        ((*range_of("2025-09"), "--reports", "atendees"), "atendees"),
        ((*range_of("2025-09"), "--regions", "mars"), "mars"),
        (range_of("2025-09"), "no terminal"),
    ],
)
def test_a_wrong_range_starts_nothing(
    operator: Operator, arguments: tuple[str, ...], cause: str
) -> None:
    ran = operator.run("backfill", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert cause in ran.err
    assert exported(operator, "2025-09") == 0


def test_a_time_that_is_now_can_be_the_end(operator: Operator) -> None:
    now = datetime.now(UTC).date().isoformat()
    assert operator.run("backfill", "--from", now, "--to", now).code == 2
