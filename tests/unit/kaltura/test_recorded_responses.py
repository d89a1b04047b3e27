"""The client reads every recorded response of the real server, byte for byte."""

import json
from pathlib import Path
from typing import Any

import pytest

from room_reports.deadline import Deadline
from room_reports.kaltura.client import KalturaRegion, RetryPolicy
from room_reports.kaltura.credentials import StaticKalturaSession
from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.kaltura.errors import (
    ForbiddenError,
    KalturaError,
    RateLimitError,
    RegionError,
    ReportError,
    TooHeavyError,
    TransientError,
)
from room_reports.kaltura.request import ReportRequest
from room_reports.kaltura.session import KalturaSessionProvider
from room_reports.kaltura.transport import HttpPolicy, Transport
from room_reports.model.regions import Region
from room_reports.model.reports import report_with_id
from tests.support.scripted_server import Response, ScriptedServer, head, serving

RECORDINGS: dict[str, Any] = {
    recording["name"]: recording
    for recording in json.loads(
        (Path(__file__).parents[2] / "recorded" / "kaltura.json").read_text("utf-8")
    )
}
ROWS = {
    "report_6000": 12,
    "report_6001": 30,
    "report_6002": 4,
    "report_6000_path_style": 12,
    "filter_entry_ids": 2,
    "filter_misspelt": 12,
    "filter_empty": 12,
    "excluded_fields": 30,
    "limit_3": 3,
    "no_data_header_only": 0,
}
ERRORS: dict[str, tuple[type[KalturaError], str]] = {
    "report_not_found": (ReportError, "REPORT_NOT_FOUND"),
    # These two used a static session, which cannot be renewed.
    "ks_expired_json": (RegionError, "INVALID_KS"),
    "ks_expired_xml": (RegionError, "INVALID_KS"),
    "ks_garbage": (RegionError, "INVALID_KS"),
    "ks_without_permission": (ForbiddenError, "SERVICE_FORBIDDEN"),
    "ks_absent": (ForbiddenError, "SERVICE_FORBIDDEN"),
    "missing_from_date_json": (TransientError, "INTERNAL_SERVERL_ERROR"),
    "missing_from_date_xml": (TransientError, "INTERNAL_SERVERL_ERROR"),
    "missing_id": (ReportError, "MISSING_MANDATORY_PARAMETER"),
    "wrong_service": (RegionError, "SERVICE_DOES_NOT_EXISTS"),
    "druid_timeout": (TooHeavyError, "DRUID_QUERY_TIMED_OUT"),
    "druid_http_500": (TransientError, "INTERNAL_SERVERL_ERROR"),
    "php_fatal_out_of_memory": (TooHeavyError, "HTTP_500"),
    "rate_limited": (RateLimitError, "ACTION_BLOCKED"),
}
SESSIONS: dict[str, tuple[type[KalturaError], str] | None] = {
    "session_start": None,
    "session_start_wrong_secret": (RegionError, "START_SESSION_ERROR"),
    "start_widget_session": None,
    "start_widget_session_unknown": (RegionError, "INVALID_WIDGET_ID"),
    "app_token_session": None,
    "app_token_wrong_hash": (RegionError, "INVALID_APP_TOKEN_HASH"),
    "app_token_uppercase_hash": (RegionError, "INVALID_APP_TOKEN_HASH"),
    "app_token_unknown": (RegionError, "APP_TOKEN_ID_NOT_FOUND"),
    "app_token_disabled": (RegionError, "APP_TOKEN_NOT_ACTIVE"),
    "app_token_expired": (RegionError, "APP_TOKEN_EXPIRED"),
}


def replayed(recording: Any) -> Response:
    """Return the recorded response; chunked if it has no length."""
    response = recording["response"]
    headers = [(name, value) for name, value in response["headers"]]
    body = response["body"].encode()
    if not any(name.lower() == "content-length" for name, _ in headers):
        headers.append(("Transfer-Encoding", "chunked"))
        chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
        body = chunk + b"0\r\n\r\n"
    return Response((head(response["status"], headers), body))


def secrets_in(recording: Any) -> list[str]:
    form = recording["request"]["form"] or {}
    return [form[name] for name in ("ks", "secret", "tokenHash") if name in form]


def transport(server: ScriptedServer) -> Transport:
    return Transport(server.url, HttpPolicy(connect_timeout=5, read_timeout=10, retries=0))


def fetch(server: ScriptedServer, recording: Any) -> list[list[str]]:
    form = recording["request"]["form"] or {"id": 6000}
    client = transport(server)
    sessions = KalturaSessionProvider(
        StaticKalturaSession(form.get("ks", "none")), client, lambda: 0.0
    )
    region = KalturaRegion(Region("us", server.url), client, sessions, RetryPolicy(attempts=1))
    report = report_with_id(int(form.get("id", 6000)))

    def consume(chunks: Any) -> list[list[str]]:
        source = KalturaCsvReader(chunks)
        return [source.header, *source]

    return region.fetch(ReportRequest(report, 1722470400, 1722556800), consume, Deadline.after(20))


def expected_rows(body: str) -> list[list[str]]:
    """Return the rows; in the recordings every broken row is the two lines of one name."""
    lines = body.removeprefix("\ufeff").replace("Two\nlines", "Two|lines").split("\n")
    assert lines.pop() == ""
    return [
        [value.replace("Two|lines", "Two\nlines") for value in line.split(",")] for line in lines
    ]


def test_every_recording_has_a_test() -> None:
    assert {*ROWS, *ERRORS, *SESSIONS} == set(RECORDINGS)
    assert len(RECORDINGS) == 34


@pytest.mark.parametrize("name", ROWS)
def test_recorded_reports_are_read(name: str) -> None:
    recording = RECORDINGS[name]
    with serving(replayed(recording)) as server:
        table = fetch(server, recording)

    assert table == expected_rows(recording["response"]["body"])
    assert len(table) == 1 + ROWS[name]


@pytest.mark.parametrize("name", ERRORS)
def test_recorded_errors_are_recognised(name: str, caplog: pytest.LogCaptureFixture) -> None:
    recording, (kind, code) = RECORDINGS[name], ERRORS[name]
    caplog.set_level("DEBUG")
    with serving(replayed(recording)) as server, pytest.raises(KalturaError) as caught:
        fetch(server, recording)

    assert type(caught.value) is kind
    assert caught.value.code == code
    shown = f"{caught.value}{caught.value!r}{vars(caught.value)}{caplog.text}"
    assert not any(secret in shown for secret in secrets_in(recording))


@pytest.mark.parametrize("name", SESSIONS)
def test_recorded_session_responses_are_recognised(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    recording, expected = RECORDINGS[name], SESSIONS[name]
    *_, service, _, action = recording["request"]["path"].split("/")
    form = {key: str(value) for key, value in recording["request"]["form"].items()}
    caplog.set_level("DEBUG")
    with serving(replayed(recording)) as server:
        client = transport(server)
        if expected is None:
            found = client.json(service, action, form, Deadline.after(20))
            assert found == json.loads(recording["response"]["body"])
            return
        with pytest.raises(KalturaError) as caught:
            client.json(service, action, form, Deadline.after(20))

    assert type(caught.value) is expected[0]
    assert caught.value.code == expected[1]
    shown = f"{caught.value}{caught.value!r}{vars(caught.value)}{caplog.text}"
    assert not any(secret in shown for secret in secrets_in(recording))
