"""Warm latency of each route: the handler in this process, against SeaweedFS."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from botocore.config import Config

from local.stack.deployment import BUILD, build
from room_reports.model.reports import ATTENDEES
from tests.bench import api_bucket
from tests.bench.api_bucket import link_path, newest_day, oldest_day, request
from tests.bench.bodies import write_bodies
from tests.bench.figures import QUICK, Sample, alternate, sample
from tests.bench.section import Section
from tests.bench.servers import BUCKET, credentials, endpoints, s3_client, s3_server
from tests.support.handlers import Context, load_app

TITLE = "Warm latency of each route"
COLUMNS = ("route", "ms", "LIST + HEAD + signing = 1")
DAYS = 60 if QUICK else 400
_ROUNDS = 5 if QUICK else 30
_BASE = "LIST + HEAD + signing alone"
_NOTES = (
    f"The bucket has exports of {DAYS} days: of each report for each day, with their index, and of "
    "one report for each hour. Each call has a warm handler and warm connections. The last row is "
    "what a link cannot do without, with boto3 and nothing else."
)
_S3 = Config(signature_version="s3v4", s3={"addressing_style": "path"})


def measure() -> Section:
    """Call each route in turn, many times."""
    with downloads() as (handler, s3):
        calls: dict[str, Callable[[], float]] = {
            name: partial(_call, handler, event) for name, event in routes().items()
        }
        calls[_BASE] = _bare(s3)
        for call in calls.values():
            call()
        found = {name: sample(values) for name, values in alternate(calls, _ROUNDS).items()}
    base = found[_BASE].median
    rows = [(name, _ms(each), f"{each.median / base:.1f}") for name, each in found.items()]
    figures = {
        "api.link": found[LINK].median / base,
        "api.old_link": found[OLD_LINK].median / base,
        "api.limit1": found[LIMIT_1].median * 1000,
        "api.limit200": found[LIMIT_200].median * 1000,
        "api.limit200_days": found[LIMIT_200_DAYS].median * 1000,
        "api.coverage_year": found[YEAR].median * 1000,
    }
    return Section(COLUMNS, rows, _NOTES, figures)


LINK, OLD_LINK = "one link", f"one link, {DAYS} days old"
LIMIT_1, LIMIT_200 = "/exports?limit=1", "/exports?limit=200"
LIMIT_200_DAYS = "/exports?limit=200, days"
YEAR = "/coverage, a year" if DAYS >= 365 else f"/coverage, {DAYS} days"


def routes() -> Mapping[str, dict[str, Any]]:
    """Return an event for each route, by its name in the table."""
    slug, new, old = ATTENDEES.slug, newest_day(), oldest_day(DAYS)
    series = {"report": slug, "region": api_bucket.REGION, "granularity": "day"}
    return {
        "the web page": request("/"),
        "/openapi.json": request("/openapi.json"),
        LIMIT_1: request("/exports", {"limit": "1"}),
        "/exports?limit=50, one series": request("/exports", {**series, "limit": "50"}),
        LIMIT_200: request("/exports", {"limit": "200"}),
        LIMIT_200_DAYS: request("/exports", {"limit": "200", "granularity": "day"}),
        LINK: request(link_path(slug, new)),
        OLD_LINK: request(link_path(slug, old)),
        "redirect (.csv)": request(link_path(slug, new, ".csv")),
        "redirect, latest.csv": request(link_path(slug, "latest.csv")),
        "/coverage, a month": request(
            "/coverage", {**series, "from": oldest_day(30), "to": newest_day()}
        ),
        YEAR: request("/coverage", {**series, "from": oldest_day(min(DAYS, 365))}),
    }


@contextmanager
def downloads() -> Iterator[tuple[Callable[..., Any], str]]:
    """Yield the handler of the downloads over a filled bucket, and the S3 server's endpoint."""
    build()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        scratch = Path(name)
        write_bodies(scratch / "bodies", 1000, 0.0)
        with s3_server(scratch / "s3") as s3, endpoints(scratch / "bodies") as aws:
            api_bucket.fill(s3, DAYS)
            os.environ |= environment(s3, aws)
            yield load_app("downloads", built_downloads()).handler, s3


def built_downloads() -> Path:
    """Return the folder of the function as built, which has the web page."""
    return BUILD / "build/Downloads"


def environment(s3: str, aws: str) -> dict[str, str]:
    """Return the environment of the downloads function."""
    return {**credentials(s3), "AWS_ENDPOINT_URL_STS": aws, **api_bucket.settings()}


def _call(handler: Callable[..., Any], event: dict[str, Any]) -> float:
    begun = time.perf_counter()
    response = handler(event, Context("downloads"))
    seconds = time.perf_counter() - begun
    if response["statusCode"] not in {200, 302}:
        raise RuntimeError(f"{event['path']}: {response}")
    return seconds


def _bare(s3: str) -> Callable[[], float]:
    client = s3_client(s3, _S3)
    day = newest_day()
    prefix = f"{ATTENDEES.slug}/granularity=day/region={api_bucket.REGION}/dt={day}/"

    def call() -> float:
        begun = time.perf_counter()
        (found,) = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
        client.head_object(Bucket=BUCKET, Key=found["Key"])
        client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": found["Key"]})
        return time.perf_counter() - begun

    return call


def _ms(seconds: Sample) -> str:
    return seconds.text(1000, 1)
