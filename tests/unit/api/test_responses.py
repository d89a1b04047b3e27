"""Responses: coverage, conditional requests, errors, the API's description."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from room_reports.api import responses
from room_reports.api.coverage import coverage
from room_reports.api.errors import (
    BadParameterError,
    ExportNotFoundError,
    NoSuchRouteError,
    UnknownNameError,
)
from room_reports.api.openapi import openapi
from room_reports.api.params import coverage_query
from room_reports.api.request import Request
from room_reports.api.responses import error_response
from room_reports.api.settings import read_api_settings
from room_reports.model.windows import Granularity
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import StorageError
from room_reports.storage.keys import Series
from tests.support.listing_server import listing_server

GET = Request(method="GET", query={}, if_none_match="", source_ip="127.0.0.1")
SETTINGS = read_api_settings(
    {"BUCKET_NAME": "bucket", "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner"}
)


def test_coverage_lists_the_state_of_each_window() -> None:
    series = Series("attendees", "us", Granularity.DAY)
    calendar = SETTINGS.calendar(Granularity.DAY)
    # All objects were written at the start of the 23rd.
    days = ["2026-11-19", "2026-11-21", "2026-11-22", "2026-11-23"]
    with listing_server(series.key(calendar.window(day), gzip=False) for day in days) as server:
        now = datetime(2026, 11, 24, 3, tzinfo=UTC)
        query = {"report": ["attendees"], "region": ["us"], "from": ["2026-11-19"]}
        parsed = coverage_query(query, SETTINGS, now)
        found = coverage(Bucket(server.client, "bucket"), parsed, timedelta(hours=48), now)
    assert [(each["start"], each["state"], each["size"]) for each in found] == [
        ("2026-11-19", "settled", 5),
        ("2026-11-20", "missing", None),
        ("2026-11-21", "settling", 5),
        ("2026-11-22", "settling", 5),
        ("2026-11-23", "open", 5),
    ], "the 24th has not ended, so it is not missing"
    assert found[0]["exported_at"] == "2026-11-23T00:00:00Z"
    assert server.requests == ["LIST", "GET"]


def test_a_matching_etag_gets_304() -> None:
    document = responses.json_response({"a": 1})
    etag = document.headers["ETag"]
    assert document.for_request(GET) == document
    for known in (etag, f'"other", W/{etag}', "*"):
        assert document.for_request(replace(GET, if_none_match=known)).status == 304
    assert document.for_request(replace(GET, if_none_match='"other"')).status == 200
    head = document.for_request(replace(GET, method="HEAD"))
    assert (head.status, head.body, head.headers) == (200, "", document.headers)


def test_links_are_not_cacheable() -> None:
    for response in (responses.link_response({"url": "u"}), responses.redirect("u")):
        assert response.headers["Cache-Control"] == "no-store"
        assert "ETag" not in response.headers


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadParameterError("limit", "is bad"), 400, "bad_parameter"),
        (UnknownNameError("report", "x", ["a"]), 404, "unknown_report"),
        (ExportNotFoundError("not_exported", "no"), 404, "not_exported"),
        (NoSuchRouteError("no"), 404, "no_such_route"),
        (
            StorageError("listing", "k", "EndpointConnectionError", "no connection"),
            503,
            "storage_unavailable",
        ),
    ],
)
def test_errors_map_to_status_code_and_message(error: Exception, status: int, code: str) -> None:
    response = error_response(error)
    body = json.loads(response.body)
    assert response.status == status
    assert set(body) == {"error"}
    assert body["error"]["code"] == code
    assert body["error"]["message"]


def test_openapi_lists_the_deployments_reports_and_regions() -> None:
    paths = openapi(SETTINGS)["paths"]
    assert set(paths) == {
        "/",
        "/openapi.json",
        "/exports",
        "/exports/{report}/{region}/{granularity}/{start}",
        "/coverage",
    }
    report, region = paths["/coverage"]["get"]["parameters"][:2]
    assert report["schema"]["enum"] == ["room_data", "attendees", "breakout_sessions"]
    assert region["schema"]["enum"] == ["us", "eu"]
