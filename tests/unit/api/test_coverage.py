"""Coverage: a window is missing only where it is to be exported."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from room_reports.api.errors import ExportNotFoundError
from room_reports.api.presign import Presigner
from room_reports.api.readers import ReaderKeys
from room_reports.api.request import Request
from room_reports.api.service import DownloadsService
from room_reports.api.settings import read_api_settings
from room_reports.aws.clients import StsCredentials
from room_reports.storage.bucket import Bucket
from tests.support.listing_server import listing_server

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
SETTINGS = read_api_settings(
    {
        "BUCKET_NAME": "bucket",
        "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner",
        "REPORT_IDS": "us=6001;eu=6000,6001",
    }
)
ASKED = {"report": ["room_data"], "from": ["2026-11-20"], "to": ["2026-11-23"]}
KEPT = "room_data/granularity=day/region=us/dt=2026-11-21/room_data_us_2026-11-21.csv"


def refuse() -> StsCredentials:
    raise AssertionError("coverage signs nothing")


@pytest.mark.parametrize(
    ("region", "states"),
    [("eu", ["missing"] * 3), ("us", ["settling"])],
)
def test_a_report_that_a_region_does_not_have_is_not_missing_there(
    region: str, states: list[str]
) -> None:
    with listing_server([KEPT]) as server:
        presigner = Presigner(refuse, timedelta(minutes=15), lambda: NOW)
        bucket = Bucket(server.client, "bucket")
        readers = ReaderKeys(bucket, lambda: NOW)
        service = DownloadsService(
            SETTINGS, bucket, presigner, readers, lambda: NOW, "https://links/"
        )
        request = Request("GET", {**ASKED, "region": [region]}, "", "127.0.0.1")
        windows = json.loads(service.coverage(request).body)["windows"]
    assert [window["state"] for window in windows] == states


def test_what_has_expired_is_not_missing_and_not_offered() -> None:
    settings = read_api_settings(
        {
            "BUCKET_NAME": "bucket",
            "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner",
            "REPORT_IDS": "6000",
            "SETTLE_HOURS": "24",
            "REPORT_RETENTION_DAYS": "3",
        }
    )
    old = "room_data/granularity=day/region=us/dt=2026-11-18/room_data_us_2026-11-18.csv"
    with listing_server([old, KEPT]) as server:
        presigner = Presigner(refuse, timedelta(minutes=15), lambda: NOW)
        bucket = Bucket(server.client, "bucket")
        readers = ReaderKeys(bucket, lambda: NOW)
        service = DownloadsService(
            settings, bucket, presigner, readers, lambda: NOW, "https://links/"
        )
        asked = {"report": ["room_data"], "region": ["us"], "from": ["2026-11-18"]}
        request = Request("GET", asked, "", "127.0.0.1")
        windows = json.loads(service.coverage(request).body)["windows"]
        assert [window["state"] for window in windows] == [
            *("expired", "expired", "expired", "settled", "missing", "missing")
        ]
        assert {window["size"] for window in windows[:3]} == {None}
        with pytest.raises(ExportNotFoundError, match="are kept for 3 days") as caught:
            service.export(
                "room_data", "us", "day", "2026-11-18.csv", Request("GET", {}, "", "127.0.0.1")
            )
        assert caught.value.code == "expired"
