"""The deployed exporter, from an event to the bucket: its own role, secret, rule and logs."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from local.stack.stack import Stack
from tests.e2e.deployed import calls, check, settings, simulation
from tests.support.secrecy import keep_secret, leaks
from tests.support.world import SLUGS
from tests.support.world import export_key as key


@pytest.mark.parametrize(
    ("day", "hours", "granularities"),
    [("2026-03-08", 23, "day,hour"), ("2026-11-01", 25, "day")],
)
def test_days_and_hours_at_a_clock_change(
    stack: Stack, day: str, hours: int, granularities: str
) -> None:
    following = f"{datetime.fromisoformat(day) + timedelta(days=1):%Y-%m-%d}"
    event = {"from": day, "to": following, "force": True}
    with settings(stack, GRANULARITIES=granularities, TIME_ZONE="America/New_York"):
        result = stack.invoke(event)
        assert result.error is None
        again = stack.invoke({**event, "force": False})
        assert again.error is None
    labels = [day, *(f"{day}T{hour:02}Z" for hour in range(24) if "hour" in granularities)]
    expected = [
        key(slug, region, label) for slug, region, label in product(SLUGS, ("us", "eu"), labels)
    ]
    assert sorted(result.payload["exported"]) == sorted(expected)
    rows = {a_key: check(stack, a_key) for a_key in expected}
    assert sum(rows.values()) > 10
    if "hour" in granularities:
        # No session takes place at night: the file has only the header.
        assert 0 in rows.values()
    metadata = stack.aws.s3.head_object(Bucket=stack.bucket, Key=key("attendees", "us", day))
    start, end = (
        datetime.fromisoformat(metadata["Metadata"][f"window-{which}"])
        for which in ("start", "end")
    )
    assert end - start == timedelta(hours=hours)
    assert (again.payload["exported"], again.payload["skipped"]) == ([], len(expected))


def test_a_month_exported_twice_is_written_once(stack: Stack) -> None:
    event = {"from": "2026-09-01", "to": "2026-10-01"}
    days = [f"2026-09-{day:02}" for day in range(1, 31)]
    expected = [key(slug, region, day) for slug, region, day in product(SLUGS, ("us", "eu"), days)]
    first = stack.invoke(event)
    assert first.error is None
    assert sorted(first.payload["exported"]) == sorted(expected)
    assert sum(check(stack, a_key) for a_key in expected) > 1000
    record = f"runs/dt={datetime.now(UTC):%Y-%m-%d}/{first.payload['run_id']}.json"
    body = stack.aws.s3.get_object(Bucket=stack.bucket, Key=record)["Body"].read()
    assert [e["task"] for e in json.loads(body)["exported"]] == first.payload["exported"]
    before = [stack.versions(f"{slug}/") for slug in SLUGS], calls(stack)
    second = stack.invoke(event)
    assert second.error is None
    assert second.payload["exported"] == second.payload["failed"] == []
    assert second.payload["skipped"] == len(expected)
    assert before == ([stack.versions(f"{slug}/") for slug in SLUGS], calls(stack))
    count = "SELECT count(*) AS n FROM attendees WHERE granularity='day' AND region='us'"
    (row,) = stack.query(f"{count} AND dt BETWEEN '2026-09-01' AND '2026-09-30'")
    held = [check(stack, a_key) for a_key in expected if a_key.startswith("attendees/")][:30]
    assert row == {"n": str(sum(held))}


def test_a_failed_task_fails_the_invocation_after_all_others(stack: Stack) -> None:
    event = {"from": "2026-08-03", "to": "2026-08-04"}
    fault = {"kind": "garbage_text", "times": None, "report": 6001}
    simulation(stack, "us", "faults", "POST", [fault])
    try:
        result = stack.invoke(event)
    finally:
        simulation(stack, "us", "faults", "DELETE")
    failed = key("attendees", "us", "2026-08-03")
    assert result.error is not None
    told = json.loads(result.payload["errorMessage"])
    assert told.keys() == {"run_id", "exported", "skipped", "deferred", "failed", "expired"}
    (failure,) = told["failed"]
    assert failure["task"] == failed
    assert failure["retryable"] is True
    assert failure["error"].startswith(
        "MALFORMED_REPORT: the report attendees lacks the columns entry_id"
    )
    assert len(told["exported"]) == 5
    for a_key in told["exported"]:
        check(stack, a_key)
    assert failed not in stack.versions("attendees/")
    (kept,) = stack.versions(f"quarantine/dt={datetime.now(UTC):%Y-%m-%d}/{told['run_id']}/")
    document = stack.aws.s3.get_object(Bucket=stack.bucket, Key=kept)["Body"].read().decode()
    assert "this,is,not" in document
    assert leaks(document) == []
    healed = stack.invoke(event)
    assert healed.payload["exported"] == [failed]
    check(stack, failed)


def test_all_configuration_problems_are_reported_before_exporting(stack: Stack) -> None:
    before = calls(stack), stack.versions("runs/")
    stack.put_secret('{"us": {"ks": "planted')
    try:
        filters = '{"grades": {"entry_ids": ["1_a"]}, "attendees": {"entry_ids": ["a;b"]}}'
        with settings(stack, TIME_ZONE="Mars/Olympus", REPORT_FILTERS=filters):
            # A warm function caches the secret for some minutes, but this is a new one.
            result = stack.invoke({"from": "2026-09-12", "to": "2026-09-10"})
    finally:
        stack.put_secret(stack.kaltura.secret)
    assert result.error is not None
    message = result.payload["errorMessage"]
    for part in (
        *("TIME_ZONE: 'Mars/Olympus' is not", "unknown report 'grades'", "'a;b' contains a ';'"),
        *("from: 2026-09-12 should be before to", "the secret is not a JSON object"),
    ):
        assert message.count(part) == 1, part
    assert "planted" not in message
    assert before == (calls(stack), stack.versions("runs/"))


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.5)


def test_the_deployed_rule_invokes_the_exporter(stack: Stack) -> None:
    """Change the rule's schedule so that it is due now, and wait for the run."""
    events = stack.aws.events
    function = stack.outputs["ExporterFunction"]
    arn = stack.aws.functions.get_function_configuration(FunctionName=function)["FunctionArn"]
    (rule,) = events.list_rule_names_by_target(TargetArn=arn)["RuleNames"]
    expression = events.describe_rule(Name=rule)["ScheduleExpression"]
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    expected = {key(slug, region, yesterday) for slug, region in product(SLUGS, ("us", "eu"))}
    known = set(stack.versions("runs/"))
    with settings(stack, CATCH_UP_DAYS="1"):
        events.put_rule(Name=rule, ScheduleExpression="rate(1 minute)", State="ENABLED")
        try:
            until(lambda: set(stack.versions("runs/")) > known, 90)
        finally:
            events.put_rule(Name=rule, ScheduleExpression=expression, State="ENABLED")
    (record,) = sorted(set(stack.versions("runs/")) - known)[:1]
    told = json.loads(stack.aws.s3.get_object(Bucket=stack.bucket, Key=record)["Body"].read())
    assert told["trigger"] == "schedule"
    assert told["failed"] == []
    # The rule's own schedule may have come meanwhile.
    assert {entry["task"] for entry in told["exported"]} <= set(stack.versions())
    assert set(stack.versions()) >= expected
    now = datetime.fromisoformat(told["now"])
    assert abs(now - datetime.fromisoformat(told["started_at"])) < timedelta(seconds=30)


def test_no_secret_is_logged_and_one_would_be_found(stack: Stack) -> None:
    entries = stack.kaltura.secret.values()
    keep_secret(str(v) for entry in entries for name, v in entry.items() if name != "partner_id")
    stack.invoke({"from": "2026-07-06", "to": "2026-07-07"})
    logged = stack.log_text()
    # So the log is complete up to the latest event.
    assert key("attendees", "us", "2026-07-06") in logged
    assert leaks(logged) == []
    group = "/aws/lambda/careless"
    secret = next(iter(entries))["app_token"]
    stack.aws.logs.create_log_group(logGroupName=group)
    stack.aws.logs.create_log_stream(logGroupName=group, logStreamName="one")
    try:
        stack.aws.logs.put_log_events(
            logGroupName=group,
            logStreamName="one",
            logEvents=[{"timestamp": int(time.time() * 1000), "message": f"token {secret}"}],
        )
        assert len(leaks(stack.log_text())) == 1
    finally:
        stack.aws.logs.delete_log_group(logGroupName=group)
