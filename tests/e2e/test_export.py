"""The deployed exporter, from an event to the bucket: its own role, secret, rule and logs."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from local.stack.stack import Stack
from tests.e2e.deployed import calls, check, settings, simulation, versions
from tests.support.secrecy import keep_secret, leaks
from tests.support.world import SLUGS
from tests.support.world import export_key as key


@pytest.mark.parametrize(
    ("day", "hours", "granularities"),
    [("2026-03-08", 23, "day,hour"), ("2026-11-01", 25, "day")],
)
def test_days_on_which_clocks_change_and_their_hours(
    stack: Stack, day: str, hours: int, granularities: str
) -> None:
    following = f"{datetime.fromisoformat(day) + timedelta(days=1):%Y-%m-%d}"
    event = {"from": day, "to": following, "force": True}
    with settings(stack, GRANULARITIES=granularities, TIME_ZONE="America/New_York"):
        answer = stack.invoke(event)
        assert answer.error is None
        again = stack.invoke({**event, "force": False})
        assert again.error is None
    labels = [day, *(f"{day}T{hour:02}Z" for hour in range(24) if "hour" in granularities)]
    expected = [
        key(slug, region, label) for slug, region, label in product(SLUGS, ("us", "eu"), labels)
    ]
    assert sorted(answer.payload["exported"]) == sorted(expected)
    rows = {a_key: check(stack, a_key) for a_key in expected}
    assert sum(rows.values()) > 10
    if "hour" in granularities:
        # At night nobody is there: a file with just the header.
        assert 0 in rows.values()
    metadata = stack.aws.s3.head_object(Bucket=stack.bucket, Key=key("attendees", "us", day))
    start, end = (
        datetime.fromisoformat(metadata["Metadata"][f"window-{which}"])
        for which in ("start", "end")
    )
    assert end - start == timedelta(hours=hours)
    assert (again.payload["exported"], again.payload["skipped"]) == ([], len(expected))


def test_a_month_twice(stack: Stack) -> None:
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
    before = [versions(stack, f"{slug}/") for slug in SLUGS], calls(stack)
    second = stack.invoke(event)
    assert second.error is None
    assert second.payload["exported"] == second.payload["failed"] == []
    assert second.payload["skipped"] == len(expected)
    assert before == ([versions(stack, f"{slug}/") for slug in SLUGS], calls(stack))
    count = "SELECT count(*) AS n FROM attendees WHERE granularity='day' AND region='us'"
    (row,) = stack.query(f"{count} AND dt BETWEEN '2026-09-01' AND '2026-09-30'")
    held = [check(stack, a_key) for a_key in expected if a_key.startswith("attendees/")][:30]
    assert row == {"n": str(sum(held))}


def test_a_failed_task_fails_the_invocation_after_all_others_were_done(stack: Stack) -> None:
    event = {"from": "2026-08-03", "to": "2026-08-04"}
    fault = {"kind": "garbage_text", "times": None, "report": 6001}
    simulation(stack, "us", "faults", "POST", [fault])
    try:
        answer = stack.invoke(event)
    finally:
        simulation(stack, "us", "faults", "DELETE")
    failed = key("attendees", "us", "2026-08-03")
    assert answer.error is not None
    told = json.loads(answer.payload["errorMessage"])
    assert told.keys() == {"run_id", "exported", "skipped", "deferred", "failed"}
    (failure,) = told["failed"]
    assert failure["task"] == failed
    assert failure["retryable"] is True
    assert failure["error"].startswith("MALFORMED_REPORT: attendees came without entry_id")
    assert len(told["exported"]) == 5
    for a_key in told["exported"]:
        check(stack, a_key)
    assert failed not in versions(stack, "attendees/")
    (kept,) = versions(stack, f"quarantine/dt={datetime.now(UTC):%Y-%m-%d}/{told['run_id']}/")
    document = stack.aws.s3.get_object(Bucket=stack.bucket, Key=kept)["Body"].read().decode()
    assert "this,is,not" in document
    assert leaks(document) == []
    healed = stack.invoke(event)
    assert healed.payload["exported"] == [failed]
    check(stack, failed)


def test_everything_that_is_wrong_is_said_before_anything_is_exported(stack: Stack) -> None:
    before = calls(stack), versions(stack, "runs/")
    stack.put_secret('{"us": {"ks": "planted')
    try:
        filters = '{"grades": {"entry_ids": ["1_a"]}, "attendees": {"entry_ids": ["a;b"]}}'
        with settings(stack, TIME_ZONE="Mars/Olympus", REPORT_FILTERS=filters):
            # A warm function keeps the secret for some minutes, but this is a new one.
            answer = stack.invoke({"from": "2026-09-12", "to": "2026-09-10"})
    finally:
        stack.put_secret(stack.kaltura.secret)
    assert answer.error is not None
    message = answer.payload["errorMessage"]
    for part in (
        *("TIME_ZONE: 'Mars/Olympus' is not", "unknown report 'grades'", "'a;b' contains a ';'"),
        *("from: 2026-09-12 should be before to", "the secret is not a JSON object"),
    ):
        assert message.count(part) == 1, part
    assert "planted" not in message
    assert before == (calls(stack), versions(stack, "runs/"))


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.5)


def test_the_rule_itself_sets_the_exporter_going(stack: Stack) -> None:
    """The deployed rule fires by its schedule, which is made to be due now."""
    events = stack.aws.events
    function = stack.outputs["ExporterFunction"]
    arn = stack.aws.functions.get_function_configuration(FunctionName=function)["FunctionArn"]
    (rule,) = events.list_rule_names_by_target(TargetArn=arn)["RuleNames"]
    expression = events.describe_rule(Name=rule)["ScheduleExpression"]
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    expected = {key(slug, region, yesterday) for slug, region in product(SLUGS, ("us", "eu"))}
    known = set(versions(stack, "runs/"))
    with settings(stack, CATCH_UP_DAYS="1"):
        events.put_rule(Name=rule, ScheduleExpression="rate(1 minute)", State="ENABLED")
        try:
            until(lambda: set(versions(stack, "runs/")) > known, 90)
        finally:
            events.put_rule(Name=rule, ScheduleExpression=expression, State="ENABLED")
    (record,) = sorted(set(versions(stack, "runs/")) - known)[:1]
    told = json.loads(stack.aws.s3.get_object(Bucket=stack.bucket, Key=record)["Body"].read())
    assert told["trigger"] == "schedule"
    assert told["failed"] == []
    assert {entry["task"] for entry in told["exported"]} >= expected
    now = datetime.fromisoformat(told["now"])
    assert abs(now - datetime.fromisoformat(told["started_at"])) < timedelta(seconds=30)


def test_no_secret_is_in_the_functions_logs_and_one_would_be_found(stack: Stack) -> None:
    entries = stack.kaltura.secret.values()
    keep_secret(str(v) for entry in entries for name, v in entry.items() if name != "partner_id")
    stack.invoke({"from": "2026-07-06", "to": "2026-07-07"})
    logged = stack.log_text()
    # So the latest is among what was given out, and nothing was cut off.
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
