"""Notifications on the local stack: the rule of the guide gets them, and no failure counts."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.stack.stack import Stack
from tests.e2e.deployed import settings

GUIDE = Path(__file__).parents[2] / "docs" / "operating.md"
DAY = {"from": "2026-06-08", "to": "2026-06-09", "force": True}
NEXT_DAY = {"from": "2026-06-09", "to": "2026-06-10"}


@pytest.fixture
def queue(stack: Stack) -> Iterator[Any]:
    """Make the rule of the guide, with a queue as its target; return a function that reads it."""
    sqs = boto3.client(
        "sqs",
        endpoint_url=stack.aws.endpoint_url,
        aws_access_key_id=stack.aws.access_key_id,
        aws_secret_access_key=stack.aws.secret_access_key,
        region_name=stack.aws.region,
    )
    url = sqs.create_queue(QueueName="complete-days")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    text = GUIDE.read_text(encoding="utf-8")
    (name, pattern) = re.findall(r"put-rule --name (\S+) --event-pattern '(.*?)}'", text, re.S)[0]
    pattern = pattern.replace("'\"$BUCKET\"'", stack.bucket) + "}"
    stack.aws.events.put_rule(Name=name, EventPattern=pattern)
    arn = attributes["Attributes"]["QueueArn"]
    stack.aws.events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])

    def take() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    yield take
    stack.aws.events.remove_targets(Rule=name, Ids=["queue"])
    stack.aws.events.delete_rule(Name=name)
    sqs.delete_queue(QueueUrl=url)


def test_the_rule_of_the_guide_gets_each_complete_day(stack: Stack, queue: Any) -> None:
    assert stack.invoke(DAY).error is None
    (event,) = queue()
    assert (event["source"], event["detail-type"]) == ("kaltura-room-reports", "Day Complete")
    assert (event["detail"]["region"], event["detail"]["dt"]) == ("eu", "2026-06-08")
    for prefix in event["detail"]["reports"].values():
        assert len(stack.versions(prefix)) == 1
    assert stack.invoke(DAY).error is None
    assert queue() == []


def test_an_event_bus_that_refuses_fails_no_run_and_gets_its_notifications_later(
    stack: Stack, queue: Any
) -> None:
    with settings(stack, EVENT_BUS_NAME="no-such-bus"):
        refused = stack.invoke(NEXT_DAY)
        assert refused.error is None
        assert len(refused.payload["exported"]) == 6
    assert queue() == []
    assert "Could not send notifications" in stack.log_text()
    (key,) = stack.versions("state/unsent/")
    assert stack.invoke(NEXT_DAY).payload["exported"] == []
    assert [event["detail"]["dt"] for event in queue()] == ["2026-06-09"]
    assert stack.aws.s3.head_object(Bucket=stack.bucket, Key=key)["ContentLength"] == 0
