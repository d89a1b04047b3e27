"""A bucket with exports of some days, and requests to the downloads for them."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from room_reports.export.region_index import facts_of
from room_reports.model.day_files import DayFile, format_rows, month_of
from room_reports.model.windows import Calendar, Granularity, Window
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series, day_index_key
from tests.bench.bodies import REPORTS
from tests.bench.servers import BUCKET, s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

REGION = "us"
_BODY = b"entry_id\n"
_THREADS = 8


def settings() -> dict[str, str]:
    """Return the variables of the downloads function."""
    return {
        "BUCKET_NAME": BUCKET,
        "KALTURA_REGIONS": f"{REGION}=https://www.kaltura.com",
        "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner",
        "GRANULARITIES": "day,hour",
        "POWERTOOLS_LOG_LEVEL": "ERROR",
    }


def newest_day() -> str:
    """Return the last day that has exports."""
    return f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"


def oldest_day(days: int) -> str:
    """Return the first of so many days."""
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}"


def fill(s3: str, days: int) -> list[str]:
    """Put exports of each report for some days up to yesterday, and of each hour of one report."""
    client = s3_client(s3)
    now = datetime.now(UTC)
    wanted: list[tuple[Series, Window]] = []
    for back in range(1, days + 1):
        day = (now - timedelta(days=back)).replace(hour=0, minute=0, second=0, microsecond=0)
        window = Calendar(Granularity.DAY, ZoneInfo("UTC")).containing(day)
        wanted += [(Series(report.slug, REGION, Granularity.DAY), window) for report in REPORTS]
        hours = Calendar(Granularity.HOUR, ZoneInfo("UTC"))
        series = Series(REPORTS[1].slug, REGION, Granularity.HOUR)
        wanted += [(series, hours.containing(day + timedelta(hours=hour))) for hour in range(24)]

    def put(item: tuple[Series, Window]) -> str:
        key = item[0].key(item[1], gzip=False)
        client.put_object(Bucket=BUCKET, Key=key, Body=_BODY, Metadata=_metadata(item[1]))
        return key

    with ThreadPoolExecutor(_THREADS) as pool:
        keys = list(pool.map(put, wanted))
    _index(client, [item for item in wanted if item[0].granularity is Granularity.DAY])
    return keys


def _index(client: "S3Client", wanted: list[tuple[Series, Window]]) -> None:
    """Write the index of the day files, one object for each month."""
    bucket, months = Bucket(client, BUCKET), dict[str, dict[tuple[str, str], DayFile]]()
    for series, window in wanted:
        head = bucket.head(series.key(window, gzip=False))
        if head is None:
            raise RuntimeError(f"{series} has no file of {window}")
        row = facts_of((window.label, series.slug), head).row
        months.setdefault(month_of(window.label), {})[row.key] = row
    for month, rows in months.items():
        body = format_rows(rows)
        client.put_object(Bucket=BUCKET, Key=day_index_key(REGION, month), Body=body)


def link_path(slug: str, day: str, suffix: str = "") -> str:
    """Return the path of one day's export."""
    return f"/exports/{slug}/{REGION}/day/{day}{suffix}"


def request(path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the event that API Gateway sends for a GET."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": "GET",
        "headers": {},
        "multiValueHeaders": {},
        "queryStringParameters": dict(query or {}) or None,
        "multiValueQueryStringParameters": {k: [v] for k, v in (query or {}).items()} or None,
        "requestContext": {
            "stage": "v1",
            "requestId": "00000000-0000-4000-8000-000000000000",
            "identity": {"sourceIp": "127.0.0.1", "apiKeyId": "bench"},
        },
        "body": None,
        "isBase64Encoded": False,
    }


def _metadata(window: Window) -> dict[str, str]:
    return {
        "rows": "300",
        "sessions": "40",
        "users": "250",
        "minutes": "9000",
        "sha256": "0" * 64,
        "window-start": f"{window.start:%Y-%m-%dT%H:%M:%SZ}",
        "window-end": f"{window.end:%Y-%m-%dT%H:%M:%SZ}",
        "exported-at": f"{window.end:%Y-%m-%dT%H:%M:%SZ}",
        "state": "settled",
        "run-id": "bench",
        "schema": "0" * 16,
    }
