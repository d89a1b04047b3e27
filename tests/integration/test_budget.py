"""What an exported file and a link cost in requests; tests/unit/test_budget.py has the rest.

When a change saves a request, lower its figure here.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from room_reports.api.presign import Link, ObjectVersion, Presigner
from room_reports.api.readers import ReaderKeys
from room_reports.api.request import Request
from room_reports.api.service import DownloadsService
from room_reports.api.settings import read_api_settings
from room_reports.storage.bucket import Bucket
from tests.support.listing_server import ListingServer, listing_server
from tests.support.world import SLUGS, World, export_key

PER_FILE = {"Kaltura": 1, "LIST": 1, "PUT": 1, "HEAD": 1}
"""Requests for each file that is exported for the first time. The HEAD is for its row in the index
of day files: only S3 knows which write was the last, and when it was."""
PER_RUN = {"Kaltura": 1, "LIST": 6 + len(SLUGS), "PUT": 5, "HEAD": 0}
"""Requests for a run beside those for its files: the Kaltura session (KS), a listing for each
series, the settings in force, what other runs do, the index of day files, what is acknowledged, the
suppression list, and the run record."""
PER_IDLE_RUN = {"LIST": 7 + len(SLUGS), "PUT": 3, "GET": 2}
"""Requests of a scheduled run with nothing to do, which reads the settings and the index and writes
neither, looks for acknowledgements and the suppression list, and counts what is in quarantine."""
PER_LINK = Counter(LIST=1, HEAD=1)
"""Requests for a link, whatever its age. Signing needs none."""
PER_COVERAGE = {"LIST": 1, "GET": 13}
"""Requests for a year of days: one listing, and the index of each month that the year touches."""
DAYS = (1, 4)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def requests_of_a_run(days: int) -> Counter[str]:
    """Return the requests of the first run of an exporter, for some days of each report."""
    with World() as world:
        first = datetime(2026, 3, 2, tzinfo=UTC)
        event = {"from": f"{first:%Y-%m-%d}", "to": f"{first + timedelta(days=days):%Y-%m-%d}"}
        exported = world.run(event)["exported"]
        assert len(exported) == days * len(SLUGS)
        counted = Counter(method for method, _ in world.s3.requests)
        counted["Kaltura"] = len(world.regions["us"].calls.all())
        return counted


def test_a_run_sends_few_requests_for_each_file() -> None:
    few, many = (requests_of_a_run(days) for days in DAYS)
    files = (DAYS[1] - DAYS[0]) * len(SLUGS)
    assert dict(many - few) == {name: files * count for name, count in PER_FILE.items()}
    files = DAYS[0] * len(SLUGS)
    assert dict(few) == {name: files * PER_FILE[name] + PER_RUN[name] for name in PER_FILE}


def test_a_run_without_work_sends_few_requests() -> None:
    with World() as world:
        world.run_scheduled()
        world.now += timedelta(hours=1)
        world.s3.requests.clear()
        world.regions["us"].calls.clear()
        assert world.run_scheduled()["exported"] == []
        counted = Counter(method for method, _ in world.s3.requests)
        del counted["HEAD"]  # for the settings in force; there is one for each file at first
        assert counted == PER_IDLE_RUN
        assert not world.regions["us"].calls.all()


@dataclass(frozen=True)
class Signer:
    """Signs no links, because signing sends no request."""

    server: ListingServer

    def client(self) -> object:
        return self.server.client

    def link(self, version: ObjectVersion, method: str, reader: str | None) -> Link:
        return Link(f"https://example.com/{method}/{version.key}?x-reader={reader}", NOW, "id")


@pytest.fixture(scope="module")
def server() -> Iterator[ListingServer]:
    """Serve a bucket with three years of exports."""
    days = [f"{NOW - timedelta(days=back):%Y-%m-%d}" for back in range(1, 1096)]
    with listing_server(export_key(slug, "us", day) for slug in SLUGS for day in days) as server:
        yield server


def downloads_of(server: ListingServer) -> DownloadsService:
    """Return the service over a server's bucket, whose requests are counted from now on."""
    environment = {
        "BUCKET_NAME": "bucket",
        "KALTURA_REGIONS": "us=https://www.kaltura.com",
        "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner",
    }
    server.requests.clear()
    return DownloadsService(
        read_api_settings(environment),
        Bucket(server.client, "bucket"),
        cast("Presigner", Signer(server)),
        ReaderKeys(Bucket(server.client, "bucket"), lambda: NOW),
        lambda: NOW,
        links_source="https://bucket.example/",
    )


@pytest.mark.parametrize("age", [1, 365, 1095])
@pytest.mark.parametrize("suffix", ["", ".csv"])
def test_a_link_costs_the_same_whatever_its_age(
    server: ListingServer, age: int, suffix: str
) -> None:
    service = downloads_of(server)
    day = f"{NOW - timedelta(days=age):%Y-%m-%d}"
    request = Request("GET", {}, "", "127.0.0.1")
    response = service.export(SLUGS[1], "us", "day", day + suffix, request)
    assert response.status == (302 if suffix else 200)
    assert Counter(server.requests) == PER_LINK


def test_a_year_of_coverage_costs_a_listing_and_the_index_of_each_month(
    server: ListingServer,
) -> None:
    query = {"report": [SLUGS[1]], "region": ["us"], "granularity": ["day"]}
    response = downloads_of(server).coverage(Request("GET", query, "", "127.0.0.1"))
    assert response.status == 200
    assert dict(Counter(server.requests)) == PER_COVERAGE
