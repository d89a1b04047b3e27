"""Sending notifications to EventBridge, over HTTP: batches, refusals and failures."""

import json
from collections.abc import Callable

import boto3
import pytest

from room_reports.export.event_bus import CONFIG, open_event_bus, send
from room_reports.export.notifications import BATCH, SOURCE, Notification
from tests.support.scripted_server import Request, Response, ScriptedServer, response, serving

NOTIFICATIONS = [Notification("Report Settled", {"number": number}) for number in range(23)]


def entries(request: Request) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(request.body)["Entries"]
    return found


def number(entry: dict[str, str]) -> int:
    return int(json.loads(entry["Detail"])["number"])


def results(request: Request, refused: Callable[[int], bool] = lambda _: False) -> Response:
    given = [
        {"ErrorCode": "InternalFailure", "ErrorMessage": "again"} if refused(number(each)) else {}
        for each in entries(request)
    ]
    failed = sum(map(bool, given))
    body = json.dumps({"FailedEntryCount": failed, "Entries": given}).encode()
    return response(body, "application/x-amz-json-1.1")


def send_to(server: ScriptedServer) -> list[Notification]:
    client = boto3.client(
        "events",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="id",
        aws_secret_access_key="secret",
        config=CONFIG,
    )
    return send(lambda: client, "bus", NOTIFICATIONS)


def test_notifications_are_sent_in_batches_in_their_order() -> None:
    with serving(results) as server:
        assert send_to(server) == []
        batches = [entries(request) for request in server.requests]
    assert [len(batch) for batch in batches] == [BATCH, BATCH, 3]
    assert [number(each) for batch in batches for each in batch] == list(range(23))
    assert {(each["EventBusName"], each["Source"]) for each in batches[0]} == {("bus", SOURCE)}
    assert {each["DetailType"] for each in batches[0]} == {"Report Settled"}


def test_what_is_refused_is_returned_and_the_rest_is_sent() -> None:
    with serving(lambda request: results(request, lambda each: each % 7 == 5)) as server:
        unsent = send_to(server)
        assert len(server.requests) == 3
    assert [each.detail["number"] for each in unsent] == [5, 12, 19]


@pytest.mark.parametrize("status", [400, 500])
def test_after_a_call_that_failed_nothing_more_is_tried(status: int) -> None:
    def respond(request: Request) -> Response:
        if number(entries(request)[0]) == 0:
            return results(request, lambda each: each == 3)
        body = b'{"__type": "AccessDeniedException", "message": "no"}'
        return response(body, "application/x-amz-json-1.1", status=status)

    with serving(respond) as server:
        unsent = send_to(server)
        assert len(server.requests) <= 3
    assert [each.detail["number"] for each in unsent] == [3, *range(10, 23)]


def test_no_client_is_made_when_there_is_nothing_to_send(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without an AWS region, boto3 cannot make a client.
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    assert open_event_bus("default")([]) == []


def test_an_event_bus_that_cannot_be_reached_raises_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL_EVENTS", "http://127.0.0.1:1"),
    ):
        monkeypatch.setenv(name, value)
    assert open_event_bus("default")(NOTIFICATIONS) == NOTIFICATIONS
