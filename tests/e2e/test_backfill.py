"""The deployed state machine: from its input to the bucket, stopped, started again, and failing.

``LONG=1`` makes the first test one of three years.
"""

import io
import json
import textwrap
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import pytest

from local.stack.stack import Stack
from room_reports.storage.bucket import Bucket
from room_reports_command.backfill_progress import ProgressReader
from tests.e2e.deployed import check, kill_exporter, settings, simulation
from tests.support.extent import extent
from tests.support.world import SLUGS, export_key

MONTHS = extent(2, 36)
LAST = datetime(2026, 3, 1, tzinfo=UTC)
SECONDS = 120.0 * MONTHS
"""How long an execution may take, on a busy machine."""
REGIONS = ("us", "eu")


class Execution:
    """One execution of the deployed state machine, or of another one."""

    def __init__(self, stack: Stack, event: object, machine: str = "") -> None:
        self.stack = stack
        self.name = f"test-{uuid4()}"
        started = stack.aws.state_machines.start_execution(
            stateMachineArn=machine or stack.outputs["BackfillStateMachine"],
            name=self.name,
            input=json.dumps(event),
        )
        self.arn = started["executionArn"]

    def end(self) -> Any:
        """Return how it ended."""
        deadline = time.monotonic() + SECONDS
        while True:
            found = self.stack.aws.state_machines.describe_execution(executionArn=self.arn)
            if found["status"] != "RUNNING":
                return found
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def document(self, name: str) -> Any:
        """Return one of its documents in the bucket."""
        key = f"backfill/{self.name}/{name}"
        found = self.stack.aws.s3.get_object(Bucket=self.stack.bucket, Key=key)
        return json.loads(found["Body"].read())


@contextmanager
def slow_kaltura(stack: Stack, seconds: float) -> Iterator[None]:
    """Let each call take some time, so that there are several at once; count from here on."""
    for region in REGIONS:
        simulation(stack, region, "calls", "DELETE")
        simulation(stack, region, "latency", "PUT", {"seconds": seconds})
    try:
        yield
    finally:
        for region in REGIONS:
            simulation(stack, region, "latency", "PUT", {"seconds": 0})


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.2)


def days(count: int) -> list[str]:
    """Return the last days before ``LAST``, the newest first."""
    return [f"{LAST - timedelta(days=number + 1):%Y-%m-%d}" for number in range(count)]


def exports(stack: Stack, labels: list[str]) -> dict[str, list[str]]:
    """Return the versions of each export of some days, by key."""
    wanted = {
        export_key(slug, region, label) for slug, region, label in product(SLUGS, REGIONS, labels)
    }
    found = {slug: stack.versions(f"{slug}/granularity=day/") for slug in SLUGS}
    return {key: ids for held in found.values() for key, ids in held.items() if key in wanted}


@pytest.mark.timeout(2 * SECONDS + 300)
def test_a_backfill_that_is_stopped_and_started_again(stack: Stack) -> None:
    labels = days(MONTHS * 365 // 12)
    event = {"from": labels[-1], "to": f"{LAST:%Y-%m-%d}"}
    windows = len(labels) * len(SLUGS) * len(REGIONS)
    limits = {"CONCURRENCY": "2", "BACKFILL_CONCURRENCY": "5"}
    with settings(stack, **limits), slow_kaltura(stack, 0.05):
        stopped = Execution(stack, event)
        until(lambda: len(exports(stack, labels)) > windows / 3)
        stack.aws.state_machines.stop_execution(executionArn=stopped.arn)
        resumed = Execution(stack, event)
        end = resumed.end()
        most = {region: simulation(stack, region, "at_once")["most"] for region in REGIONS}
    assert stopped.end()["status"] == "ABORTED"
    assert end["status"] == "SUCCEEDED"
    summary = json.loads(end["output"])
    assert summary == resumed.document("summary.json")
    assert (summary["complete"], summary["remaining"], summary["failures"]) == (True, 0, [])
    # Two children with two threads each fit into five; and both executions kept to it together.
    assert {region: 3 <= count <= 5 for region, count in most.items()} == dict.fromkeys(
        REGIONS, True
    ), most
    held = exports(stack, labels)
    assert len(held) == windows
    assert [key for key, ids in held.items() if len(ids) > 1] == [], "exported twice"
    assert 0 < summary["exported"] < windows
    assert sum(check(stack, key) for key in held) > 10


def test_a_region_that_fails_for_good_does_not_hold_up_the_other(stack: Stack) -> None:
    labels = [f"2021-01-{day:02}" for day in range(1, 32)]
    wrong = json.loads(json.dumps(stack.kaltura.secret))
    wrong["eu"]["app_token"] = "f" * 32
    stack.put_secret(wrong)
    try:
        with settings(stack, CONCURRENCY="2", BACKFILL_CONCURRENCY="4"):
            simulation(stack, "eu", "calls", "DELETE")
            execution = Execution(stack, {"from": "2021-01-01", "to": "2021-02-01"})
            end = execution.end()
            calls = simulation(stack, "eu", "calls")
    finally:
        stack.put_secret(stack.kaltura.secret)
    assert (end["status"], end["error"]) == ("FAILED", "BackfillIncomplete")
    summary = json.loads(end["cause"])
    assert summary == execution.document("summary.json")
    assert summary["regions"]["us"] == {
        "exported": 93,
        "remaining": 0,
        "expired": 0,
        "rounds": 1,
        "ended": "complete",
        "rows": summary["rows"],
    }
    assert summary["regions"]["eu"]["ended"] == "stuck"
    assert summary["regions"]["eu"]["remaining"] == 93
    reasons = {failure["reason"]: failure for failure in summary["failures"]}
    assert set(reasons) == {"INVALID_APP_TOKEN_HASH", "DEFERRED"}
    assert not reasons["INVALID_APP_TOKEN_HASH"]["retryable"]
    assert sum(failure["windows"] for failure in reasons.values()) == 93
    assert len(exports(stack, labels)) == 93
    # Two children found out, before the third saw what they had found. Each of their two threads
    # made five calls: one for a widget session, and one for each hash that the token may have.
    assert len(calls) <= 2 * 2 * 5


def test_the_first_region_that_pauses_does_not_hold_up_the_second(stack: Stack) -> None:
    down = {"kind": "http_status", "status": 503, "service": None, "times": None}
    event = {"from": "2021-02-01", "to": "2021-02-02", "reports": ["attendees"]}
    simulation(stack, "us", "faults", "POST", [down])
    try:
        execution = Execution(stack, event)
        end = execution.end()
    finally:
        simulation(stack, "us", "faults", "DELETE")
    summary = json.loads(end["cause"])
    assert list(summary["regions"]) == ["us", "eu"], "the one that is down is the first"
    assert (summary["regions"]["us"]["ended"], summary["regions"]["us"]["rounds"]) == ("stuck", 4)
    assert (summary["regions"]["eu"]["ended"], summary["regions"]["eu"]["exported"]) == (
        "complete",
        1,
    )
    other = execution.document("eu/round-001/00001.json")
    rounds = [execution.document(f"us/round-{number:03}/00001.down.json") for number in range(1, 5)]
    assert [each["exported"] for each in rounds] == [0] * 4
    assert other["finished_at"] < rounds[-1]["started_at"]


def test_a_child_that_is_killed_at_work_is_tried_again_and_counted_once(stack: Stack) -> None:
    labels = [f"2020-10-{day:02}" for day in range(1, 32)]
    event = {"from": "2020-10-01", "to": "2020-11-01", "reports": ["attendees"]}
    with slow_kaltura(stack, 0.3):
        execution = Execution(stack, event)
        until(lambda: len(exports(stack, labels)) > 10)
        kill_exporter(stack)
        end = execution.end()
    assert end["status"] == "SUCCEEDED", end["cause"]
    held = exports(stack, labels)
    assert len(held) == len(labels) * 2
    rows = sum(check(stack, key) for key in held)
    summary = json.loads(end["output"])
    assert (summary["exported"], summary["rows"], summary["remaining"]) == (len(held), rows, 0)
    assert {each["rounds"] for each in summary["regions"].values()} == {1}, "tried again at once"
    progress = ProgressReader(Bucket(stack.aws.s3, stack.bucket), execution.name).read()
    assert (progress.done, progress.total, progress.rows) == (len(held), len(held), rows)
    assert progress.failed == 0
    writers = {
        stack.aws.s3.head_object(Bucket=stack.bucket, Key=key)["Metadata"]["run-id"] for key in held
    }
    recorded = {key.rpartition("/")[2].removesuffix(".json") for key in stack.versions("runs/")}
    assert writers - recorded, "a run was killed that had exported something"
    assert writers & recorded, "and another one went on"


def test_a_dry_run_counts_and_a_wrong_input_fails_at_once(stack: Stack) -> None:
    event = {"from": "2020-01-01", "to": "2020-03-01", "regions": ["us"], "dry_run": True}
    end = Execution(stack, event).end()
    assert json.loads(end["output"])["remaining"] == 60 * 3
    wrong = Execution(stack, {"from": "2020-01-01", "to": "2020-03-01", "region": "us"}).end()
    assert (wrong["status"], wrong["error"]) == ("FAILED", "ConfigurationError")
    assert "region: is not a field of the event" in wrong["cause"]


PROBE = textwrap.dedent(
    """
    import json

    class ExportError(Exception):
        pass

    def handler(event, context):
        control = event["backfill"]
        if control["action"] == "begin":
            return {"regions": [{"region": name, "state": {"n": 0}} for name in ("us", "eu")]}
        if control["action"] == "plan":
            if control["region"] == "eu":
                raise ExportError("cannot be planned")
            n = control["state"]["n"]
            return {
                "region": "us", "state": {"n": n + 1}, "pause": 1, "children": 1,
                "next": ("wait", "export", "end")[n],
                "portions": "backfill/probe/us/round-001.json",
            }
        if control["action"] == "export":
            raise ExportError("cannot be exported")
        if control["action"] == "fail":
            print(json.dumps(control))
            return {}
        return {"complete": False, "dry_run": False, "regions": control["regions"]}
    """
)


@pytest.fixture
def probe(stack: Stack) -> Iterator[str]:
    """Deploy the definition with another function in the exporter's place; return its ARN."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as code:
        code.writestr("probe.py", PROBE)
    exporter = stack.aws.functions.get_function_configuration(
        FunctionName=stack.outputs["ExporterFunction"]
    )
    function = stack.aws.functions.create_function(
        FunctionName="backfill-probe",
        Runtime="python3.13",
        Handler="probe.handler",
        Role=exporter["Role"],
        Code={"ZipFile": package.getvalue()},
        Timeout=30,
    )
    machines = stack.aws.state_machines
    deployed = machines.describe_state_machine(
        stateMachineArn=stack.outputs["BackfillStateMachine"]
    )
    definition = deployed["definition"].replace(exporter["FunctionArn"], function["FunctionArn"])
    assert function["FunctionArn"] in definition
    assert "${" not in definition
    machine = machines.create_state_machine(
        name="backfill-probe", definition=definition, roleArn=deployed["roleArn"]
    )["stateMachineArn"]
    yield machine
    machines.delete_state_machine(stateMachineArn=machine)
    stack.aws.functions.delete_function(FunctionName="backfill-probe")


def test_errors_of_a_plan_and_of_a_child_are_kept(stack: Stack, probe: str) -> None:
    portions: list[dict[str, Any]] = [
        {
            "from": "2026-09-01",
            "backfill": {
                "action": "export",
                "execution": "probe",
                "region": "us",
                "round": 1,
                "portion": number,
                "windows": 30,
            },
        }
        for number in range(3)
    ]
    key = "backfill/probe/us/round-001.json"
    stack.aws.s3.put_object(Bucket=stack.bucket, Key=key, Body=json.dumps(portions).encode())
    end = Execution(stack, {}, probe).end()
    assert (end["status"], end["error"]) == ("FAILED", "BackfillIncomplete")
    us, eu = json.loads(end["cause"])["regions"]
    assert (us["next"], us["state"]) == ("end", {"n": 3})
    assert (eu["region"], eu["failed"]["Error"]) == ("eu", "ExportError")
    kept = [json.loads(line) for line in stack.log_text().split("\n") if '"action": "fail"' in line]
    for portion in portions:
        (control,) = [each for each in kept if each["portion"] == portion["backfill"]["portion"]]
        failed = control.pop("failed")
        assert control == {**portion["backfill"], "action": "fail"}
        assert failed["Error"] == "ExportError"
        assert json.loads(failed["Cause"])["errorMessage"] == "cannot be exported"
