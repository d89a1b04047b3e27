"""``make cost``: count the calls and bytes of a week of hourly runs, for tools/cost.

The exporter is the real one, over a simulated Kaltura and an S3 in memory. Everything but the
seconds is the same on every machine.
"""

import io
import json
import time
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from aws_lambda_powertools import Logger

from local.kaltura.campus import Size
from room_reports.api.coverage import coverage
from room_reports.api.exports import describe, describe_listed
from room_reports.api.listing import result_page
from room_reports.api.params import coverage_query, exports_query
from room_reports.api.settings import ApiSettings, read_api_settings
from room_reports.export.samples import sampled_days
from room_reports.model.windows import Granularity
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series
from room_reports.telemetry import logger, metrics
from tests.support.listing_server import listing_server
from tests.support.world import SLUGS, World
from tools.cost.measured import MEASURED
from tools.cost.profiles import PROFILES, Profile
from tools.cost.resources import default

START = datetime(2026, 10, 4, 0, 7, tzinfo=UTC)
"""A Sunday in term. The days before it are exported first, and not counted."""
DAYS_BEFORE, DAYS = 4, 7
RESULT_PAGE = 25
"""The files that the web page shows at first."""


@dataclass
class Counted:
    """What the runs did."""

    runs: int = 0
    s3: Counter[str] = field(default_factory=Counter)
    """Requests by method; ``PUT`` includes copies."""
    secret_reads: int = 0
    kaltura: Counter[str] = field(default_factory=Counter)
    """Calls by service."""
    log_bytes: int = 0
    metrics: set[str] = field(default_factory=set)
    """Each name with its dimensions, which CloudWatch charges as one metric."""
    report_calls: list[list[int]] = field(default_factory=list)
    """For each run, the report calls to each region."""
    seconds: list[float] = field(default_factory=list)
    """How long each run took here. The simulated parts' own work is in it."""


def measure(profile: Profile, days: int = DAYS) -> dict[str, Any]:
    """Return what ``days`` days of hourly runs do, in a deployment with the template's defaults."""
    size = Size(
        rooms=profile.rooms, attendees=profile.attendees, weekly_sessions=profile.weekly_sessions
    )
    variables = {"CATCH_UP_DAYS": str(DAYS_BEFORE), "SAMPLE_DAYS": str(default("SampleDays"))}
    with World(now=START, regions=profile.regions, size=size, variables=variables) as world:
        _export_samples(world, days)
        _count(world, Counted())
        stored_before = _stored(world)
        records_before = len(world.s3.store.keys("runs/"))
        counted = Counted()
        for _ in range(24 * days):
            world.now += timedelta(hours=1)
            _count(world, counted)
        stored = _stored(world)
        records = world.s3.store.keys("runs/")[records_before:]
        record_bytes = sum(len(world.item(key).body) for key in records)
        versions = sum(
            len(item.body)
            for key in world.export_keys()
            for item in world.s3.store.versions(key)[:-1]
        )
    grown = {slug: (stored[slug] - stored_before[slug]) / days for slug in stored}
    return {
        "profile": asdict(profile),
        "days": days,
        "runs": counted.runs,
        "s3": dict(sorted(counted.s3.items())),
        "secret_reads": counted.secret_reads,
        "kaltura": dict(sorted(counted.kaltura.items())),
        "log_bytes": counted.log_bytes,
        "metrics": len(counted.metrics),
        "stored_bytes_a_day": {slug: round(size) for slug, size in grown.items()},
        "run_record_bytes_a_day": round(record_bytes / days),
        "report_files_a_day": len(SLUGS) * len(profile.regions),
        "former_version_bytes_a_day": round(versions / days),
        # Of the last day: the report calls to each region, run by run.
        "report_calls": [" ".join(map(str, calls)) for calls in counted.report_calls[-24:]],
        "api": _api(profile),
        "seconds": {
            "longest": round(max(counted.seconds), 2),
            "all": round(sum(counted.seconds), 2),
        },
    }


def _export_samples(world: World, days: int) -> None:
    """Export the older days that the runs will take samples of, as if the stack were a year old."""
    world.now = START - timedelta(days=1)
    settle = timedelta(hours=float(default("SettleHours")))
    oldest_due = START.date() - timedelta(days=DAYS_BEFORE)
    for region, slug in product(world.regions, SLUGS):
        series = Series(slug, region, Granularity.DAY)
        dates = [START.date() + timedelta(days=n) for n in range(days + 1)]
        sampled = {
            day
            for on in dates
            for day in sampled_days(series, on, int(default("SampleDays")), settle)
        }
        for day in sorted(day for day in sampled if day < oldest_due):
            ends = {"from": day.isoformat(), "to": (day + timedelta(days=1)).isoformat()}
            world.run({**ends, "regions": [region], "reports": [slug]})
    world.now = START


def _stored(world: World) -> dict[str, int]:
    return {
        slug: sum(len(world.item(key).body) for key in world.s3.store.keys(f"{slug}/"))
        for slug in SLUGS
    }


def _count(world: World, counted: Counted) -> None:
    """Run the exporter once, and add what it did."""
    world.s3.requests.clear()
    for server in world.regions.values():
        server.calls.clear()
    said, emitted = io.StringIO(), io.StringIO()
    _write_to(logger, said)
    begun = time.perf_counter()
    with redirect_stdout(emitted):
        world.run_scheduled()
    counted.seconds.append(time.perf_counter() - begun)
    # The handler emits the metrics of the run as a whole.
    documents = [metrics.serialize_metric_set(), *map(json.loads, emitted.getvalue().splitlines())]
    metrics.clear_metrics()
    counted.runs += 1
    counted.s3.update(method for method, _ in world.s3.requests)
    counted.secret_reads += 1
    per_region = []
    for server in world.regions.values():
        calls = server.calls.all()
        counted.kaltura.update(call.service for call in calls)
        per_region.append(len(server.calls.reports()))
    counted.report_calls.append(per_region)
    texts = [json.dumps(document) for document in documents]
    counted.log_bytes += len(said.getvalue().encode()) + sum(len(text) + 1 for text in texts)
    for document in documents:
        counted.metrics |= _metrics_in(document)


def _write_to(target: Logger, stream: io.StringIO) -> None:
    for handler in target.handlers:
        handler.stream = stream  # type: ignore[attr-defined]


def _metrics_in(document: Any) -> set[str]:
    """Return the metrics of a document in CloudWatch's embedded metric format."""
    return {
        json.dumps([metric["Name"], {name: document[name] for name in names}])
        for directive in document["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
        for names in directive["Dimensions"]
    }


def _api(profile: Profile) -> dict[str, dict[str, int]]:
    """Return the requests that opening the page, and a download, make to the API and to S3."""
    settings = read_api_settings(
        {
            "BUCKET_NAME": "bucket",
            "KALTURA_REGIONS": ",".join(f"{name}=https://k.example" for name in profile.regions),
            "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner",
            "START_DATE": "2026-01-01",
        }
    )
    pairs = [(slug, region) for slug in settings.slugs for region in settings.regions]
    calendar = settings.calendar(Granularity.DAY)
    windows = [calendar.containing(START - timedelta(days=age)) for age in range(200)]
    keys = [
        Series(slug, region, Granularity.DAY).key(window, gzip=False)
        for slug, region in pairs
        for window in windows
    ]
    with listing_server(keys) as server:
        server.write_index()
        bucket = Bucket(server.client, "bucket")
        for slug, region in pairs:
            asked = {"report": [slug], "region": [region]}
            query = coverage_query(asked, settings, START)
            coverage(bucket, query, settings.exporter.settle, START)
        _list(bucket, settings)
        page = Counter(server.requests)
        server.requests.clear()
        series, window = Series(*pairs[0], Granularity.DAY), windows[5]
        list(bucket.exports(series, window.dt, window.dt))
        describe(bucket, settings.exporter, series.key(window, gzip=False), window)
        download = Counter(server.requests)
    # The page itself, a calendar for each series, and the list of files.
    return {
        "page": {"requests": 2 + len(pairs), **page},
        # S3 serves the file itself with one GET.
        "download": {"requests": 1, **download, "GET": 1},
    }


def _list(bucket: Bucket, settings: ApiSettings) -> None:
    query = exports_query({"granularity": ["day"], "limit": [str(RESULT_PAGE)]}, settings, START)
    found = result_page(bucket, query, settings).exports
    describe_listed(bucket, bucket, settings.exporter, found)


def main() -> None:
    """Measure each profile, and write tools/cost/measured.json."""
    results = {profile.name: measure(profile) for profile in PROFILES}
    MEASURED.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for name, result in results.items():
        print(f"{name}: {result['runs']} runs, {result['s3']}, {result['kaltura']}")


if __name__ == "__main__":
    main()
