"""The downloads API: a request in, a response out, with every dependency passed in."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from room_reports.api import grammar, responses
from room_reports.api.coverage import coverage
from room_reports.api.errors import ExportNotFoundError
from room_reports.api.exports import describe, describe_listed
from room_reports.api.listing import newest, result_page
from room_reports.api.openapi import openapi
from room_reports.api.params import coverage_query, exports_query, series_of
from room_reports.api.presign import S3_CONFIG, STS_CONFIG, Presigner, assume_role, links_source
from room_reports.api.readers import ReaderKeys
from room_reports.api.request import Request
from room_reports.api.responses import HttpResponse
from room_reports.api.settings import ApiSettings, read_api_settings
from room_reports.aws.clients import aws_client
from room_reports.aws.init_phase import prepare
from room_reports.model.windows import Window, iso
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series
from room_reports.storage.objects import StoredObject, latest_by_label
from room_reports.telemetry import NAMESPACE, logger

_FILE_SUFFIX = ".csv"
_FIRST_DT, _DAY = "2000-01-01", timedelta(days=1)


@dataclass(frozen=True)
class DownloadsService:
    """Serves requests; kept from one invocation to the next."""

    settings: ApiSettings
    bucket: Bucket
    """With the function's own credentials, which may list but not read objects."""
    presigner: Presigner
    readers: ReaderKeys
    clock: Callable[[], datetime]
    links_source: str
    """What every link begins with."""

    def prepare(self) -> None:
        """Assume the presigner role and read the list of readers, before a request needs them.

        Nothing is raised: the request reports what is wrong.
        """
        prepare(self.presigner.client, self.readers.readers)

    def exports(self, request: Request) -> HttpResponse:
        """Return a result page of the listing."""
        listed = result_page(
            self.bucket, exports_query(request.query, self.settings, self.clock()), self.settings
        )
        exports = (
            describe_listed(self.bucket, self._readable(), self.settings.exporter, listed.exports)
            if listed.exports
            else []
        )
        return responses.json_response({"exports": exports, "next_cursor": listed.next_cursor})

    def export(
        self, report: str, region: str, granularity: str, start: str, request: Request
    ) -> HttpResponse:
        """Return one export with its link, or redirect to it when ``start`` ends in ``.csv``."""
        grammar.no_values(request.query)
        series = series_of(report, region, granularity, self.settings)
        window, stored = self._find(series, start.removesuffix(_FILE_SUFFIX))
        export = describe(self._readable(), self.settings.exporter, stored.key, window)
        if not export:
            raise _not_exported(series, window)
        link = self.presigner.link(
            export.version, request.method, request.api_key_id or request.user_arn
        )
        logger.info(
            "Download",
            object_key=export.version.key,
            version_id=export.version.version_id,
            link_id=link.id,
            api_key_id=request.api_key_id,
            user_arn=request.user_arn,
            source_ip=request.source_ip,
        )
        self.count_link()
        if start.endswith(_FILE_SUFFIX):
            return responses.redirect(link.url)
        return responses.link_response(
            {**export.fields, "url": link.url, "expires_at": iso(link.expires_at)}
        )

    def coverage(self, request: Request) -> HttpResponse:
        """Return the state of each window of a series."""
        now = self.clock()
        query = coverage_query(request.query, self.settings, now)
        exporter, series = self.settings.exporter, query.series
        reports = exporter.reports_by_region[series.region]
        windows = coverage(
            self.bucket,
            query,
            exporter.settle,
            now,
            configured=series.slug in {report.slug for report in reports},
            retention=exporter.retention,
        )
        return responses.json_response({"windows": windows})

    def openapi(self, request: Request) -> HttpResponse:
        """Return the API's description."""
        grammar.no_values(request.query)
        return responses.json_response(openapi(self.settings))

    @staticmethod
    def count_link() -> None:
        """Emit the metric of a link that was handed out."""
        links = EphemeralMetrics(namespace=NAMESPACE)
        links.add_metric("LinksCreated", MetricUnit.Count, 1)
        links.flush_metrics()

    def _readable(self) -> Bucket:
        """Return the bucket with the presigner's credentials, which may read objects."""
        return Bucket(self.presigner.client(), self.bucket.name)

    def _find(self, series: Series, start: str) -> tuple[Window, StoredObject]:
        calendar, now = self.settings.calendar(series.granularity), self.clock()
        if start == grammar.LATEST:
            today, last = calendar.containing(now).dt, calendar.containing(now + _DAY).dt
            latest = newest(self.bucket, series, _FIRST_DT, last, today)
            if latest is None:
                raise ExportNotFoundError(
                    "not_exported", f"Nothing of {_name(series)} has been exported yet."
                )
            window = calendar.window(latest.parsed.label)
            self._check_kept(series, window, now)
            return window, latest
        window = grammar.window("start", start, calendar)
        self._check_kept(series, window, now)
        held = latest_by_label(self.bucket.exports(series, window.dt, window.dt))
        if window.label in held:
            return window, held[window.label]
        if window.end > now:
            raise ExportNotFoundError(
                "no_such_window_yet",
                f"There is no {window} of {_name(series)} yet: it ends at {iso(window.end)}.",
            )
        raise _not_exported(series, window)

    def _check_kept(self, series: Series, window: Window, now: datetime) -> None:
        retention = self.settings.exporter.retention
        if retention.is_expired(window, now):
            raise ExportNotFoundError(
                "expired",
                f"The {window} of {_name(series)} has expired: files are kept for "
                f"{retention.days} days.",
            )


@lru_cache(maxsize=1)
def downloads_service() -> DownloadsService:
    """Return the service that the environment configures, with the environment's credentials.

    Raises:
        ConfigurationError: Naming every variable that is wrong and what it should look like.
    """
    settings = read_api_settings(os.environ)
    s3 = aws_client("s3", S3_CONFIG)
    bucket = Bucket(s3, settings.exporter.bucket)
    assume = partial(assume_role, aws_client("sts", STS_CONFIG), settings.presigner_role)
    presigner = Presigner(assume, settings.link_ttl, _utc_now)
    source = links_source(s3, bucket.name)
    readers = ReaderKeys(bucket, _utc_now)
    return DownloadsService(settings, bucket, presigner, readers, _utc_now, source)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _name(series: Series) -> str:
    return f"{series.slug} in {series.region}"


def _not_exported(series: Series, window: Window) -> ExportNotFoundError:
    return ExportNotFoundError(
        "not_exported", f"The {window} of {_name(series)} has not been exported."
    )
