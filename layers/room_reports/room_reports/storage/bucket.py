"""The bucket: what it holds, and writing to it so that no object is ever half written.

Every request of the project to S3 for a report is made here.
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import IO, TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from room_reports.aws.clients import aws_client
from room_reports.model.windows import Granularity
from room_reports.storage.errors import ConflictError, StorageError
from room_reports.storage.keys import Series, parse_key
from room_reports.storage.objects import ObjectHead, SmallObject, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    max_pool_connections=64,
    connect_timeout=5,
    read_timeout=60,
    # Otherwise botocore hashes each export again to sign it, even over HTTPS, and S3 does, too. The
    # checksum that S3 compares the body with is in a header, and all headers are signed.
    s3={"payload_signing_enabled": False},
)
_READ_ATTEMPTS = 4
_READ_SIZE = 256 << 10
"""Bytes."""
_BROKEN = ("IncompleteReadError", "ReadTimeoutError", "ResponseStreamingError")
"""botocore's errors for a body that stops short, which it does not read again."""
_MAX_KEYS = 1000
"""The most keys that S3 returns in one response."""
_NOT_FOUND = ("404", "NoSuchKey", "NotFound")
_CONFLICT = ("412", "PreconditionFailed", "409", "ConditionalRequestConflict")


class Bucket:
    """One S3 bucket; safe to share between threads."""

    def __init__(self, client: "S3Client", name: str) -> None:
        self._client = client
        self.name = name

    def exports(self, series: Series, first_dt: str, last_dt: str) -> Iterator[StoredObject]:
        """Yield the exports of a series whose ``dt`` lies in ``[first_dt, last_dt]``, oldest first.

        An empty object is one that was retired, and is left out.
        The cost grows with the number of those, not with what else the bucket holds.

        Raises:
            StorageError: If S3 refuses or fails.
        """
        prefix = series.prefix
        # A text before the first day and after the day before it: some S3 servers leave out the
        # folder that StartAfter names exactly.
        before = f"{first_dt[:-1]}{chr(ord(first_dt[-1]) - 1)}~"
        with _storage_errors("listing", prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name,
                Prefix=f"{prefix}{first_dt}/" if first_dt == last_dt else prefix,
                StartAfter=f"{prefix}{before}",
                PaginationConfig={"PageSize": _page_size(series, first_dt, last_dt)},
            )
            for page in pages:
                for entry in page.get("Contents", []):
                    if entry["Key"] > f"{prefix}{last_dt}/\U0010ffff":
                        return
                    parsed = parse_key(entry["Key"])
                    if parsed and entry["Size"]:
                        yield StoredObject(
                            entry["Key"],
                            parsed,
                            entry["LastModified"],
                            entry["ETag"],
                            entry["Size"],
                        )

    def connect(self, prefix: str) -> None:
        """Open a connection to S3, which the next request uses, by asking for one key.

        Raises:
            StorageError: If S3 refuses or fails.
        """
        with _storage_errors("listing", prefix):
            self._client.list_objects_v2(Bucket=self.name, Prefix=prefix, MaxKeys=1)

    def days(self, series: Series, year: int) -> list[str]:
        """Return the values of ``dt`` that a series has in a year, oldest first.

        Raises:
            StorageError: If S3 refuses or fails.
        """
        prefix = f"{series.prefix}{year:04}-"
        with _storage_errors("listing", prefix):
            listed = self._client.list_objects_v2(
                Bucket=self.name, Prefix=prefix, Delimiter="/", MaxKeys=1000
            )
        found = (each["Prefix"] for each in listed.get("CommonPrefixes", ()))
        return [folder.removeprefix(series.prefix).rstrip("/") for folder in found]

    def head(self, key: str) -> ObjectHead | None:
        """Return the properties of an object, or None when it does not exist.

        Raises:
            StorageError: If S3 refuses or fails.
        """
        try:
            with _storage_errors("reading", key):
                head = self._client.head_object(Bucket=self.name, Key=key)
        except StorageError as error:
            if error.code in _NOT_FOUND:
                return None
            raise
        return ObjectHead(
            etag=head["ETag"],
            last_modified=head["LastModified"],
            metadata=head["Metadata"],
            size=head["ContentLength"],
            version_id=head.get("VersionId"),
        )

    def read(self, key: str, out: IO[bytes]) -> bool:
        """Copy an object into ``out``; return False when it does not exist.

        Args:
            out: Seekable. What follows its position is replaced.

        Raises:
            StorageError: If S3 refuses or fails.
        """
        start, attempt = out.tell(), 0
        while True:
            attempt += 1
            try:
                with _storage_errors("reading", key):
                    body = self._client.get_object(Bucket=self.name, Key=key)["Body"]
                    for chunk in body.iter_chunks(_READ_SIZE):
                        out.write(chunk)
            except StorageError as error:
                if error.code in _NOT_FOUND:
                    return False
                if error.code not in _BROKEN or attempt == _READ_ATTEMPTS:
                    raise
                out.seek(start)
                out.truncate()
            else:
                return True

    def publish(
        self,
        key: str,
        body: IO[bytes],
        sha256: str,
        metadata: Mapping[str, str],
        replacing: str | None,
    ) -> None:
        """Write an export in one request, so that readers see the old object or the new one.

        Args:
            body: Seekable; read from its start to its end.
            sha256: The SHA-256 of ``body`` in hexadecimal. S3 refuses the object if it received
                other bytes.
            replacing: The ETag of the object that was seen under this key, or None when there
                was none.

        Raises:
            ConflictError: If the key now holds another object than the one that was seen.
            StorageError: If S3 refuses for another reason.
        """
        condition: dict[str, Any] = {"IfMatch": replacing} if replacing else {"IfNoneMatch": "*"}
        body.seek(0)
        with _conflicts(key), _storage_errors("writing", key):
            self._client.put_object(
                Bucket=self.name,
                Key=key,
                Body=body,
                Metadata=dict(metadata),
                ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
                **_headers(key),
                **condition,
            )

    def replace_metadata(self, key: str, metadata: Mapping[str, str], etag: str) -> None:
        """Replace the metadata of an export whose bytes stay, and renew its LastModified.

        Raises:
            ConflictError: If the object is no longer the one with this ETag.
            StorageError: If S3 refuses for another reason.
        """
        with _conflicts(key), _storage_errors("writing", key):
            self._client.copy_object(
                Bucket=self.name,
                Key=key,
                CopySource={"Bucket": self.name, "Key": key},
                CopySourceIfMatch=etag,
                IfMatch=etag,
                MetadataDirective="REPLACE",
                Metadata=dict(metadata),
                **_headers(key),
            )

    def write_json(self, key: str, text: str) -> None:
        """Write a small JSON document.

        Raises:
            StorageError: If S3 refuses or fails.
        """
        self.write(key, text.encode(), "application/json")

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Write an object that is not an export.

        Raises:
            StorageError: If S3 refuses or fails.
        """
        with _storage_errors("writing", key):
            self._client.put_object(Bucket=self.name, Key=key, Body=body, ContentType=content_type)

    def retire(self, key: str, etag: str) -> None:
        """Empty an object that another one has replaced, because the exporter cannot delete.

        Raises:
            ConflictError: If the object is no longer the one with this ETag.
            StorageError: If S3 refuses for another reason.
        """
        with _conflicts(key), _storage_errors("writing", key):
            self._client.put_object(Bucket=self.name, Key=key, Body=b"", IfMatch=etag)

    def read_small(self, key: str) -> SmallObject | None:
        """Return a small text object, or None when it does not exist.

        Like ``find``, this lists the key first: S3 responds to a read of a missing key with 403
        when the permission to list is limited to prefixes.

        Raises:
            StorageError: If S3 refuses or fails.
        """
        return self.read_listed(key) if key in self.keys(key) else None

    def read_listed(self, key: str) -> SmallObject | None:
        """Return a small text object that a listing has shown, or None when it is gone.

        Raises:
            StorageError: If S3 refuses or fails.
        """
        try:
            with _storage_errors("reading", key):
                found = self._client.get_object(Bucket=self.name, Key=key)
                text = found["Body"].read().decode(errors="replace")
        except StorageError as error:
            if error.code in _NOT_FOUND:
                return None
            raise
        return SmallObject(key, found["LastModified"], found["ContentLength"], found["ETag"], text)

    def small_objects(self, prefix: str) -> list[SmallObject]:
        """Return the objects under a prefix that is not one of exports, without their content.

        Raises:
            StorageError: If S3 refuses or fails.
        """
        with _storage_errors("listing", prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, Prefix=prefix
            )
            return [
                SmallObject(entry["Key"], entry["LastModified"], entry["Size"], entry["ETag"])
                for page in pages
                for entry in page.get("Contents", [])
            ]

    def keys(self, prefix: str) -> list[str]:
        """Return the keys under a prefix that is not one of exports.

        Raises:
            StorageError: If S3 refuses or fails.
        """
        return [item.key for item in self.small_objects(prefix)]

    def count(self, prefix: str) -> int:
        """Return how many objects are under a prefix that is not one of exports, at most 1,000.

        It takes one request.

        Raises:
            StorageError: If S3 refuses or fails.
        """
        with _storage_errors("listing", prefix):
            listed = self._client.list_objects_v2(
                Bucket=self.name, Prefix=prefix, MaxKeys=_MAX_KEYS
            )
        return len(listed.get("Contents", ()))

    def find(self, key: str) -> StoredObject | None:
        """Return an export as a listing shows it now, or None when it does not exist.

        Unlike HEAD, for which S3 returns 403 if the key is missing, this needs only the permission
        to list the key's prefix.

        Raises:
            StorageError: If S3 refuses or fails.
        """
        with _storage_errors("listing", key):
            listed = self._client.list_objects_v2(Bucket=self.name, Prefix=key, MaxKeys=1)
        for entry in listed.get("Contents", []):
            parsed = parse_key(entry["Key"])
            if entry["Key"] == key and parsed:
                return StoredObject(
                    key, parsed, entry["LastModified"], entry["ETag"], entry["Size"]
                )
        return None


def _page_size(series: Series, first_dt: str, last_dt: str) -> int:
    """Return the most keys that the days of a series can have, so that S3 returns no others."""
    days = (date.fromisoformat(last_dt) - date.fromisoformat(first_dt)).days + 1
    # A window has two objects when the compression was changed in between.
    per_day = 2 * (24 if series.granularity is Granularity.HOUR else 1)
    return max(1, min(days * per_day, _MAX_KEYS))


def open_bucket(name: str) -> Bucket:
    """Return the bucket of this name, with the credentials of the environment."""
    return Bucket(aws_client("s3", _CONFIG), name)


@contextmanager
def _storage_errors(doing: str, key: str) -> Iterator[None]:
    """Turn botocore's errors into StorageError."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "Unknown"))
        raise StorageError(doing, key, code, str(error)) from error
    except BotoCoreError as error:
        raise StorageError(doing, key, type(error).__name__, str(error)) from error


@contextmanager
def _conflicts(key: str) -> Iterator[None]:
    """Turn the refusal of a conditional write into ConflictError."""
    try:
        yield
    except StorageError as error:
        # S3 responds with "not found" to a condition on an object that no longer exists.
        if error.code in (*_CONFLICT, *_NOT_FOUND):
            raise ConflictError(key, error.code) from error
        raise


def _headers(key: str) -> dict[str, Any]:
    # S3 sends these with every download, so that a compressed file arrives uncompressed.
    name = key.rpartition("/")[2].removesuffix(".gz")
    headers = {
        "ContentType": "text/csv; charset=utf-8",
        "ContentDisposition": f'attachment; filename="{name}"',
    }
    return {**headers, "ContentEncoding": "gzip"} if key.endswith(".gz") else headers
