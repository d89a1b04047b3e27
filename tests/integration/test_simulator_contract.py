"""The simulated Kaltura responds to every recorded request as the real server did."""

import json
import re
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from local.kaltura import ks as kaltura_session
from local.kaltura.account import Account, AppToken
from local.kaltura.clock import Clock
from local.kaltura.faults import Fault
from local.kaltura.server import KalturaServer
from local.kaltura.truth import HEADERS, Filters, Row

RECORDED: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "recorded" / "kaltura.json").read_text()
)
BY_NAME = {recording["name"]: recording for recording in RECORDED}
PARTNER, SECRET, TOKEN = 102, "0123456789abcdef0123456789abcdef", "an app token of our own"
RECORDED_AT = 1_795_425_746
DAY = (1_722_470_400, 1_722_556_800)
REPORT_PATH = "/api_v3/service/report/action/getCsvFromStringParams"

ACCOUNT = Account(
    partner_id=PARTNER,
    admin_secrets=(SECRET,),
    app_tokens=(
        AppToken("1_apptok01", TOKEN),
        AppToken("1_disabled", "x", hash_type="SHA1", active=False),
        AppToken("1_expired1", "x", hash_type="SHA1", expires_at=RECORDED_AT - 60),
    ),
)
FAULTS = {
    "druid_timeout": Fault("api_error", code="DRUID_QUERY_TIMED_OUT"),
    "druid_http_500": Fault("api_error", code="INTERNAL_SERVERL_ERROR"),
    "php_fatal_out_of_memory": Fault("php_fatal"),
    "rate_limited": Fault("rate_limit", amount=0, seconds=10),
}
STARTED = {"session_start", "start_widget_session", "app_token_session"}
"""Recordings whose response has a KS, which is random."""


class RecordedTruth:
    """The rows of the recorded reports, in which Kaltura has replaced the commas by spaces."""

    def rows(
        self,
        report: int,
        start: int,
        end: int,
        *,
        filters: Filters | None = None,
        as_of: float | None = None,  # noqa: ARG002 - all rows are known
    ) -> list[Row]:
        """Return the recorded rows if the window is the recorded day."""
        wanted = (filters or {}).get("entry_ids")
        if (start, end) != DAY:
            return []
        return [row for row in _recorded_rows(report) if not wanted or row[0] in wanted]


@cache
def _recorded_rows(report: int) -> list[Row]:
    width = len(HEADERS[report])
    values: list[str] = []
    for line in BY_NAME[f"report_{report}"]["response"]["body"].split("\n")[1:-1]:
        first, *rest = line.split(",")
        if len(values) % width:
            values[-1] += "\n" + first
        else:
            values.append(first)
        values.extend(rest)
    return [tuple(values[place : place + width]) for place in range(0, len(values), width)]


@pytest.fixture
def server() -> Iterator[KalturaServer]:
    clock = Clock()
    clock.pin(RECORDED_AT)
    with KalturaServer(RecordedTruth(), account=ACCOUNT, clock=clock) as running:
        yield running


def ask(
    server: KalturaServer, method: str, path: str, form: dict[str, Any] | None
) -> tuple[int, dict[str, str], bytes]:
    """Send a request; return status, headers by lower-case name, and body."""
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    connection.request(method, path, urlencode(form) if form else None, headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, {k.lower(): v for k, v in response.getheaders()}, body


def replay(server: KalturaServer, recording: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    request = recording["request"]
    form = dict(request["form"]) if request["form"] else None
    if recording["name"] in {"app_token_session", "app_token_uppercase_hash"}:
        assert form is not None
        right = sha256((form["ks"] + TOKEN).encode()).hexdigest()
        form["tokenHash"] = right if form["tokenHash"].islower() else right.upper()
    if recording["name"] in FAULTS:
        server.faults.push(FAULTS[recording["name"]])
    seen = dict(recording["response"]["headers"]).get("X-Kaltura-Session")
    server.clock.pin(float(seen.split(", ")[1]) if seen else RECORDED_AT)
    return ask(server, request["method"], request["path"], form)


@pytest.mark.parametrize("recording", RECORDED, ids=lambda recording: recording["name"])
def test_responses_match_the_recordings(server: KalturaServer, recording: dict[str, Any]) -> None:
    status, headers, body = replay(server, recording)
    expected = recording["response"]
    assert status == expected["status"]
    for name, value in expected["headers"]:
        assert same_header(name, headers[name.lower()], value), name
    if "X-Kaltura" not in dict(expected["headers"]):
        assert "x-kaltura" not in headers
    if recording["name"] in STARTED:
        return
    assert timeless(body.decode()) == timeless(expected["body"])
    if "<executionTime>" not in expected["body"]:
        assert sha256(body).hexdigest() == expected["body_sha256"]


def same_header(name: str, ours: str, theirs: str) -> bool:
    """Return whether two values agree except for their random parts."""
    if name == "X-Kaltura-Session":
        return re.fullmatch(r"\d+, " + theirs.rpartition(" ")[2], ours) is not None
    if name == "X-Kaltura" and "," in theirs:
        return re.sub(r"[0-9a-f]{32}.*", "", ours) == re.sub(r"[0-9a-f]{32}.*", "", theirs)
    return ours == theirs


def timeless(body: str) -> str:
    return re.sub(r"<executionTime>[\d.E-]+</executionTime>", "<executionTime/>", body)


@pytest.mark.parametrize("name", sorted(STARTED))
def test_new_sessions_match_the_recorded_ones(server: KalturaServer, name: str) -> None:
    recording = BY_NAME[name]
    theirs = json.loads(recording["response"]["body"])
    ours = json.loads(replay(server, recording)[2])
    assert without_ks(ours) == without_ks(theirs)
    assert claims(ours) == claims(theirs)
    assert ks_of(ours) != ks_of(theirs)


def ks_of(result: Any) -> str:
    return str(result if isinstance(result, str) else result["ks"])


def without_ks(result: Any) -> object:
    return "" if isinstance(result, str) else {k: v for k, v in result.items() if k != "ks"}


def claims(result: Any) -> tuple[object, ...]:
    session = kaltura_session.parse(ks_of(result), lambda _: (SECRET,))
    return (session.expires_at, session.type, session.user_id, session.privileges)
