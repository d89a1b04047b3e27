"""The client against servers that refuse, redirect, close the connection or do not exist."""

import json
import socket
import threading
import time
from pathlib import Path

import pytest

from room_reports.kaltura.errors import (
    RegionError,
    ReportError,
    TooHeavyError,
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


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_by_the_region_is_retried_after_retry_after(status: int) -> None:
    refusal = response(b"busy", "text/plain", status=status, headers=[("Retry-After", "1")])
    with serving(refusal, REPORT) as server:
        client = Client(server.url)
        started = time.monotonic()
        assert client.fetch() == TABLE

    assert time.monotonic() - started >= 1
    assert len(server.requests) == 2
    assert client.waits == []


def test_retry_after_is_capped() -> None:
    refusal = response(b"", status=503, headers=[("Retry-After", "86400")])
    with serving(refusal, REPORT) as server:
        started = time.monotonic()
        assert Client(server.url).fetch() == TABLE

    assert time.monotonic() - started < 3


def test_a_persistent_status_reports_the_number_of_attempts() -> None:
    with serving(response(b"", status=503)) as server:
        client = Client(server.url)
        with pytest.raises(UnreachableError, match=r"HTTP_503.*refused all 3 attempts"):
            client.fetch()

    assert len(server.requests) == 3
    assert client.waits == []


@pytest.mark.parametrize("status", [500, 502])
def test_a_failure_of_one_call_is_retried_with_exponential_backoff(status: int) -> None:
    failure = response(b"<html>failed</html>", "text/html", status=status)
    with serving(failure, failure, REPORT) as server:
        client = Client(server.url)
        assert client.fetch() == TABLE
    assert 0.5 <= client.waits[0] <= 1 <= client.waits[1] <= 2

    with serving(failure) as server, pytest.raises(TransientError):
        Client(server.url).fetch()
    assert len(server.requests) == 4


@pytest.mark.parametrize("status", [500, 504])
def test_a_call_that_is_too_heavy_is_retried_once(status: int) -> None:
    heavy = response(b"", "text/html", status=status)
    with serving(heavy, REPORT) as server:
        assert Client(server.url).fetch() == TABLE

    with serving(heavy) as server, pytest.raises(TooHeavyError):
        Client(server.url).fetch()
    assert len(server.requests) == 2


def test_the_sample_of_an_html_response_is_redacted() -> None:
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
def test_redirects_are_not_followed(status: int) -> None:
    with serving(REPORT) as target:
        moved = response(b"", status=status, headers=[("Location", target.url)])
        with serving(moved) as server, pytest.raises(RegionError, match="redirects"):
            Client(server.url).fetch()

    assert target.requests == []
    assert len(server.requests) == 1


def test_rate_limit_is_retried_after_at_least_ten_seconds() -> None:
    with serving(BLOCKED, BLOCKED, REPORT) as server:
        client = Client(server.url)
        assert client.fetch() == TABLE

    assert len(client.waits) == 2
    assert min(client.waits) >= 10


def test_a_wait_beyond_the_deadline_is_not_started() -> None:
    with serving(BLOCKED) as server:
        client = Client(server.url)
        with pytest.raises(TransientError) as caught:
            client.fetch(seconds=8)

    assert caught.value.code == "ACTION_BLOCKED"
    assert client.waits == []


def test_permanent_errors_are_not_retried() -> None:
    with serving(api_error("SEARCH_TOO_GENERAL")) as server, pytest.raises(ReportError):
        Client(server.url).fetch()

    assert len(server.requests) == 1


def test_an_empty_error_with_a_content_encoding_is_recognised() -> None:
    headers = [("X-Kaltura", "error- REPORT_NOT_FOUND"), ("Content-Encoding", "gzip")]
    with serving(response(b"", "text/html", headers=headers)) as server, pytest.raises(ReportError):
        Client(server.url).fetch()


def test_a_compressed_error_is_recognised() -> None:
    body = json.dumps({"code": "SEARCH_TOO_GENERAL", "objectType": "KalturaAPIException"})
    compressed = response(body.encode(), JSON, compress=True)
    with serving(compressed) as server, pytest.raises(ReportError):
        Client(server.url).fetch()


def test_connection_refused_raises_unreachable_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(UnreachableError, match="refused"):
        Client(url).fetch()


def test_an_unresolvable_name_raises_unreachable_error() -> None:
    with pytest.raises(UnreachableError, match="UNREACHABLE"):
        Client("http://kaltura.invalid", http=HttpPolicy(1, 1, retries=0)).fetch()


def test_a_connection_closed_before_the_response_is_retried() -> None:
    with serving(Response((), close=True), REPORT) as server:
        assert Client(server.url).fetch() == TABLE

    assert len(server.requests) == 2


def test_a_connection_closed_by_the_server_is_replaced() -> None:
    with serving(Response(REPORT.parts, close=True)) as server:
        client = Client(server.url)
        assert client.fetch() == TABLE
        time.sleep(0.1)
        assert client.fetch() == TABLE


def test_connections_are_reused() -> None:
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
def test_failures_leave_no_sockets_or_threads(failure: Response) -> None:
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
        assert caught.value.__traceback__ is not None  # the traceback would keep them open


def open_sockets() -> int:
    return sum(path.is_socket() for path in Path("/proc/self/fd").iterdir())
