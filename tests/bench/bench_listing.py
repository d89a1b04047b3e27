"""Requests to S3 and time for one result page of the listing, by the size of the bucket."""

import time
from datetime import UTC, datetime, timedelta

from room_reports.api.exports import describe_listed
from room_reports.api.listing import result_page
from room_reports.api.params import exports_query
from room_reports.api.settings import ApiSettings, read_api_settings
from room_reports.model.windows import Granularity
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series
from tests.bench.figures import QUICK
from tests.bench.section import Section
from tests.support.listing_server import ListingServer, listing_server

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SIZES = (1_000, 10_000, 100_000, 1_000_000)
LIMIT = 200
TITLE = "Listing: one result page of 200 exports"
_NOTES = "From an S3 server in memory that counts the requests; three reports in three regions."
COLUMNS = ("objects", "query", "LIST requests", "HEAD requests", "GET requests", "ms")
_REGIONS = ",".join(f"r{number}=https://k{number}.example" for number in range(3))
_QUERIES: dict[str, dict[str, list[str]]] = {
    "everything": {},
    "one report, hours": {"report": ["attendees"], "granularity": ["hour"]},
    "one report, days": {"report": ["attendees"], "granularity": ["day"]},
}


def measure() -> Section:
    """Measure three queries on buckets of each size."""
    api_settings = settings()
    rows: list[tuple[str, ...]] = []
    for size in SIZES[:2] if QUICK else SIZES:
        with listing_server(keys(api_settings, size)) as server:
            server.write_index()
            for name, query in _QUERIES.items():
                rows.append((f"{len(server.keys):,}", name, *_measure(server, api_settings, query)))
    return Section(COLUMNS, rows, _NOTES)


def settings() -> ApiSettings:
    """Return settings with three reports in three regions."""
    return read_api_settings(
        {
            "BUCKET_NAME": "bucket",
            "KALTURA_REGIONS": _REGIONS,
            "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner",
        }
    )


def _measure(
    server: ListingServer, settings: ApiSettings, query: dict[str, list[str]]
) -> tuple[str, ...]:
    server.requests.clear()
    begun = time.perf_counter()
    bucket = Bucket(server.client, settings.exporter.bucket)
    parsed = exports_query({**query, "limit": [str(LIMIT)]}, settings, NOW)
    found = result_page(bucket, parsed, settings).exports
    describe_listed(bucket, bucket, settings.exporter, found)
    spent = time.perf_counter() - begun
    counts = (str(server.requests.count(method)) for method in ("LIST", "HEAD", "GET"))
    return *counts, f"{spent * 1000:.0f}"


def keys(settings: ApiSettings, size: int) -> list[str]:
    """Return about ``size`` keys: equally many days, with 24 hours each, back from ``NOW``."""
    pairs = [(slug, region) for slug in settings.slugs for region in settings.regions]
    days = max(1, size // (25 * len(pairs)))
    made: list[str] = []
    for granularity, count in ((Granularity.DAY, days), (Granularity.HOUR, 24 * days)):
        step = timedelta(days=1) if granularity is Granularity.DAY else timedelta(hours=1)
        calendar = settings.calendar(granularity)
        for number in range(count):
            window = calendar.containing(NOW - number * step)
            made += [
                Series(slug, region, granularity).key(window, gzip=False) for slug, region in pairs
            ]
    return made
