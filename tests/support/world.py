"""An exporter and everything around it on this machine, with a clock that the test sets."""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from local.kaltura.account import Account
from local.kaltura.campus import Size
from local.kaltura.published import published_rows
from local.kaltura.report_action import ReportSettings
from local.kaltura.server import KalturaServer
from local.kaltura.university import University
from room_reports.deadline import Deadline
from room_reports.export.errors import RunFailedError
from room_reports.export.service import Dependencies, ExporterService
from room_reports.kaltura.client import RetryPolicy
from room_reports.kaltura.transport import HttpPolicy
from room_reports.model.reports import REPORTS
from room_reports.storage.bucket import Bucket
from tests.support.s3.server import S3Server
from tests.support.s3.store import Item
from tests.support.secrecy import keep_secret, secrets_of

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

NOW = datetime(2026, 9, 20, 0, 7, tzinfo=UTC)
"""A Sunday, some minutes after midnight."""
SLUGS = ("room_data", "attendees", "breakout_sessions")
Answer = dict[str, Any]


@dataclass
class World:
    """Regions of Kaltura, a bucket, and an exporter's settings and secret."""

    now: datetime
    s3: S3Server
    kaltura: Mapping[str, KalturaServer]
    environment: dict[str, str]
    secret: str = field(repr=False)
    waits: list[float] = field(default_factory=list)
    """Seconds that the exporter would have waited between its tries."""

    def service(self) -> ExporterService:
        """An exporter, as a fresh Lambda environment has it."""
        return ExporterService(
            Dependencies(
                environment=self.environment,
                secret=lambda _: self.secret,
                bucket=lambda name: Bucket(_client(self.s3.url), name),
                clock=lambda: self.now,
                retry=RetryPolicy(sleep=self.waits.append),
                http=HttpPolicy(backoff=0.001, retry_after_max=0),
            )
        )

    def run(
        self,
        event: Mapping[str, object],
        deadline: Deadline | None = None,
        request_id: str = "0123456789",
    ) -> Answer:
        """One invocation in a fresh environment, which is to succeed."""
        return self.service().invoke(event, request_id, deadline or Deadline.after(800))

    def schedule(self, deadline: Deadline | None = None) -> Answer:
        """A scheduled run at the time of now, which is to succeed."""
        return self.run(self.scheduled(), deadline)

    def fail(self, event: Mapping[str, object] | None = None) -> Answer:
        """A run in which a task is to fail; the answer is what its error's message holds."""
        with pytest.raises(RunFailedError) as caught:
            self.run(event or self.scheduled())
        answer: Answer = json.loads(str(caught.value))
        return answer

    def scheduled(self) -> dict[str, object]:
        """The event that EventBridge would send now."""
        return {
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "time": f"{self.now:%Y-%m-%dT%H:%M:%SZ}",
            "detail": {},
        }

    def item(self, key: str) -> Item:
        """The object under a key, which must be there."""
        found = self.s3.store.get(key)
        assert found is not None, key
        return found

    def exports(self) -> list[str]:
        """The keys of all exports."""
        return [key for slug in SLUGS for key in self.s3.store.keys(f"{slug}/")]

    def record(self) -> Answer:
        """The record of the latest run."""
        return self.record_under(self.s3.store.keys("runs/")[-1])

    def record_under(self, key: str) -> Answer:
        """The record of the run with this key."""
        record: Answer = json.loads(self.item(key).body)
        return record

    def written(self) -> list[str]:
        """The keys of all exports that were written, in order, as often as they were."""
        return [key for method, key in self.s3.requests if method == "PUT" and "granularity" in key]

    def rows(self, key: str) -> list[list[str]]:
        """The rows of an export, its header first."""
        body = self.item(key).body
        text = (gzip.decompress(body) if key.endswith(".gz") else body).decode()
        return list(csv.reader(io.StringIO(text, newline=""), strict=True))

    def truth(self, key: str) -> list[list[str]]:
        """The rows, header first, that an export must have by what its metadata says.

        A session that still runs when it is asked for has no end yet.
        """
        slug, _, region = key.split("/")[:3]
        report = next(report for report in REPORTS if report.slug == slug)
        metadata = self.item(key).metadata
        start, end, asked = (
            int(datetime.fromisoformat(metadata[name]).timestamp())
            for name in ("window-start", "window-end", "exported-at")
        )
        known = self.kaltura[region.removeprefix("region=")].truth
        return published_rows(report, known.rows(report.id, start, end, as_of=asked))


def key(slug: str, region: str, label: str, suffix: str = "") -> str:
    """The key of an export, by the contract; ``label`` is like 2026-11-22 or 2026-11-22T13Z."""
    granularity = "hour" if "T" in label else "day"
    name = f"{slug}_{region}_{label}.csv{suffix}"
    return f"{slug}/granularity={granularity}/region={region}/dt={label[:10]}/{name}"


@contextmanager
def world(
    *,
    now: datetime = NOW,
    regions: Sequence[str] = ("us",),
    size: Size | None = None,
    settings: ReportSettings | None = None,
    variables: Mapping[str, str] | None = None,
    **environment: str,
) -> Iterator[World]:
    """A world of its own, with these variables added to settings that export the last day."""
    with ExitStack() as running:
        accounts = {region: Account.generated(7, region) for region in regions}
        for account in accounts.values():
            keep_secret(secrets_of(account))
        made: list[World] = []

        def clock() -> float:
            return made[0].now.timestamp() if made else now.timestamp()

        s3 = running.enter_context(S3Server(clock))
        kaltura = {
            region: running.enter_context(
                KalturaServer(University(7, region, size), clock=clock, settings=settings)
            )
            for region in regions
        }
        made.append(
            World(
                now=now,
                s3=s3,
                kaltura=kaltura,
                environment={
                    "BUCKET_NAME": "bucket",
                    "SECRET_ID": "secret",
                    "KALTURA_REGIONS": ",".join(f"{n}={s.url}" for n, s in kaltura.items()),
                    "CATCH_UP_DAYS": "1",
                    **(variables or {}),
                    **environment,
                },
                secret=json.dumps(
                    {
                        region: {
                            "partner_id": account.partner_id,
                            "admin_secret": account.admin_secrets[0],
                        }
                        for region, account in accounts.items()
                    }
                ),
            )
        )
        yield made[0]


@cache
def _client(url: str) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": 5},
            max_pool_connections=64,
        ),
    )
