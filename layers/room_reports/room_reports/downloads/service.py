"""The downloads: what is asked for in, an answer out, with everything around it passed in."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial

import boto3

from room_reports.downloads import answers, grammar
from room_reports.downloads.answers import Answer, NotThereError
from room_reports.downloads.archive import Archive
from room_reports.downloads.coverage import coverage
from room_reports.downloads.exports import describe
from room_reports.downloads.links import S3_CONFIG, Presigner, assume_role
from room_reports.downloads.listing import newest, page
from room_reports.downloads.openapi import openapi
from room_reports.downloads.queries import coverage_query, exports_query, series_of
from room_reports.downloads.request import Request
from room_reports.downloads.settings import DownloadSettings, read_download_settings
from room_reports.lake.bucket import StoredObject, by_label
from room_reports.lake.keys import Series
from room_reports.telemetry import logger
from room_reports.windows import Window, iso

_AS_FILE = ".csv"
_FIRST_DT, _DAY = "2000-01-01", timedelta(days=1)


@dataclass(frozen=True)
class Downloads:
    """Answers requests; lives from one invocation to the next."""

    settings: DownloadSettings
    archive: Archive
    """Seen with credentials that may list."""
    presigner: Presigner
    clock: Callable[[], datetime]

    def exports(self, request: Request) -> Answer:
        """A page of the listing."""
        found = page(
            self.archive, exports_query(request.query, self.settings, self.clock()), self.settings
        )
        wanted = [(each.stored.key, each.position.window) for each in found.found]
        described = describe(self.presigner.client(), self.settings.lake, wanted) if wanted else []
        exports = [export.fields for export in described]
        return answers.json_document({"exports": exports, "next_cursor": found.next_cursor})

    def export(
        self, report: str, region: str, granularity: str, start: str, request: Request
    ) -> Answer:
        """One export with its link, or just the way there when ``start`` ends in ``.csv``."""
        grammar.no_values(request.query)
        series = series_of(report, region, granularity, self.settings)
        window, stored = self._find(series, start.removesuffix(_AS_FILE))
        described = describe(self.presigner.client(), self.settings.lake, [(stored.key, window)])
        if not described:
            raise _not_exported(series, window)
        (export,) = described
        link = self.presigner.link(export.target, request.method)
        logger.info(
            "Download",
            object_key=export.target.key,
            version_id=export.target.version_id,
            api_key_id=request.api_key_id,
            user_arn=request.user_arn,
            source_ip=request.source_ip,
        )
        if start.endswith(_AS_FILE):
            return answers.redirect(link.url)
        return answers.with_link(
            {**export.fields, "url": link.url, "expires_at": iso(link.expires_at)}
        )

    def coverage(self, request: Request) -> Answer:
        """The state of each window of a series."""
        now = self.clock()
        asked = coverage_query(request.query, self.settings, now)
        windows = coverage(self.archive.bucket, asked, self.settings.lake.settle, now)
        return answers.json_document({"windows": windows})

    def openapi(self, request: Request) -> Answer:
        """The API's description."""
        grammar.no_values(request.query)
        return answers.json_document(openapi(self.settings))

    def _find(self, series: Series, start: str) -> tuple[Window, StoredObject]:
        calendar, now = self.settings.calendar(series.granularity), self.clock()
        if start == grammar.LATEST:
            last = calendar.containing(now + _DAY)
            latest = newest(self.archive, series, _FIRST_DT, last.dt)
            if latest is None:
                raise NotThereError("not_exported", f"Nothing of {_name(series)} was exported yet.")
            return calendar.window(latest.parsed.label), latest
        window = grammar.window("start", start, calendar)
        held = by_label(self.archive.bucket.exports(series, window.dt, window.dt))
        if window.label in held:
            return window, held[window.label]
        if window.end > now:
            raise NotThereError(
                "no_such_window_yet",
                f"There is no {window} of {_name(series)} yet: it ends at {iso(window.end)}.",
            )
        raise _not_exported(series, window)


@lru_cache(maxsize=1)
def downloads() -> Downloads:
    """The downloads that the environment configures, seen with the surrounding AWS credentials.

    Raises:
        ConfigurationError: naming every variable that is wrong and what it should look like.
    """
    settings = read_download_settings(os.environ)
    archive = Archive(boto3.client("s3", config=S3_CONFIG), settings.lake.bucket)
    sts = boto3.client("sts")
    assume = partial(assume_role, sts, settings.presigner_role)
    presigner = Presigner(assume, settings.link_ttl, _utc_now)
    return Downloads(settings, archive, presigner, _utc_now)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _name(series: Series) -> str:
    return f"{series.slug} in {series.region}"


def _not_exported(series: Series, window: Window) -> NotThereError:
    return NotThereError("not_exported", f"The {window} of {_name(series)} was not exported.")
