"""What a result page of the listing costs, in requests to S3 and in time, as the bucket grows."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from room_reports.api.exports import describe
from room_reports.api.listing import result_page
from room_reports.api.params import exports_query
from room_reports.api.settings import ApiSettings, read_api_settings
from room_reports.model.windows import Granularity
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series
from tests.support.listing_server import ListingServer, listing_server

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SIZES = (1_000, 10_000, 100_000, 1_000_000)
LIMIT = 200
TITLE = "Listing: one result_page of 200 exports, from an S3 in memory"
COLUMNS = ("objects", "query", "LIST requests", "HEAD requests", "ms")
_REGIONS = ",".join(f"r{number}=https://k{number}.example" for number in range(3))
_QUERIES: dict[str, dict[str, list[str]]] = {
    "everything": {},
    "one report, hours": {"report": ["attendees"], "granularity": ["hour"]},
    "one report, days": {"report": ["attendees"], "granularity": ["day"]},
}


def rows(sizes: tuple[int, ...] = SIZES) -> Iterator[tuple[str, ...]]:
    """The table, a row at a time; buckets of three reports in three regions, by day and hour."""
    settings = read_api_settings(
        {
            "BUCKET_NAME": "bucket",
            "KALTURA_REGIONS": _REGIONS,
            "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner",
        }
    )
    for size in sizes:
        with listing_server(_keys(settings, size)) as server:
            for name, query in _QUERIES.items():
                yield f"{len(server.keys):,}", name, *_measure(server, settings, query)


def _measure(
    server: ListingServer, settings: ApiSettings, query: dict[str, list[str]]
) -> tuple[str, str, str]:
    server.requests.clear()
    begun = time.perf_counter()
    bucket = Bucket(server.client, settings.exporter.bucket)
    asked = exports_query({**query, "limit": [str(LIMIT)]}, settings, NOW)
    found = result_page(bucket, asked, settings).exports
    wanted = [(each.stored.key, each.position.window) for each in found]
    describe(bucket, settings.exporter.settle, wanted)
    spent = time.perf_counter() - begun
    lists, heads = server.requests.count("LIST"), server.requests.count("HEAD")
    return str(lists), str(heads), f"{spent * 1000:.0f}"


def _keys(settings: ApiSettings, size: int) -> list[str]:
    """So many keys: as far back in time as it takes, days as far as there are."""
    pairs = [(slug, region) for slug in settings.slugs for region in settings.regions]
    days = max(1, size // (25 * len(pairs)))
    keys: list[str] = []
    for granularity, count in ((Granularity.DAY, days), (Granularity.HOUR, 24 * days)):
        step = timedelta(days=1) if granularity is Granularity.DAY else timedelta(hours=1)
        calendar = settings.calendar(granularity)
        for number in range(count):
            window = calendar.containing(NOW - number * step)
            keys += [
                Series(slug, region, granularity).key(window, gzip=False) for slug, region in pairs
            ]
    return keys
