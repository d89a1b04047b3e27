"""The exporter and everything around it on this machine, on a clock that the test sets.

A world has one simulated Kaltura per region, a bucket in memory, and the exporter's settings and
secret::

    with World(regions=("us", "eu"), variables={"CATCH_UP_DAYS": "5"}) as world:
        world.regions["us"].faults.push(Fault("http_status", status=503))
        result = world.run_scheduled()
        assert all(world.rows(key) == world.expected_rows(key) for key in result["exported"])
        world.now += timedelta(hours=1)

Nothing moves ``now`` but the test. A subclass can override ``exporter_time``, ``kaltura_time`` and
``s3_time`` to be called whenever the exporter, a region or the bucket reads its clock.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self

import pytest

from local.kaltura.account import Account
from local.kaltura.campus import Size
from local.kaltura.ks import ADMIN, generate
from local.kaltura.published import published_rows
from local.kaltura.report_action import ReportSettings
from local.kaltura.server import KalturaServer
from local.kaltura.university import University
from room_reports.deadline import Deadline
from room_reports.export.errors import RunFailedError
from room_reports.export.notifications import Send
from room_reports.export.service import ExporterService
from room_reports.model.reports import REPORTS
from room_reports.runtime import Runtime
from tests.support.csv_files import strict_rows
from tests.support.exporter import new_exporter
from tests.support.privacy import everything, protected
from tests.support.runtimes import ImpatientRuntime
from tests.support.s3.server import S3Server
from tests.support.s3.store import Item
from tests.support.secrecy import keep_secret, secrets_of
from tests.support.suppression import (
    SUPPRESSION_KEY,
    Erased,
    erased,
    list_text,
    with_suppression_key,
)

NOW = datetime(2026, 9, 20, 0, 7, tzinfo=UTC)
"""A Sunday, some minutes after midnight."""
SLUGS = ("room_data", "attendees", "breakout_sessions")
Result = dict[str, Any]
"""The result of a run, or its run record, as JSON holds it."""
SecretForm = Literal["ks", "app_token", "admin_secret"]
SECRET_FORMS: tuple[SecretForm, ...] = ("ks", "app_token", "admin_secret")


@dataclass(frozen=True)
class ClockSkew:
    """How far the clocks of the parts differ from the world's ``now``."""

    exporter: timedelta = timedelta()
    kaltura: timedelta = timedelta()
    s3: timedelta = timedelta()


class World:
    """Kaltura's regions, a bucket and an exporter; use as a context manager.

    Args:
        now: the time at which the world starts.
        regions: the names of the regions.
        seed: decides the generated universities and their credentials.
        size: how large the universities are.
        settings: how the simulated Kaltura renders its reports.
        secret_forms: the form of each region's entry in the secret; an admin secret by default.
        variables: environment variables of the exporter; by default, the last day is exported, and
            no sample is taken.
        skew: how far the clocks of the parts differ from ``now``.
        runtime: the exporter's time and threads; by default real threads that never wait.
        send: what sends the notifications of a run; by default none are sent.
        s3_attempts: how often the exporter's S3 client sends a request before it gives up.
    """

    def __init__(
        self,
        *,
        now: datetime = NOW,
        regions: Sequence[str] = ("us",),
        seed: int = 7,
        size: Size | None = None,
        settings: ReportSettings | None = None,
        secret_forms: Mapping[str, SecretForm] | None = None,
        variables: Mapping[str, str] | None = None,
        skew: ClockSkew | None = None,
        s3_attempts: int = 5,
        runtime: Runtime | None = None,
        send: Send | None = None,
    ) -> None:
        self.now = now
        """The current time; a test can move it forwards and backwards."""
        self.skew = skew or ClockSkew()
        self.waits: list[float] = []
        """Seconds that the exporter would have waited before other attempts, in order."""
        self.s3 = S3Server(lambda: self.s3_time().timestamp())
        self.regions = {
            name: KalturaServer(
                University(seed, name, size),
                account=Account.generated(seed, name),
                clock=lambda: self.kaltura_time().timestamp(),
                settings=settings,
            )
            for name in regions
        }
        self.environment = {
            "BUCKET_NAME": "bucket",
            "SECRET_ID": "secret",
            "CATCH_UP_DAYS": "1",
            "SAMPLE_DAYS": "0",
            **(variables or {}),
        }
        """The exporter's variables; a changed one holds from the next run on."""
        forms = secret_forms or {}
        self.secret = json.dumps(
            {name: self.secret_entry(name, forms.get(name, "admin_secret")) for name in regions}
        )
        """The text of the exporter's secret; a changed one holds from the next run on."""
        self.suppressed: tuple[Erased, ...] = ()
        """The people in the suppression list."""
        self._s3_attempts = s3_attempts
        self._send = send
        if send:
            self.environment["EVENT_BUS_NAME"] = "bus"
        self.runtime: Runtime = runtime or ImpatientRuntime()
        """The exporter's threads and monotonic clock."""
        self._running = ExitStack()
        for server in self.regions.values():
            keep_secret(secrets_of(server.account))

    def __enter__(self) -> Self:
        self._running.enter_context(self.s3)
        for server in self.regions.values():
            self._running.enter_context(server)
        urls = ",".join(f"{name}={server.url}" for name, server in self.regions.items())
        self.environment.setdefault("KALTURA_REGIONS", urls)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.close()

    # Clocks

    def exporter_time(self) -> datetime:
        """Return the time on the exporter's clock."""
        return self.now + self.skew.exporter

    def kaltura_time(self) -> datetime:
        """Return the time on Kaltura's clocks; each request to a region reads it."""
        return self.now + self.skew.kaltura

    def s3_time(self) -> datetime:
        """Return the time on the bucket's clock; each write reads it."""
        return self.now + self.skew.s3

    # Credentials

    def secret_entry(self, region: str, form: SecretForm) -> dict[str, object]:
        """Return a region's entry in the secret; a Kaltura session in it is valid for a year."""
        account = self.regions[region].account
        if form == "ks":
            expires_at = int((self.now + timedelta(days=365)).timestamp())
            secret = account.admin_secrets[0]
            return {"ks": generate(account.partner_id, secret, expires_at, type=ADMIN)}
        if form == "app_token":
            token = account.app_tokens[0]
            return {
                "partner_id": account.partner_id,
                "app_token_id": token.id,
                "app_token": token.token,
            }
        return {"partner_id": account.partner_id, "admin_secret": account.admin_secrets[0]}

    def suppress(self, *people: Erased) -> None:
        """Put a suppression list into the bucket, and its key into the secret."""
        self.suppressed = people
        self.s3.store.put(SUPPRESSION_KEY, list_text(people).encode(), {}, {})
        self.secret = with_suppression_key(self.secret)

    # Runs

    def exporter(self) -> ExporterService:
        """Return an exporter as a new Lambda environment has it: without any Kaltura session."""
        return new_exporter(
            self.environment,
            lambda: self.secret,
            self.s3.url,
            self.exporter_time,
            self.waits.append,
            s3_attempts=self._s3_attempts,
            runtime=self.runtime,
            send=self._send,
        )

    def deadline(self, seconds: float = 800) -> Deadline:
        """Return a deadline on the exporter's monotonic clock."""
        return Deadline.after(seconds, self.runtime.monotonic)

    def run(
        self,
        event: Mapping[str, object],
        deadline: Deadline | None = None,
        request_id: str = "0123456789",
    ) -> Result:
        """Run a new exporter once; raises what the run raises."""
        return self.exporter().invoke(event, request_id, deadline or self.deadline())

    def run_scheduled(self, deadline: Deadline | None = None) -> Result:
        """Run a new exporter with the event of the schedule; raises what the run raises."""
        return self.run(self.scheduled_event(), deadline)

    def run_and_fail(self, event: Mapping[str, object] | None = None) -> Result:
        """Run a new exporter, expect a task to fail, and return the result in the error."""
        with pytest.raises(RunFailedError) as caught:
            self.run(event or self.scheduled_event())
        result: Result = json.loads(str(caught.value))
        return result

    def scheduled_event(self) -> dict[str, object]:
        """Return the event that EventBridge would send at the exporter's time."""
        return {
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "time": f"{self.exporter_time():%Y-%m-%dT%H:%M:%SZ}",
            "detail": {},
        }

    # Results

    def item(self, key: str) -> Item:
        """Return the object with this key, which must exist."""
        found = self.s3.store.get(key)
        assert found is not None, key
        return found

    def export_keys(self) -> list[str]:
        """Return the keys of all exports in the bucket."""
        return [key for slug in SLUGS for key in self.s3.store.keys(f"{slug}/")]

    def written_keys(self) -> list[str]:
        """Return the key of each write of an export, in order."""
        return [key for method, key in self.s3.requests if method == "PUT" and "granularity" in key]

    def rows(self, key: str) -> list[list[str]]:
        """Return the rows of an export, header first."""
        return strict_rows(self.item(key).body, compressed=key.endswith(".gz"))

    def expected_rows(self, key: str, *, final: bool = False) -> list[list[str]]:
        """Return the rows that an export must have for the window in its metadata, header first.

        They are the rows that Kaltura knew when the export was made, or with ``final`` all rows
        of the window. People in the suppression list are not among them. The others have
        pseudonyms with the key of the tests where the settings ask for them. A session that is
        still running at that time has no end time.
        """
        slug, _, region = key.split("/")[:3]
        report = next(report for report in REPORTS if report.slug == slug)
        metadata = self.item(key).metadata
        start, end, exported_at = (
            int(datetime.fromisoformat(metadata[name]).timestamp())
            for name in ("window-start", "window-end", "exported-at")
        )
        truth = self.regions[region.removeprefix("region=")].truth
        as_of = None if final else exported_at
        rows = published_rows(report, truth.rows(report.id, start, end, as_of=as_of))
        tokens = [person.token for person in self.suppressed]
        setting = self.environment.get("PRIVACY_COLUMNS", "")
        return protected(erased(rows, self.suppressed), setting, slug, tokens=tokens)

    def stored(self) -> list[bytes]:
        """Return all keys, bytes and metadata of all versions of all objects."""
        store = self.s3.store
        return everything(
            {
                key: [(item.body, item.metadata) for item in store.versions(key)]
                for key in store.keys("")
            }
        )

    def latest_run_record(self) -> Result:
        """Return the record of the latest run."""
        return self.run_record(self.s3.store.keys("runs/")[-1])

    def run_record(self, key: str) -> Result:
        """Return the run record with this key."""
        record: Result = json.loads(self.item(key).body)
        return record


def export_key(slug: str, region: str, label: str, suffix: str = "") -> str:
    """Return an export's key, as the contract has it; ``label`` is 2026-11-22 or 2026-11-22T13Z."""
    granularity = "hour" if "T" in label else "day"
    name = f"{slug}_{region}_{label}.csv{suffix}"
    return f"{slug}/granularity={granularity}/region={region}/dt={label[:10]}/{name}"
