"""An export says of itself how it was made; today's settings fill in only what it does not say."""

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from room_reports.api.exports import describe
from room_reports.model.windows import Granularity
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series
from room_reports.storage.privacy_state import SETTINGS_KEY
from tests.support.s3.server import S3Server
from tests.support.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3.client import S3Client

FILTERS = '{"attendees": {"user_ids": ["a"]}}'
ENVIRONMENT = {"BUCKET_NAME": "bucket", "SECRET_ID": "secret", "TIME_ZONE": "Europe/Warsaw"}
SETTINGS = read_settings({**ENVIRONMENT, "REPORT_FILTERS": FILTERS})
SERIES = Series("attendees", "us", Granularity.DAY)
WINDOW = SETTINGS.calendar(Granularity.DAY).window("2026-11-22")
KEY = SERIES.key(WINDOW, gzip=False)
OF_TODAY = {"window_start": "2026-11-21T23:00:00Z", "window_end": "2026-11-22T23:00:00Z"}


@pytest.fixture
def client() -> "Iterator[S3Client]":
    with S3Server(WINDOW.end.timestamp) as server:
        yield s3(server)


def s3(server: S3Server) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(s3={"addressing_style": "path"}),
    )


def described(
    client: "S3Client", metadata: dict[str, str], settings: Settings = SETTINGS
) -> dict[str, Any]:
    client.put_object(Bucket="bucket", Key=KEY, Body=b"a\n1\n", Metadata=metadata)
    (export,) = describe(Bucket(client, "bucket"), settings, [(KEY, WINDOW)])
    return export.fields


def test_bounds_are_those_that_the_file_was_made_with(client: "S3Client") -> None:
    # TimeZone was UTC then.
    bounds = {"window-start": "2026-11-22T00:00:00Z", "window-end": "2026-11-23T00:00:00Z"}
    export = described(client, bounds)
    assert export["start"] == "2026-11-22"
    assert export["window_start"] == bounds["window-start"]
    assert export["window_end"] == bounds["window-end"]


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"window-start": "2026-11-22T00:00:00Z"},
        {"window-start": "yesterday", "window-end": "today"},
    ],
)
def test_a_file_that_does_not_say_its_bounds_gets_those_of_the_settings(
    client: "S3Client", metadata: dict[str, str]
) -> None:
    assert described(client, metadata).items() >= OF_TODAY.items()


def test_filters_are_compared_with_those_of_today(client: "S3Client") -> None:
    today = SETTINGS.filters_digest("attendees")
    assert today != "none"
    for metadata, filters, current in (
        ({"filters": today}, today, True),
        ({"filters": "none"}, "none", False),
        ({"filters": "0123456789abcdef"}, "0123456789abcdef", False),
        ({}, None, None),
    ):
        export = described(client, metadata)
        assert (export["filters"], export["filters_current"]) == (filters, current)


@pytest.mark.parametrize(
    ("setting", "today"),
    [
        ("", "none"),
        ("attendees.user_name=drop", None),
        ("attendees.user_id=pseudonym", "0123456789abcdef"),
    ],
)
def test_privacy_settings_are_compared_with_those_of_today(
    client: "S3Client", setting: str, today: str | None
) -> None:
    settings = read_settings({**ENVIRONMENT, "PRIVACY_COLUMNS": setting})
    state = json.dumps({"privacy": {"attendees": today}})
    client.put_object(Bucket="bucket", Key=SETTINGS_KEY, Body=state.encode())
    today = today or settings.privacy.digest("attendees") or ""
    for metadata, privacy in (
        ({"privacy": today}, today),
        ({"privacy": "another"}, "another"),
        ({}, "none"),
    ):
        export = described(client, metadata, settings)
        assert (export["privacy"], export["privacy_current"]) == (privacy, privacy == today)


def test_a_state_that_cannot_be_read_hides_no_file() -> None:
    settings = read_settings({**ENVIRONMENT, "PRIVACY_COLUMNS": "attendees.user_id=pseudonym"})
    with S3Server(WINDOW.end.timestamp) as server:
        server.fault = lambda _, key: "AccessDenied" if key == SETTINGS_KEY else None
        assert described(s3(server), {"privacy": "x"}, settings)["privacy_current"] is None


@pytest.mark.parametrize("state", [None, b"", b"{", b"[]", b"{}", b'{"privacy": 1}'])
def test_before_the_first_run_it_is_not_known_which_key_is_that_of_today(
    client: "S3Client", state: bytes | None
) -> None:
    settings = read_settings({**ENVIRONMENT, "PRIVACY_COLUMNS": "attendees.user_id=pseudonym"})
    if state is not None:
        client.put_object(Bucket="bucket", Key=SETTINGS_KEY, Body=state)
    export = described(client, {"privacy": "0123456789abcdef"}, settings)
    assert (export["privacy"], export["privacy_current"]) == ("0123456789abcdef", None)
