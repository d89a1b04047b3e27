"""The client against complete, truncated and slow responses."""

import gzip
import time

import pytest

from room_reports.deadline import Deadline
from room_reports.kaltura.errors import (
    DeadlineError,
    IncompleteResponseError,
    MalformedReportError,
    TimedOutError,
    TransientError,
)
from room_reports.kaltura.request import ReportRequest
from room_reports.kaltura.transport import HttpPolicy
from room_reports.model.reports import ROOM_DATA
from tests.support.kaltura_client import (
    BODY,
    HALF,
    HEADER,
    READY,
    REPORT,
    ROWS,
    TABLE,
    Client,
    cut_at,
)
from tests.support.scripted_server import (
    CSV,
    Response,
    chunked_response,
    head,
    response,
    serving,
)


def without_length(body: bytes) -> Response:
    return Response((head(200, [("Content-Type", CSV)]), body), close=True)


@pytest.mark.parametrize(
    "complete",
    [
        REPORT,
        chunked_response(BODY),
        response(BODY, compress=True),
        response(BODY, headers=[("Connection", "close")]),
        Response((REPORT.parts[0], BODY[:1], 0.01, BODY[1:2], 0.01, BODY[2:])),
    ],
    ids=["length", "chunks", "gzip", "close", "in pieces"],
)
def test_a_complete_report_is_read(complete: Response) -> None:
    with serving(complete) as server:
        assert Client(server.url).fetch() == TABLE


def test_the_request_is_a_post_with_secrets_in_the_body_and_accepts_gzip() -> None:
    with serving(REPORT) as server:
        Client(server.url).fetch()
        (request,) = server.requests

    assert request.method == "POST"
    assert request.path == "/api_v3/service/report/action/getCsvFromStringParams"
    assert request.headers["accept-encoding"] == "gzip"
    assert request.form == {
        "format": "1",
        "ks": READY.ks,
        "id": "6000",
        "params": "from_date=0;to_date=3600",
    }


def test_proxies_and_netrc_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(REPORT) as server:
        assert Client(server.url).fetch() == TABLE
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    "cut",
    [
        cut_at(len(HALF)),
        cut_at(len(BODY) - 1),
        cut_at(3),
        cut_at(0),
        chunked_response(HALF, whole=False),
        without_length(BODY),
        without_length(HALF),
        cut_at(500, gzip.compress(BODY), **{"Content-Encoding": "gzip"}),
        response(gzip.compress(BODY)[:-30], headers=[("Content-Encoding", "gzip")]),
        response(gzip.compress(BODY)[:-8], headers=[("Content-Encoding", "gzip")]),
        response(gzip.compress(BODY)[:-1], headers=[("Content-Encoding", "gzip")]),
        response(b"no gzip", headers=[("Content-Encoding", "gzip")]),
        Response(
            (head(200, [("Content-Type", CSV), ("Content-Length", "many")]), BODY), close=True
        ),
    ],
    ids=[
        *("at a row's end", "before the last byte", "after the byte order mark", "empty"),
        *("within chunks", "complete without length", "without length", "compressed"),
        *("within gzip", "before the checksum", "within the checksum", "invalid gzip"),
        "invalid length",
    ],
)
def test_incomplete_or_unverifiable_reports_are_rejected_and_retried(
    cut: Response,
) -> None:
    with serving(cut) as server:
        client = Client(server.url)
        with pytest.raises(TransientError) as caught:
            client.fetch()
    assert isinstance(caught.value, IncompleteResponseError)
    assert len(server.requests) == 4
    assert len(client.waits) == 3

    with serving(cut, cut, REPORT) as server:
        client = Client(server.url)
        assert client.fetch() == TABLE
    assert len(client.waits) == 2


def test_a_report_that_ends_within_a_row_is_retried() -> None:
    with serving(response(HALF[:-2]), REPORT) as server:
        client = Client(server.url)
        assert client.fetch() == TABLE
    assert client.started == 2


def test_bytes_after_the_content_length_are_not_read() -> None:
    longer = response(BODY + b"1_more", headers=[("Content-Length", str(len(BODY)))])
    with serving(Response(longer.parts, close=True)) as server:
        assert Client(server.url).fetch() == TABLE


def test_a_malformed_report_is_rejected_with_a_redacted_sample() -> None:
    odd = response(f"\ufeff{HEADER}\n1,2,3,4,5,6,7,8,9,10,{READY.ks}\n".encode())
    with serving(odd) as server, pytest.raises(MalformedReportError) as caught:
        Client(server.url).fetch()

    assert "line 2" in str(caught.value)
    assert caught.value.response_sample is not None
    assert b"1,2,3" in caught.value.response_sample.body
    assert READY.ks.encode() not in caught.value.response_sample.body


def test_the_sample_of_a_malformed_report_is_from_where_it_is_malformed() -> None:
    rows = "".join(f"{row}\n" for row in ROWS * 20)
    body = f"\ufeff{HEADER}\n{rows}1,2,3,4,5,6,7,8,9,bad\n{READY.ks}\n{rows}"
    with serving(response(body.encode())) as server, pytest.raises(MalformedReportError) as caught:
        Client(server.url).fetch()

    sample = caught.value.response_sample
    assert sample is not None
    assert b"9,bad\n" in sample.body
    assert not sample.body.startswith(b"\xef\xbb\xbf")
    assert READY.ks.encode() not in sample.body
    assert not caught.value.excerpt


def test_a_slow_response_is_aborted_at_the_deadline() -> None:
    parts: list[bytes | float] = [REPORT.parts[0]]
    for place in range(400):
        parts += [BODY[place : place + 1], 0.05]
    with serving(Response(tuple(parts))) as server:
        started = time.monotonic()
        with pytest.raises(DeadlineError):
            Client(server.url).fetch(seconds=1)

    assert 0.9 < time.monotonic() - started < 2
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "stalling",
    [Response((20.0,)), Response((REPORT.parts[0], 20.0)), Response((REPORT.parts[0], HALF, 20.0))],
    ids=["before the headers", "before the body", "within the body"],
)
def test_a_stalled_response_hits_the_read_timeout(stalling: Response) -> None:
    with serving(stalling) as server:
        client = Client(server.url, http=HttpPolicy(2, 0.3, retries=2, backoff=0.01))
        started = time.monotonic()
        with pytest.raises(TimedOutError) as caught:
            client.fetch()

    assert caught.value.code == "READ_TIMEOUT"
    assert time.monotonic() - started < 1.5
    assert len(server.requests) == 1


@pytest.mark.parametrize("parts", [(), (REPORT.parts[0], HALF)], ids=["at once", "within"])
def test_the_read_timeout_does_not_exceed_the_deadline(parts: tuple[bytes, ...]) -> None:
    with serving(Response((*parts, 20.0))) as server:
        started = time.monotonic()
        with pytest.raises(DeadlineError):
            Client(server.url).fetch(seconds=0.5)

    assert time.monotonic() - started < 1.5


def test_http_retries_do_not_exceed_the_deadline() -> None:
    slow_refusal = Response((0.8, *response(b"", status=503).parts))
    with serving(slow_refusal) as server:
        started = time.monotonic()
        with pytest.raises(TransientError):
            Client(server.url).fetch(seconds=1)

    assert time.monotonic() - started < 2


def test_no_request_is_sent_after_the_deadline() -> None:
    with serving(REPORT) as server, pytest.raises(DeadlineError):
        Client(server.url).fetch(seconds=0)

    assert server.requests == []


def test_a_report_that_was_not_read_to_its_end_raises() -> None:
    with (
        serving(REPORT) as server,
        pytest.raises(RuntimeError, match="before the report was read to its end"),
    ):
        Client(server.url).region.fetch(ReportRequest(ROOM_DATA, 0, 3600), next, Deadline.after(20))
