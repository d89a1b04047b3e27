"""Publishing to SeaweedFS, another implementation of S3 that checks signatures and checksums."""

import hashlib
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from botocore.session import get_session

from room_reports.storage.bucket import Bucket, open_bucket
from room_reports.storage.errors import StorageError
from tests.support.seaweedfs import s3_client, seaweedfs
from tests.support.world import export_key

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

NAME = "reports"
KEY = export_key("attendees", "us", "2026-11-22")
CSV = b"entry_id,user_name\n1_abc,\xc5\x81ucja\n"
SHA256 = hashlib.sha256(CSV).hexdigest()


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("seaweedfs")
    with seaweedfs(folder, NAME, {"writer": ["Admin"]}, "-volume.max=4") as found:
        yield found


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "writer")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "writer-secret")
    # The session keeps the credentials that it has found when another test made a client.
    monkeypatch.setattr("room_reports.aws.clients._session", get_session)
    return open_bucket(NAME)


def test_an_export_is_hashed_only_while_it_is_written(bucket: Bucket, endpoint: str) -> None:
    sent: list[AWSPreparedRequest] = []
    bucket._client.meta.events.register(
        "before-send.s3.PutObject", lambda request, **_: sent.append(request)
    )
    bucket.publish(KEY, io.BytesIO(CSV), SHA256, {"rows": "1"}, None)
    (request,) = sent
    sent_headers = {
        name.lower(): value if isinstance(value, str) else value.decode()
        for name, value in request.headers.items()
    }
    signed = sent_headers["authorization"].partition("SignedHeaders=")[2]
    assert sent_headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert "x-amz-checksum-sha256" in signed.partition(",")[0].split(";")
    found = s3_client(endpoint, "writer").get_object(Bucket=NAME, Key=KEY)
    assert (found["Body"].read(), found["Metadata"]) == (CSV, {"rows": "1"})


def test_other_bytes_than_those_of_the_checksum_are_refused(bucket: Bucket) -> None:
    key = export_key("attendees", "us", "2026-11-23")
    with pytest.raises(StorageError):
        bucket.publish(key, io.BytesIO(CSV.replace(b"abc", b"xyz")), SHA256, {}, None)
    assert bucket.find(key) is None
