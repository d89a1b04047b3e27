"""Small objects: what a run leaves for the next one."""

from collections.abc import Iterator

import pytest

from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import StorageError
from tests.support.exporter import s3_client
from tests.support.s3.server import S3Server

KEY = "state/settings.json"


@pytest.fixture
def server() -> Iterator[S3Server]:
    with S3Server(lambda: 0.0) as server:
        yield server


@pytest.fixture
def bucket(server: S3Server) -> Bucket:
    return Bucket(s3_client(server.url, attempts=1), "bucket")


def test_a_missing_object_is_missing_although_s3_denies_reading_it(
    server: S3Server, bucket: Bucket
) -> None:
    # This is what S3 does where the permission to list is limited to prefixes.
    server.fault = lambda method, key: (
        "AccessDenied" if method == "GET" and key and server.store.get(key) is None else None
    )
    bucket.write_json(f"{KEY}.other", "{}")
    assert bucket.read_small(KEY) is None
    bucket.write_json(KEY, '{"a": 1}')
    found = bucket.read_small(KEY)
    assert found
    assert found.text == '{"a": 1}'


def test_a_denied_read_of_an_object_that_exists_is_an_error(
    server: S3Server, bucket: Bucket
) -> None:
    bucket.write_json(KEY, "{}")
    server.fault = lambda method, key: "AccessDenied" if (method, key) == ("GET", KEY) else None
    with pytest.raises(StorageError, match="AccessDenied"):
        bucket.read_small(KEY)
