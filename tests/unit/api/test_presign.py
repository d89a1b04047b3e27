"""Presigned links stay valid for the stated time, at any age of the credentials."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from room_reports.api.presign import S3_CONFIG, ObjectVersion, Presigner, links_source
from room_reports.api.settings import MAX_LINK_TTL
from room_reports.aws.clients import StsCredentials

TARGET = ObjectVersion("bucket", "attendees/x.csv", "version", "attendees_us_2026-11-22.csv")


class Role:
    """A role whose credentials last an hour, and its clock."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        self.assumed = 0

    def assume(self) -> StsCredentials:
        self.assumed += 1
        return StsCredentials(
            f"ASIA{self.assumed}", "secret", "token", self.now + timedelta(hours=1)
        )

    def clock(self) -> datetime:
        return self.now


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch) -> Role:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-2")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return Role()


def test_credentials_are_reused_while_they_outlive_a_link(role: Role) -> None:
    presigner = Presigner(role.assume, timedelta(minutes=15), role.clock)
    for minutes, assumed in ((0, 1), (44, 1), (2, 2), (0, 2)):
        role.now += timedelta(minutes=minutes)
        url = presigner.link(TARGET, "GET").url
        assert role.assumed == assumed
        assert "X-Amz-Expires=900" in url
        assert f"X-Amz-Credential=ASIA{assumed}" in url


def test_the_longest_links_of_five_minutes_share_credentials(role: Role) -> None:
    presigner = Presigner(role.assume, timedelta(seconds=MAX_LINK_TTL), role.clock)
    for _ in range(100):
        assert f"X-Amz-Expires={MAX_LINK_TTL}" in presigner.link(TARGET, "GET").url
        role.now += timedelta(seconds=3)
    assert role.assumed == 1
    role.now += timedelta(seconds=1)
    presigner.link(TARGET, "GET")
    assert role.assumed == 2


def test_a_link_expires_no_later_than_its_credentials(role: Role) -> None:
    presigner = Presigner(role.assume, timedelta(hours=2), role.clock)
    link = presigner.link(TARGET, "GET")
    assert link.expires_at <= role.now + timedelta(hours=1)
    assert "X-Amz-Expires=3600" in link.url


def test_a_link_says_who_asked_for_it_and_which_it_is(role: Role) -> None:
    presigner = Presigner(role.assume, timedelta(minutes=1), role.clock)
    caller = "arn:aws:sts::123456789012:assumed-role/readers/ann@example.edu"
    links = [presigner.link(TARGET, "GET", reader) for reader in ("a1b2c3", caller, None)]
    queries = [parse_qs(urlsplit(link.url).query) for link in links]
    assert [query.get("x-reader") for query in queries] == [["a1b2c3"], [caller], None]
    assert [query["x-link"] for query in queries] == [[link.id] for link in links]
    assert len({link.id for link in links}) == 3


def test_threads_do_not_mix_up_who_asked(role: Role) -> None:
    presigner = Presigner(role.assume, timedelta(minutes=1), role.clock)
    readers = [f"key{number}" for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        links = list(pool.map(lambda reader: presigner.link(TARGET, "GET", reader), readers))
    found = [parse_qs(urlsplit(link.url).query)["x-reader"] for link in links]
    assert found == [[reader] for reader in readers]


def test_links_use_the_regional_endpoint(role: Role) -> None:
    url = Presigner(role.assume, timedelta(minutes=1), role.clock).link(TARGET, "GET").url
    assert url.startswith("https://bucket.s3.eu-central-2.amazonaws.com/attendees/x.csv?")
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url


@pytest.mark.parametrize(
    ("variables", "bucket", "source"),
    [
        (
            {"AWS_DEFAULT_REGION": "eu-central-2"},
            "bucket",
            "https://bucket.s3.eu-central-2.amazonaws.com/",
        ),
        (
            {"AWS_DEFAULT_REGION": "us-east-1"},
            "bucket",
            "https://bucket.s3.us-east-1.amazonaws.com/",
        ),
        (
            {"AWS_DEFAULT_REGION": "cn-north-1"},
            "bucket",
            "https://bucket.s3.cn-north-1.amazonaws.com.cn/",
        ),
        # A certificate for all buckets does not cover a name with a dot.
        (
            {"AWS_DEFAULT_REGION": "eu-west-1"},
            "a.bucket",
            "https://s3.eu-west-1.amazonaws.com/a.bucket/",
        ),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "bucket", "http://127.0.0.1:4566/bucket/"),
    ],
)
def test_every_link_begins_with_the_source_that_the_page_may_read(
    role: Role,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    bucket: str,
    source: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    client = boto3.client(
        "s3", config=S3_CONFIG, aws_access_key_id="AKIA", aws_secret_access_key="secret"
    )
    assert links_source(client, bucket) == source
    target = replace(TARGET, bucket=bucket)
    url = Presigner(role.assume, timedelta(minutes=1), role.clock).link(target, "GET").url
    assert url.startswith(f"{source}attendees/x.csv?")


def test_representations_hide_secrets(role: Role) -> None:
    assert "secret" not in repr(role.assume())
    assert "token" not in repr(role.assume())
