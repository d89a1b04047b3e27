"""A bucket with all versions of its objects, as the role that erases sees it."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import ConflictError
from room_reports.storage.objects import ObjectHead

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_MISSING = ("NoSuchKey", "NoSuchVersion", "404", "NotFound")
_CONFLICTS = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
_READ_ATTEMPTS = 4


@dataclass(frozen=True)
class Version:
    """One version of an object, or a mark that the object was deleted."""

    key: str
    id: str
    """``null`` in a bucket that keeps no versions."""
    is_latest: bool
    last_modified: datetime
    etag: str = ""
    size: int = 0
    is_marker: bool = False


@dataclass(frozen=True)
class Content:
    """What a version holds."""

    body: bytes = field(repr=False)
    etag: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    version: str = "null"


class VersionedBucket:
    """Lists, reads, replaces and deletes versions; safe to share between threads."""

    def __init__(self, client: "S3Client", name: str) -> None:
        self._client = client
        self._exports = Bucket(client, name)
        self.name = name

    def versions(self, prefix: str = "") -> Iterator[Version]:
        """Yield all versions of the objects under a prefix, and the marks of deleted ones."""
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self.name, Prefix=prefix
        )
        for page in pages:
            for each in page.get("Versions", ()):
                yield Version(
                    each["Key"],
                    each["VersionId"],
                    each["IsLatest"],
                    each["LastModified"],
                    each["ETag"],
                    each["Size"],
                )
            for mark in page.get("DeleteMarkers", ()):
                yield Version(
                    mark["Key"],
                    mark["VersionId"],
                    mark["IsLatest"],
                    mark["LastModified"],
                    is_marker=True,
                )

    def latest(self) -> Iterator[str]:
        """Yield the key of each object that exists and is not empty."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        for page in pages:
            for each in page.get("Contents", ()):
                if each["Size"]:
                    yield each["Key"]

    def read(self, key: str, version: str | None = None) -> Content | None:
        """Return a version, by default the latest one; None if it is gone."""
        which: dict[str, Any] = {"VersionId": version} if version else {}
        for attempt in range(_READ_ATTEMPTS):
            try:
                found = self._client.get_object(Bucket=self.name, Key=key, **which)
                body = found["Body"].read()
            except ClientError as error:
                if error.response["Error"].get("Code") in _MISSING:
                    return None
                raise
            except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
                if attempt == _READ_ATTEMPTS - 1:
                    raise
            else:
                return Content(
                    body,
                    found["ETag"],
                    found["Metadata"],
                    found.get("ContentType", ""),
                    found.get("VersionId", "null"),
                )
        return None

    def head(self, key: str) -> ObjectHead | None:
        """Return the properties of the latest version; None if it is gone."""
        return self._exports.head(key)

    def replace_export(self, key: str, body: bytes, metadata: Mapping[str, str], seen: str) -> None:
        """Write a report's file in the place of the one with the ETag ``seen``.

        Raises:
            ConflictError: If another one is there.
        """
        sha256 = hashlib.sha256(body).hexdigest()
        self._exports.publish(key, BytesIO(body), sha256, metadata, seen)

    def replace(self, key: str, body: bytes, content_type: str, seen: str | None) -> None:
        """Write an object in the place of the one with the ETag ``seen``, or of none.

        Raises:
            ConflictError: If another one is there.
        """
        condition: dict[str, Any] = {"IfMatch": seen} if seen else {"IfNoneMatch": "*"}
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        try:
            self._client.put_object(
                Bucket=self.name,
                Key=key,
                Body=body,
                ContentType=content_type or "application/octet-stream",
                ChecksumSHA256=digest,
                **condition,
            )
        except ClientError as error:
            code = str(error.response["Error"].get("Code"))
            if code in (*_CONFLICTS, *_MISSING):
                raise ConflictError(key, code) from error
            raise

    def delete(self, version: Version) -> None:
        """Delete one version for good; one that is gone already is no error."""
        self._client.delete_object(Bucket=self.name, Key=version.key, VersionId=version.id)
