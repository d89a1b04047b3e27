"""The real client against servers that refuse, redirect, hang up or are not there."""

import json
import socket
import threading
import time
from pathlib import Path

import pytest

from room_reports.kaltura.errors import (
    RegionError,
    TaskError,
    TransientError,
    UnreachableError,
    UnrecognisedResponseError,
)
from room_reports.kaltura.transport import HttpPolicy
from tests.support.kaltura_client import (
    BLOCKED,
    BODY,
    HALF,
    REPORT,
    TABLE,
    Client,
    api_error,
    assert_no_secret,
    cut_at,
)
from tests.support.scripted_server import (
    JSON,
    Request,
    Response,
    response,
    serving,
)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_passing_refusal_is_retried_after_the_time_it_asks_for(status: int) -> None:
    refusal = response(b"busy", "text/plain", status=status, headers=[("Retry-After", "1")])
    with serving(refusal, REPORT) as server:
        client = Client(server.url)
        started = time.monotonic()
        assert client.fetch() == TABLE

    assert time.monotonic() - started >= 1
    assert len(server.requests) == 2
    assert client.waits == []


def test_nobody_can_make_us_wait_longer_than_we_want() -> None:
    refusal = response(b"", status=503, headers=[("Retry-After", "86400")])
    with serving(refusal, REPORT) as server:
        started = time.monotonic()
        assert Client(server.url).fetch() == TABLE

    assert time.monotonic() - started < 3


def test_a_lasting_refusal_says_how_often_it_was_tried() -> None:
    with serving(response(b"", status=503)) as server:
        client = Client(server.url)
        with pytest.raises(UnreachableError, match=r"HTTP_503.*refused 3 times"):
            client.fetch()

    assert len(server.requests) == 3
    assert client.waits == []


def test_an_empty_500_is_retried_with_growing_waits() -> None:
    fatal = response(b"", "text/html", status=500)
    with serving(fatal, fatal, REPORT) as server:
        client = Client(server.url)
        assert client.fetch() == TABLE
    assert 0.5 <= client.waits[0] <= 1 <= client.waits[1] <= 2

    with serving(fatal) as server, pytest.raises(TransientError):
        Client(server.url).fetch()
    assert len(server.requests) == 4


def test_a_page_in_place_of_a_report_is_shown_without_the_secrets_it_repeats() -> None:
    def echo(request: Request) -> Response:
        return response(b"<html>Maintenance " + request.body, "text/html")

    with serving(echo) as server, pytest.raises(UnrecognisedResponseError) as caught:
        Client(server.url).fetch()

    assert len(server.requests) == 4
    assert "text/html" in str(caught.value)
    assert caught.value.response_sample is not None
    assert caught.value.response_sample.body.startswith(b"<html>Maintenance")
    assert_no_secret(f"{caught.value.response_sample}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_but_reported(status: int) -> None:
    with serving(REPORT) as target:
        moved = response(b"", status=status, headers=[("Location", target.url)])
        with serving(moved) as server, pytest.raises(RegionError, match="redirects"):
            Client(server.url).fetch()

    assert target.requests == []
    assert len(server.requests) == 1


def test_the_rate_limit_is_waited_out() -> None:
    with serving(BLOCKED, BLOCKED, REPORT) as server:
        client = Client(server.url)
        assert client.fetch() == TABLE

    assert len(client.waits) == 2
    assert min(client.waits) >= 10


def test_there_is_no_waiting_beyond_the_deadline() -> None:
    with serving(BLOCKED) as server:
        client = Client(server.url)
        with pytest.raises(TransientError) as caught:
            client.fetch(seconds=8)

    assert caught.value.code == "ACTION_BLOCKED"
    assert client.waits == []


def test_what_will_not_change_is_not_tried_again() -> None:
    with serving(api_error("SEARCH_TOO_GENERAL")) as server, pytest.raises(TaskError):
        Client(server.url).fetch()

    assert len(server.requests) == 1


def test_an_error_without_a_body_is_known_even_where_a_proxy_says_it_is_compressed() -> None:
    headers = [("X-Kaltura", "error- REPORT_NOT_FOUND"), ("Content-Encoding", "gzip")]
    with serving(response(b"", "text/html", headers=headers)) as server, pytest.raises(TaskError):
        Client(server.url).fetch()


def test_a_compressed_error_is_known() -> None:
    body = json.dumps({"code": "SEARCH_TOO_GENERAL", "objectType": "KalturaAPIException"})
    compressed = response(body.encode(), JSON, compress=True)
    with serving(compressed) as server, pytest.raises(TaskError):
        Client(server.url).fetch()


def test_a_region_that_cannot_be_reached_is_said_to_be() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(UnreachableError, match="refused"):
        Client(url).fetch()


def test_a_name_that_does_not_exist_is_said_not_to() -> None:
    with pytest.raises(UnreachableError, match="UNREACHABLE"):
        Client("http://kaltura.invalid", http=HttpPolicy(1, 1, retries=0)).fetch()


def test_a_connection_that_breaks_before_the_answer_is_tried_again() -> None:
    with serving(Response((), close=True), REPORT) as server:
        assert Client(server.url).fetch() == TABLE

    assert len(server.requests) == 2


def test_a_connection_that_the_server_closed_meanwhile_is_replaced() -> None:
    with serving(Response(REPORT.parts, close=True)) as server:
        client = Client(server.url)
        assert client.fetch() == TABLE
        time.sleep(0.1)
        assert client.fetch() == TABLE


def test_connections_are_used_again() -> None:
    with serving(REPORT) as server:
        client = Client(server.url)
        before = open_sockets()
        for _ in range(5):
            client.fetch()
        assert open_sockets() - before <= 2


@pytest.mark.parametrize(
    "failure",
    [
        cut_at(len(HALF)),
        response(BODY.replace(b",,", b",,,")),
        response(b"x" * 10**6),
        response(b"x" * 10**6, compress=True),
    ],
    ids=["cut", "malformed", "no report", "no report, compressed"],
)
def test_neither_sockets_nor_threads_are_left_behind_by_a_failure(failure: Response) -> None:
    with serving(failure) as server:
        client = Client(server.url)
        before = open_sockets()
        with pytest.raises(TransientError) as caught:
            client.fetch(seconds=500)
        waiting = [
            thread
            for thread in threading.enumerate()
            if isinstance(thread, threading.Timer) and not thread.finished.is_set()
        ]

        assert waiting == []
        assert open_sockets() - before <= 2
        assert caught.value.__traceback__ is not None  # what would keep them is still here


def open_sockets() -> int:
    return sum(path.is_socket() for path in Path("/proc/self/fd").iterdir())
