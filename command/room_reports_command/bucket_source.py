"""The files in the bucket, read with the operator's credentials."""

import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from room_reports.api.listing import newest
from room_reports.runtime import ThreadRuntime, map_concurrently
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series
from room_reports.storage.objects import StoredObject, latest_by_label
from room_reports_command.errors import InputError, NotExportedError
from room_reports_command.sources import CHUNK, Found, Part, broken

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3.client import S3Client

_CONCURRENT_READS = 8
_NO_SUCH_RANGE = ("InvalidRange", "416")
_FIRST_DT = "2000-01-01"
"""There were no Kaltura Rooms earlier."""


class BucketSource:
    """The files in the bucket, read with the operator's credentials."""

    def __init__(
        self, bucket: Bucket, client: "S3Client", settings: Settings, now: datetime
    ) -> None:
        self._bucket = bucket
        self._client = client
        self._settings = settings
        self._now = now

    def latest(self, series: Series) -> Part:
        """Return the newest file of a series."""
        self._check(series)
        calendar = self._settings.calendar(series.granularity)
        today = calendar.containing(self._now).dt
        last = calendar.containing(self._now + timedelta(days=1)).dt
        found = newest(self._bucket, series, _FIRST_DT, last, today)
        if found is None:
            raise NotExportedError(
                f"Nothing of {series.slug} in {series.region} has been exported yet.",
                "See what is due: room-reports status",
            )
        return self._part(found)

    def one(self, series: Series, start: str) -> Part:
        """Return the file of one window."""
        self._check(series)
        window = self._settings.calendar(series.granularity).window(start)
        if self._settings.retention.is_expired(window, self._now):
            raise NotExportedError(
                f"The file of {start} of {series.slug} in {series.region} is no longer kept.",
                "The stack's parameter ReportRetentionDays says for how long files are kept.",
            )
        held = latest_by_label(self._bucket.exports(series, window.dt, window.dt))
        if window.label not in held:
            raise _not_exported(series, [start])
        return self._part(held[window.label])

    def range(self, series: Series, first: str, last: str) -> Found:
        """Return the files of a range."""
        self._check(series)
        calendar = self._settings.calendar(series.granularity)
        start, end = calendar.moment(first), min(calendar.moment(last), self._now)
        windows = list(calendar.overlapping(start, end))
        if not windows:
            return Found((), ())
        retention, ended = self._settings.retention, len(windows)
        windows = [each for each in windows if not retention.is_expired(each, self._now)]
        expired = ended - len(windows)
        if not windows:
            return Found((), (), expired)
        held = latest_by_label(self._bucket.exports(series, windows[0].dt, windows[-1].dt))
        parts = map_concurrently(
            ThreadRuntime(_CONCURRENT_READS),
            self._part,
            [held[window.label] for window in windows if window.label in held],
            _CONCURRENT_READS,
        )
        missing = tuple(
            window.label
            for window in windows
            if window.label not in held and window.end <= self._now
        )
        return Found(tuple(parts), missing, expired)

    @contextmanager
    def open(
        self,
        series: Series,  # noqa: ARG002 - the part has the key
        part: Part,
        offset: int,
    ) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Return a file's bytes; a compressed file always from its start."""
        gzip = part.key.endswith(".gz")
        try:
            begin, found = self._get(part.key, 0 if gzip else offset)
            with closing(found) as body:
                chunks = body.iter_chunks(CHUNK)
                yield begin, _decompressed(chunks) if gzip else chunks
        except (ClientError, BotoCoreError, OSError, zlib.error) as error:
            raise broken(part, error) from error

    def _get(self, key: str, offset: int) -> "tuple[int, StreamingBody]":
        """Return the bytes of an object from an offset on, or from 0 if it has no more bytes."""
        name = self._bucket.name
        if offset:
            try:
                found = self._client.get_object(Bucket=name, Key=key, Range=f"bytes={offset}-")
            except ClientError as error:
                if error.response["Error"].get("Code") not in _NO_SUCH_RANGE:
                    raise
            else:
                return offset, found["Body"]
        return 0, self._client.get_object(Bucket=name, Key=key)["Body"]

    def _check(self, series: Series) -> None:
        """Raise InputError if the stack does not export the series."""
        settings = self._settings
        reports = settings.reports_by_region.get(series.region)
        if reports is None:
            regions = ", ".join(settings.reports_by_region)
            raise InputError(f"There is no region {series.region!r}.", f"Choose from: {regions}")
        slugs = [report.slug for report in reports]
        if series.slug not in slugs:
            raise InputError(
                f"There is no report {series.slug!r} in {series.region}.",
                f"Choose from: {', '.join(slugs)}",
            )

    def _part(self, stored: StoredObject) -> Part:
        head = self._bucket.head(stored.key)
        metadata: Mapping[str, str] = head.metadata if head else {}
        rows = metadata.get("rows", "")
        return Part(
            start=stored.parsed.label,
            rows=int(rows) if rows.isdigit() else None,
            size=stored.size,
            sha256=metadata.get("sha256"),
            key=stored.key,
        )


def _not_exported(series: Series, labels: list[str]) -> NotExportedError:
    return NotExportedError(
        f"Not exported of {series.slug} in {series.region}: {', '.join(labels)}.",
        "See why: room-reports status",
    )


def _decompressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    unpack = zlib.decompressobj(wbits=31)
    for chunk in chunks:
        yield unpack.decompress(chunk)
    yield unpack.flush()
