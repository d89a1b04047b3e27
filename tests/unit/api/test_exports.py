"""An export says of itself how it was made; today's settings fill in only what it does not say."""

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from room_reports.api.exports import describe, describe_listed
from room_reports.api.listing import ListedExport
from room_reports.api.params import Position
from room_reports.export.region_index import facts_of
from room_reports.model.day_files import format_rows
from room_reports.model.windows import Granularity
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series, day_index_key
from room_reports.storage.privacy_state import SETTINGS_KEY
from tests.support.listing_server import listing_server
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
    export = describe(Bucket(client, "bucket"), settings, KEY, WINDOW)
    assert export
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


LISTED_DAYS = [f"2026-11-{day:02}" for day in range(10, 23)]
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "rows": st.sampled_from(["0", "12", "many"]),
        "state": st.sampled_from(["settled", "settling", "open", "lost"]),
        "sha256": st.sampled_from(["0" * 64, "f" * 64]),
        "exported-at": st.just("2026-11-23T01:02:03Z"),
        "window-start": st.sampled_from(["2026-11-22T00:00:00Z", "yesterday"]),
        "window-end": st.just("2026-11-23T00:00:00Z"),
        "filters": st.sampled_from(["none", "0123456789abcdef"]),
        "privacy": st.sampled_from(["none", "fedcba9876543210"]),
    },
)


def listed_export(client: "S3Client", day: str, metadata: dict[str, str]) -> ListedExport:
    """Write a file of a day, and return what a listing shows of it."""
    window = SETTINGS.calendar(Granularity.DAY).window(day)
    key = SERIES.key(window, gzip=False)
    client.put_object(Bucket="bucket", Key=key, Body=b"a\n1\n", Metadata=metadata)
    (stored,) = Bucket(client, "bucket").exports(SERIES, day, day)
    return ListedExport(Position(SERIES, window), stored)


def index_of(client: "S3Client", listed: list[ListedExport]) -> bytes:
    """Return the index that the exporter writes for these files."""
    rows = {}
    for each in listed:
        head = Bucket(client, "bucket").head(each.stored.key)
        assert head
        row = facts_of((each.stored.parsed.label, SERIES.slug), head).row
        rows[row.key] = row
    return format_rows(rows)


@settings(max_examples=10, deadline=None)
@given(st.lists(METADATA, min_size=len(LISTED_DAYS), max_size=len(LISTED_DAYS)))
def test_the_index_says_of_an_export_what_its_file_does(metadata: list[dict[str, str]]) -> None:
    with S3Server(WINDOW.end.timestamp) as server:
        client = s3(server)
        bucket = Bucket(client, "bucket")
        listed = [listed_export(client, *each) for each in zip(LISTED_DAYS, metadata, strict=True)]
        from_files = describe_listed(bucket, bucket, SETTINGS, listed)
        assert [each["start"] for each in from_files] == LISTED_DAYS
        client.put_object(
            Bucket="bucket",
            Key=day_index_key("us", "2026-11"),
            Body=index_of(client, listed),
        )
        server.fault = lambda method, _: "AccessDenied" if method == "HEAD" else None
        assert describe_listed(bucket, bucket, SETTINGS, listed) == from_files


def test_a_file_that_was_written_in_the_same_second_as_its_row_is_asked_for(
    client: "S3Client",
) -> None:
    listed = [listed_export(client, day, {"sha256": "0" * 64}) for day in LISTED_DAYS]
    index = index_of(client, listed)
    client.put_object(Bucket="bucket", Key=day_index_key("us", "2026-11"), Body=index)
    client.put_object(
        Bucket="bucket", Key=listed[3].stored.key, Body=b"b\n", Metadata={"sha256": "f" * 64}
    )
    bucket = Bucket(client, "bucket")
    (listed[3],) = [
        ListedExport(listed[3].position, stored)
        for stored in bucket.exports(SERIES, LISTED_DAYS[3], LISTED_DAYS[3])
    ]
    found = describe_listed(bucket, bucket, SETTINGS, listed)
    assert [each["sha256"][0] for each in found] == [*"000f000000000"]


@pytest.mark.parametrize(
    ("days", "methods"),
    [
        (LISTED_DAYS[:3], ["HEAD"] * 3),
        (LISTED_DAYS[:4], ["GET"]),
        (LISTED_DAYS, ["GET"]),
        ([*LISTED_DAYS, "2026-10-31"], ["GET", "HEAD"]),
    ],
)
def test_the_index_is_read_if_it_saves_requests(days: list[str], methods: list[str]) -> None:
    calendar = SETTINGS.calendar(Granularity.DAY)
    with listing_server([SERIES.key(calendar.window(day), gzip=False) for day in days]) as server:
        server.write_index()
        bucket = Bucket(server.client, "bucket")
        listed = [
            ListedExport(Position(SERIES, calendar.window(stored.parsed.label)), stored)
            for stored in bucket.exports(SERIES, min(days), max(days))
        ]
        server.requests.clear()
        assert len(describe_listed(bucket, bucket, SETTINGS, listed)) == len(days)
        assert sorted(server.requests) == methods
