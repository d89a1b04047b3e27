"""What the downloads do before the first request."""

from datetime import UTC, datetime, timedelta

import pytest

from room_reports.api.errors import PresignError
from room_reports.api.presign import Presigner
from room_reports.api.readers import ReaderKeys
from room_reports.api.service import DownloadsService
from room_reports.api.settings import read_api_settings
from room_reports.aws.clients import StsCredentials
from room_reports.storage.bucket import Bucket
from tests.support.listing_server import listing_server

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SETTINGS = read_api_settings(
    {"BUCKET_NAME": "bucket", "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner"}
)


@pytest.mark.parametrize("refused", [False, True])
def test_the_role_is_assumed_and_s3_reached_before_the_first_request(
    monkeypatch: pytest.MonkeyPatch, *, refused: bool
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assumed: list[bool] = []

    def assume() -> StsCredentials:
        assumed.append(refused)
        if refused:
            raise PresignError("no")
        return StsCredentials("key", "secret", None, NOW + timedelta(hours=1))

    with listing_server([]) as server:
        presigner = Presigner(assume, timedelta(minutes=15), lambda: NOW)
        bucket = Bucket(server.client, "bucket")
        readers = ReaderKeys(bucket, lambda: NOW)
        DownloadsService(
            SETTINGS, bucket, presigner, readers, lambda: NOW, "https://bucket.example/"
        ).prepare()
        assert server.requests == ["LIST"]
        assert assumed == [refused]
        if refused:
            with pytest.raises(PresignError):
                presigner.client()
        else:
            presigner.client()
        assert len(assumed) == (2 if refused else 1)
