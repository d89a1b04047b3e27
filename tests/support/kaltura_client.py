"""The library's Kaltura client against a scripted server, and responses for that server."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from room_reports.deadline import Deadline
from room_reports.kaltura.client import KalturaRegion, RetryPolicy
from room_reports.kaltura.credentials import (
    AdminSecret,
    AppToken,
    Credentials,
    StaticKalturaSession,
)
from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.kaltura.request import ReportRequest
from room_reports.kaltura.session import KalturaSessionProvider
from room_reports.kaltura.transport import (
    HttpPolicy,
    Transport,
)
from room_reports.model.regions import Region
from room_reports.model.reports import ROOM_DATA
from tests.support.scripted_server import (
    CSV,
    JSON,
    Request,
    Response,
    ScriptedServer,
    head,
    response,
)

READY = StaticKalturaSession("djJ8MTAyfready_session_of_a_customer")
ADMIN = AdminSecret(102, "admin-secret-of-a-customer", "")
TOKEN = AppToken(102, "1_token", "token-of-a-customer")
SECRETS = (READY.ks, ADMIN.admin_secret, TOKEN.app_token)
STARTED = "djJ8MTAyfstarted_session_number_"

HEADER = ",".join(column.name for column in ROOM_DATA.columns)
ROWS = [f"1_{place},Room {place},,1_c{place},1,2,host,3,0.5" for place in range(2000)]
BODY = ("\ufeff" + "\n".join([HEADER, *ROWS]) + "\n").encode()
TABLE = [line.split(",") for line in (HEADER, *ROWS)]
REPORT = response(BODY)
HALF = BODY[: BODY.index(b"\n", len(BODY) // 2) + 1]
"""Ends at the end of a row, so that only the transport can detect the truncation."""


@dataclass
class Client:
    """The client of one region; records the waits between its attempts instead of sleeping."""

    url: str
    credentials: Credentials = READY
    http: HttpPolicy = field(
        default_factory=lambda: HttpPolicy(2, 5, retries=2, backoff=0.01, retry_after_max=1)
    )
    waits: list[float] = field(default_factory=list)
    started: int = 0
    """How often reading of a report started."""

    def __post_init__(self) -> None:
        transport = Transport(self.url, self.http)
        sessions = KalturaSessionProvider(self.credentials, transport, time.time)
        retry = RetryPolicy(sleep=self.waits.append)
        self.region = KalturaRegion(Region("us", self.url), transport, sessions, retry)

    def fetch(self, seconds: float = 30) -> list[list[str]]:
        return self.region.fetch(
            ReportRequest(ROOM_DATA, 0, 3600), self._read, Deadline.after(seconds)
        )

    def _read(self, chunks: Iterator[bytes]) -> list[list[str]]:
        self.started += 1
        source = KalturaCsvReader(chunks)
        return [source.header, *source]


def api_error(code: str, **args: str) -> Response:
    value: dict[str, object] = {
        "code": code,
        "message": code,
        "objectType": "KalturaAPIException",
        "args": args or [],
    }
    return response(json.dumps(value).encode(), JSON)


EXPIRED = api_error("INVALID_KS", KSID="EXPIRED")
BLOCKED = api_error("ACTION_BLOCKED")


def with_kaltura_sessions(report: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Respond to session requests with numbered sessions, to report requests by ``report``."""
    numbers = iter(range(1, 1000))

    def respond(request: Request) -> Response:
        if request.action == "start":
            return response(json.dumps(f"{STARTED}{next(numbers)}").encode(), JSON)
        if request.action == "startWidgetSession":
            return response(json.dumps({"ks": f"{STARTED}0"}).encode(), JSON)
        if request.action == "startSession":
            ks = {"ks": f"{STARTED}{next(numbers)}", "expiry": int(time.time()) + 3600}
            return response(json.dumps(ks).encode(), JSON)
        return report(request)

    return respond


def calls(server: ScriptedServer) -> list[str]:
    return [request.action for request in server.requests]


def cut_at(length: int, body: bytes = BODY, **headers: str) -> Response:
    given = [("Content-Type", CSV), ("Content-Length", str(len(body))), *headers.items()]
    return Response((head(200, given), body[:length]), close=True)


def assert_no_secret(text: str) -> None:
    # Compared one by one, so that pytest does not print the text on failure.
    shown = [secret[:12] for secret in (*SECRETS, STARTED) if secret in text]
    assert shown == []
