"""The real client against servers that break in every way that HTTP and Kaltura can."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from room_reports.catalogue import ROOM_DATA
from room_reports.deadline import Deadline
from room_reports.settings import Region
from room_reports.source.client import KalturaRegion, RetryPolicy
from room_reports.source.credentials import AdminSecret, AppToken, Credentials, ReadySession
from room_reports.source.dialect import KalturaCsv, MalformedReportError
from room_reports.source.errors import (
    KalturaError,
    RegionError,
    TaskError,
    TooHeavyError,
    TransientError,
    UnrecognisedAnswerError,
)
from room_reports.source.request import ReportRequest
from room_reports.source.session import SessionKeeper
from room_reports.source.transport import (
    DeadlineError,
    HttpPolicy,
    IncompleteAnswerError,
    Transport,
    UnreachableError,
)
from tests.servers import (
    CSV,
    JSON,
    Answer,
    Request,
    ScriptedServer,
    answer,
    chunked_answer,
    head,
    serving,
)

READY = ReadySession("djJ8MTAyfready_session_of_a_customer")
ADMIN = AdminSecret(102, "admin-secret-of-a-customer", "")
TOKEN = AppToken(102, "1_token", "token-of-a-customer")
SECRETS = (READY.ks, ADMIN.admin_secret, TOKEN.app_token)
MINTED = "djJ8MTAyfminted_session_number_"

HEADER = ",".join(column.name for column in ROOM_DATA.columns)
ROWS = [f"1_{place},Room {place},,1_c{place},1,2,host,3,0.5" for place in range(2000)]
BODY = ("\ufeff" + "\n".join([HEADER, *ROWS]) + "\n").encode()
TABLE = [line.split(",") for line in (HEADER, *ROWS)]
REPORT = answer(BODY)
HALF = BODY[: BODY.index(b"\n", len(BODY) // 2) + 1]
"""Ends where a row ends, so that only the transport can tell that it was cut."""


@dataclass
class Client:
    """A region's client that notes its waits instead of waiting."""

    url: str
    credentials: Credentials = READY
    http: HttpPolicy = field(
        default_factory=lambda: HttpPolicy(2, 5, retries=2, backoff=0.01, retry_after_max=1)
    )
    waits: list[float] = field(default_factory=list)
    started: int = 0
    """How often the report was begun to be read."""

    def __post_init__(self) -> None:
        transport = Transport(self.url, self.http)
        sessions = SessionKeeper(self.credentials, transport, time.time)
        retry = RetryPolicy(sleep=self.waits.append)
        self.region = KalturaRegion(Region("us", self.url), transport, sessions, retry)

    def fetch(self, seconds: float = 30) -> list[list[str]]:
        return self.region.fetch(
            ReportRequest(ROOM_DATA, 0, 3600), self._read, Deadline.after(seconds)
        )

    def _read(self, chunks: Iterator[bytes]) -> list[list[str]]:
        self.started += 1
        source = KalturaCsv(chunks)
        return [source.header, *source]


def api_error(code: str, **args: str) -> Answer:
    value: dict[str, object] = {
        "code": code,
        "message": code,
        "objectType": "KalturaAPIException",
        "args": args or [],
    }
    return answer(json.dumps(value).encode(), JSON)


EXPIRED = api_error("INVALID_KS", KSID="EXPIRED")
BLOCKED = api_error("ACTION_BLOCKED")


def minting(report: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """Answers requests for sessions with numbered ones, and those for reports by ``report``."""
    numbers = iter(range(1, 1000))

    def respond(request: Request) -> Answer:
        if request.action == "start":
            return answer(json.dumps(f"{MINTED}{next(numbers)}").encode(), JSON)
        if request.action == "startWidgetSession":
            return answer(json.dumps({"ks": f"{MINTED}0"}).encode(), JSON)
        if request.action == "startSession":
            ks = {"ks": f"{MINTED}{next(numbers)}", "expiry": int(time.time()) + 3600}
            return answer(json.dumps(ks).encode(), JSON)
        return report(request)

    return respond


def calls(server: ScriptedServer) -> list[str]:
    return [request.action for request in server.requests]


def without_length(body: bytes) -> Answer:
    return Answer((head(200, [("Content-Type", CSV)]), body), close=True)


def cut_at(length: int, body: bytes = BODY, **headers: str) -> Answer:
    given = [("Content-Type", CSV), ("Content-Length", str(len(body))), *headers.items()]
    return Answer((head(200, given), body[:length]), close=True)


# Whole answers


@pytest.mark.parametrize(
    "whole",
    [
        REPORT,
        chunked_answer(BODY),
        answer(BODY, compress=True),
        answer(BODY, headers=[("Connection", "close")]),
        Answer((REPORT.parts[0], BODY[:1], 0.01, BODY[1:2], 0.01, BODY[2:])),
    ],
    ids=["length", "chunks", "gzip", "close", "in pieces"],
)
def test_a_whole_report_is_read(whole: Answer) -> None:
    with serving(whole) as server:
        assert Client(server.url).fetch() == TABLE


def test_the_call_is_a_post_that_shows_no_secret_and_asks_for_gzip() -> None:
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


def test_no_proxy_and_no_password_is_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(REPORT) as server:
        assert Client(server.url).fetch() == TABLE
    assert "authorization" not in server.requests[0].headers


# Answers that are cut off


@pytest.mark.parametrize(
    "cut",
    [
        cut_at(len(HALF)),
        cut_at(len(BODY) - 1),
        cut_at(3),
        cut_at(0),
        chunked_answer(HALF, whole=False),
        without_length(BODY),
        without_length(HALF),
        cut_at(500, gzip.compress(BODY), **{"Content-Encoding": "gzip"}),
        answer(gzip.compress(BODY)[:-30], headers=[("Content-Encoding", "gzip")]),
        answer(gzip.compress(BODY)[:-8], headers=[("Content-Encoding", "gzip")]),
        answer(gzip.compress(BODY)[:-1], headers=[("Content-Encoding", "gzip")]),
        answer(b"no gzip", headers=[("Content-Encoding", "gzip")]),
        Answer((head(200, [("Content-Type", CSV), ("Content-Length", "many")]), BODY), close=True),
    ],
    ids=[
        *("at a row's end", "before the last byte", "after the mark", "before all"),
        *("within chunks", "nowhere but without length", "without length", "compressed"),
        *("within gzip", "before the checksum", "within the checksum", "garbled gzip"),
        "of a length in words",
    ],
)
def test_a_report_that_was_cut_or_cannot_be_proven_whole_is_refused_and_tried_again(
    cut: Answer,
) -> None:
    with serving(cut) as server:
        client = Client(server.url)
        with pytest.raises(TransientError) as caught:
            client.fetch()
    assert isinstance(caught.value, IncompleteAnswerError)
    assert len(server.requests) == 4
    assert len(client.waits) == 3

    with serving(cut, cut, REPORT) as server:
        client = Client(server.url)
        assert client.fetch() == TABLE
    assert len(client.waits) == 2


def test_a_report_that_ends_within_a_row_is_tried_again() -> None:
    with serving(answer(HALF[:-2]), REPORT) as server:
        client = Client(server.url)
        assert client.fetch() == TABLE
    assert client.started == 2


def test_whatever_follows_the_declared_length_is_not_read() -> None:
    longer = answer(BODY + b"1_more", headers=[("Content-Length", str(len(BODY)))])
    with serving(Answer(longer.parts, close=True)) as server:
        assert Client(server.url).fetch() == TABLE


def test_a_report_that_nobody_can_read_is_refused_with_a_sample_without_secrets() -> None:
    odd = answer(f"\ufeff{HEADER}\n1,2,3,4,5,6,7,8,9,10,{READY.ks}\n".encode())
    with serving(odd) as server, pytest.raises(MalformedReportError) as caught:
        Client(server.url).fetch()

    assert "line 2" in str(caught.value)
    assert caught.value.answer is not None
    assert b"1,2,3" in caught.value.answer.body
    assert READY.ks.encode() not in caught.value.answer.body


# Slow answers


def test_a_server_that_drips_is_stopped_at_the_deadline() -> None:
    parts: list[bytes | float] = [REPORT.parts[0]]
    for place in range(400):
        parts += [BODY[place : place + 1], 0.05]
    with serving(Answer(tuple(parts))) as server:
        started = time.monotonic()
        with pytest.raises(DeadlineError):
            Client(server.url).fetch(seconds=1)

    assert 0.9 < time.monotonic() - started < 2
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "stalling",
    [Answer((20.0,)), Answer((REPORT.parts[0], 20.0)), Answer((REPORT.parts[0], HALF, 20.0))],
    ids=["before the headers", "before the body", "within the body"],
)
def test_a_server_that_falls_silent_runs_into_the_read_timeout(stalling: Answer) -> None:
    with serving(stalling) as server:
        client = Client(server.url, http=HttpPolicy(2, 0.3, retries=2, backoff=0.01))
        started = time.monotonic()
        with pytest.raises(TransientError) as caught:
            client.fetch()

    assert caught.value.code == "READ_TIMEOUT"
    assert time.monotonic() - started < 1.5
    assert len(server.requests) == 1


@pytest.mark.parametrize("parts", [(), (REPORT.parts[0], HALF)], ids=["at once", "within"])
def test_a_read_timeout_never_outlasts_the_deadline(parts: tuple[bytes, ...]) -> None:
    with serving(Answer((*parts, 20.0))) as server:
        started = time.monotonic()
        with pytest.raises(DeadlineError):
            Client(server.url).fetch(seconds=0.5)

    assert time.monotonic() - started < 1.5


def test_retries_of_http_do_not_outlast_the_deadline_either() -> None:
    slow_refusal = Answer((0.8, *answer(b"", status=503).parts))
    with serving(slow_refusal) as server:
        started = time.monotonic()
        with pytest.raises(TransientError):
            Client(server.url).fetch(seconds=1)

    assert time.monotonic() - started < 2


def test_nothing_is_asked_when_the_time_is_up() -> None:
    with serving(REPORT) as server, pytest.raises(DeadlineError):
        Client(server.url).fetch(seconds=0)

    assert server.requests == []


# Refusals


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_passing_refusal_is_retried_after_the_time_it_asks_for(status: int) -> None:
    refusal = answer(b"busy", "text/plain", status=status, headers=[("Retry-After", "1")])
    with serving(refusal, REPORT) as server:
        client = Client(server.url)
        started = time.monotonic()
        assert client.fetch() == TABLE

    assert time.monotonic() - started >= 1
    assert len(server.requests) == 2
    assert client.waits == []


def test_nobody_can_make_us_wait_longer_than_we_want() -> None:
    refusal = answer(b"", status=503, headers=[("Retry-After", "86400")])
    with serving(refusal, REPORT) as server:
        started = time.monotonic()
        assert Client(server.url).fetch() == TABLE

    assert time.monotonic() - started < 3


def test_a_lasting_refusal_says_how_often_it_was_tried() -> None:
    with serving(answer(b"", status=503)) as server:
        client = Client(server.url)
        with pytest.raises(UnreachableError, match=r"HTTP_503.*refused 3 times"):
            client.fetch()

    assert len(server.requests) == 3
    assert client.waits == []


def test_an_empty_500_is_retried_with_growing_waits() -> None:
    fatal = answer(b"", "text/html", status=500)
    with serving(fatal, fatal, REPORT) as server:
        client = Client(server.url)
        assert client.fetch() == TABLE
    assert 0.5 <= client.waits[0] <= 1 <= client.waits[1] <= 2

    with serving(fatal) as server, pytest.raises(TooHeavyError):
        Client(server.url).fetch()
    assert len(server.requests) == 4


def test_a_page_in_place_of_a_report_is_shown_without_the_secrets_it_repeats() -> None:
    def echo(request: Request) -> Answer:
        return answer(b"<html>Maintenance " + request.body, "text/html")

    with serving(echo) as server, pytest.raises(UnrecognisedAnswerError) as caught:
        Client(server.url).fetch()

    assert len(server.requests) == 4
    assert "text/html" in str(caught.value)
    assert caught.value.answer is not None
    assert caught.value.answer.body.startswith(b"<html>Maintenance")
    assert_no_secret(f"{caught.value.answer}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_but_reported(status: int) -> None:
    with serving(REPORT) as target:
        moved = answer(b"", status=status, headers=[("Location", target.url)])
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
    with serving(answer(b"", "text/html", headers=headers)) as server, pytest.raises(TaskError):
        Client(server.url).fetch()


def test_a_compressed_error_is_known() -> None:
    body = json.dumps({"code": "SEARCH_TOO_GENERAL", "objectType": "KalturaAPIException"})
    compressed = answer(body.encode(), JSON, compress=True)
    with serving(compressed) as server, pytest.raises(TaskError):
        Client(server.url).fetch()


# Connections


def test_a_region_that_cannot_be_reached_is_said_to_be() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(UnreachableError, match="refused"):
        Client(url).fetch()


def test_a_name_that_does_not_exist_is_said_not_to() -> None:
    with pytest.raises(UnreachableError, match="UNREACHABLE"):
        Client("http://kaltura.invalid", http=HttpPolicy(1, 1, retries=0)).fetch()


def test_a_connection_that_breaks_before_the_answer_is_tried_again() -> None:
    with serving(Answer((), close=True), REPORT) as server:
        assert Client(server.url).fetch() == TABLE

    assert len(server.requests) == 2


def test_a_connection_that_the_server_closed_meanwhile_is_replaced() -> None:
    with serving(Answer(REPORT.parts, close=True)) as server:
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
        answer(BODY.replace(b",,", b",,,")),
        answer(b"x" * 10**6),
        answer(b"x" * 10**6, compress=True),
    ],
    ids=["cut", "malformed", "no report", "no report, compressed"],
)
def test_neither_sockets_nor_threads_are_left_behind_by_a_failure(failure: Answer) -> None:
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


# Sessions


@pytest.mark.parametrize("credentials", [ADMIN, TOKEN], ids=["admin secret", "app token"])
@pytest.mark.parametrize("reason", ["EXPIRED", "EXCEEDED_ACTIONS_LIMIT"])
def test_an_expired_session_is_replaced_once(credentials: Credentials, reason: str) -> None:
    def report(request: Request) -> Answer:
        spent = request.form["ks"] == f"{MINTED}1"
        return api_error("INVALID_KS", KSID=reason) if spent else REPORT

    with serving(minting(report)) as server:
        client = Client(server.url, credentials)
        assert client.fetch() == TABLE
        assert client.fetch() == TABLE

    assert client.waits == []
    mints = [call for call in calls(server) if call in ("start", "startSession")]
    assert len(mints) == 2
    assert calls(server).count("getCsvFromStringParams") == 3


@pytest.mark.parametrize("credentials", [ADMIN, TOKEN], ids=["admin secret", "app token"])
def test_when_the_new_session_has_expired_too_the_region_is_given_up(
    credentials: Credentials,
) -> None:
    advice = "and so was a new one; check the clocks"
    with serving(minting(lambda _: EXPIRED)) as server, pytest.raises(RegionError, match=advice):
        Client(server.url, credentials).fetch()

    assert calls(server).count("getCsvFromStringParams") == 2


def test_a_ready_session_that_expired_says_what_to_do() -> None:
    advice = "has expired; put a new one into the secret"
    with serving(EXPIRED) as server, pytest.raises(RegionError, match=advice):
        Client(server.url).fetch()

    assert len(server.requests) == 1


def test_a_session_that_was_ended_is_not_used_by_the_next_run() -> None:
    ended = api_error("INVALID_KS", KSID="LOGOUT")
    answers = iter([ended, REPORT])
    with serving(minting(lambda _: next(answers))) as server:
        client = Client(server.url, ADMIN)
        with pytest.raises(RegionError, match="was ended"):
            client.fetch()
        assert client.fetch() == TABLE

    assert calls(server).count("start") == 2


@pytest.mark.parametrize(
    "hiccup", [api_error("INTERNAL_SERVERL_ERROR"), answer(b"", status=500)], ids=["error", "500"]
)
def test_a_hiccup_while_a_session_is_minted_is_tried_again(hiccup: Answer) -> None:
    with serving(hiccup, minting(lambda _: REPORT)) as server:
        client = Client(server.url, ADMIN)
        assert client.fetch() == TABLE

    assert calls(server) == ["start", "start", "getCsvFromStringParams"]
    assert len(client.waits) == 1


def test_many_threads_share_one_session() -> None:
    with serving(minting(lambda _: REPORT)) as server:
        client = Client(server.url, ADMIN)
        with ThreadPoolExecutor(8) as pool:
            tables = list(pool.map(lambda _: client.fetch(), range(16)))

    assert all(table == TABLE for table in tables)
    assert calls(server).count("start") == 1


def test_when_it_expires_under_many_threads_one_new_session_is_minted() -> None:
    def report(request: Request) -> Answer:
        return EXPIRED if request.form["ks"] == f"{MINTED}1" else REPORT

    with serving(minting(report)) as server:
        client = Client(server.url, ADMIN)
        with ThreadPoolExecutor(8) as pool:
            tables = list(pool.map(lambda _: client.fetch(), range(16)))

    assert all(table == TABLE for table in tables)
    assert calls(server).count("start") == 2


# Secrets


def repeat_everything(request: Request) -> Answer:
    form = request.form
    return api_error("INVALID_KS", KSID=form.get("ks", form.get("secret", "")))


@pytest.mark.parametrize("credentials", [READY, ADMIN, TOKEN], ids=["ks", "admin", "token"])
@pytest.mark.parametrize(
    "report",
    [
        lambda _: cut_at(100),
        lambda _: answer(b"", status=503),
        lambda _: answer(b"<html>", "text/html"),
        lambda _: answer(b"", status=302, headers=[("Location", "/elsewhere")]),
        lambda _: EXPIRED,
        lambda _: Answer((), close=True),
        repeat_everything,
    ],
    ids=["cut", "503", "html", "redirect", "expired", "broken", "repeated"],
)
def test_no_failure_shows_a_secret(
    credentials: Credentials, report: Callable[[Request], Answer], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with serving(minting(report)) as server:
        client = Client(server.url, credentials)
        with pytest.raises(KalturaError) as caught:
            client.fetch()

    error: BaseException | None = caught.value
    while error is not None:
        assert_no_secret(f"{error} {error!r}")
        error = error.__cause__ or error.__context__
    assert_no_secret(f"{vars(caught.value)}")
    assert_no_secret(caplog.text)
    assert all(request.path.startswith("/api_v3/service/") for request in server.requests)
    assert_no_secret("".join(request.path for request in server.requests))


@pytest.mark.parametrize("credentials", [ADMIN, TOKEN], ids=["admin", "token"])
def test_no_refused_credential_is_shown(
    credentials: Credentials, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with serving(repeat_everything) as server, pytest.raises(RegionError) as caught:
        Client(server.url, credentials).fetch()

    assert_no_secret(f"{caught.value} {caught.value!r} {vars(caught.value)} {caplog.text}")


def assert_no_secret(text: str) -> None:
    # Compared one by one, so that a failure does not print the text either.
    shown = [secret[:12] for secret in (*SECRETS, MINTED) if secret in text]
    assert shown == []


# The contract between the client and its callers


def test_a_report_that_was_not_read_to_its_end_counts_as_unproven() -> None:
    with serving(REPORT) as server, pytest.raises(RuntimeError, match="not read to its end"):
        Client(server.url).region.fetch(ReportRequest(ROOM_DATA, 0, 3600), next, Deadline.after(20))
