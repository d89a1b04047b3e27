"""The bucket: what it holds, and writing to it so that nothing is ever half there."""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from room_reports.lake.keys import ParsedKey, Series, parse_key

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    max_pool_connections=64,
    connect_timeout=5,
    read_timeout=60,
)
# One request for one object: the exporter does several tasks at once already.
_ONE_BY_ONE = TransferConfig(multipart_threshold=5 << 30, use_threads=False)
_NOT_FOUND = ("404", "NoSuchKey", "NotFound")
_PERMANENT = ("403", "AccessDenied", "NoSuchBucket", "InvalidAccessKeyId")
_CONFLICT = ("412", "PreconditionFailed", "409", "ConditionalRequestConflict")


class LakeError(Exception):
    """Raised when S3 refuses or fails, after the retries that boto3 makes by itself."""

    def __init__(self, doing: str, key: str, error: ClientError | BotoCoreError) -> None:
        self.code = _code(error)
        self.retryable = self.code not in _PERMANENT
        super().__init__(f"S3 {self.code} while {doing} {key}: {error}")


class ConflictError(Exception):
    """Raised when an object changed between looking at it and writing it: nothing was written."""

    retryable = True


@dataclass(frozen=True)
class StoredObject:
    """An export in the bucket, as a listing shows it."""

    key: str
    parsed: ParsedKey
    last_modified: datetime
    etag: str
    size: int
    """Bytes as stored."""


@dataclass(frozen=True)
class Head:
    """What an object says of itself."""

    etag: str
    last_modified: datetime
    metadata: Mapping[str, str]


class Bucket:
    """One S3 bucket; safe to share between threads."""

    def __init__(self, client: "S3Client", name: str) -> None:
        self._client = client
        self._name = name

    def exports(self, series: Series, first_dt: str, last_dt: str) -> Iterator[StoredObject]:
        """The exports of a series whose ``dt`` lies in ``[first_dt, last_dt]``, oldest first.

        The cost grows with the number of those, not with what else the bucket holds.
        """
        prefix = series.prefix
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._name, Prefix=prefix, StartAfter=f"{prefix}{first_dt}"
        )
        try:
            for page in pages:
                for entry in page.get("Contents", []):
                    if entry["Key"] > f"{prefix}{last_dt}/\U0010ffff":
                        return
                    parsed = parse_key(entry["Key"])
                    if parsed:
                        yield StoredObject(
                            entry["Key"],
                            parsed,
                            entry["LastModified"],
                            entry["ETag"],
                            entry["Size"],
                        )
        except (ClientError, BotoCoreError) as error:
            raise LakeError("listing", prefix, error) from error

    def publish(
        self, key: str, body: IO[bytes], metadata: Mapping[str, str], replacing: str | None
    ) -> None:
        """Writes an export in one request, so that readers see the old object or the new one.

        Args:
            body: seekable; read from its start to its end.
            replacing: the ETag of the object that was seen under this key, or None when there
                was none.

        Raises:
            ConflictError: when that is no longer what is there.
            LakeError: when S3 refuses for another reason.
        """
        condition: dict[str, Any] = {"IfMatch": replacing} if replacing else {"IfNoneMatch": "*"}
        checksum = _sha256(body)
        body.seek(0)
        try:
            self._client.put_object(
                Bucket=self._name,
                Key=key,
                Body=body,
                Metadata=dict(metadata),
                ChecksumSHA256=checksum,
                **_headers(key),
                **condition,
            )
        except (ClientError, BotoCoreError) as error:
            raise _conflict_or_failure("writing", key, error) from error

    def head(self, key: str) -> Head | None:
        """What an object says of itself, or None when there is none."""
        try:
            head = self._client.head_object(Bucket=self._name, Key=key)
        except ClientError as error:
            if _code(error) in _NOT_FOUND:
                return None
            raise LakeError("reading", key, error) from error
        except BotoCoreError as error:
            raise LakeError("reading", key, error) from error
        return Head(head["ETag"], head["LastModified"], head["Metadata"])

    def touch(self, key: str, metadata: Mapping[str, str], etag: str) -> None:
        """Gives an export that stays as it is new metadata, and the time of now.

        Raises:
            ConflictError: when the object is no longer the one with this ETag.
            LakeError: when S3 refuses for another reason.
        """
        try:
            self._client.copy_object(
                Bucket=self._name,
                Key=key,
                CopySource={"Bucket": self._name, "Key": key},
                CopySourceIfMatch=etag,
                IfMatch=etag,
                MetadataDirective="REPLACE",
                Metadata=dict(metadata),
                **_headers(key),
            )
        except (ClientError, BotoCoreError) as error:
            raise _conflict_or_failure("writing", key, error) from error

    def read(self, key: str, out: IO[bytes]) -> bool:
        """Copies an object into ``out``; False when there is none."""
        try:
            self._client.download_fileobj(self._name, key, out, Config=_ONE_BY_ONE)
        except ClientError as error:
            if _code(error) in _NOT_FOUND:
                return False
            raise LakeError("reading", key, error) from error
        except BotoCoreError as error:
            raise LakeError("reading", key, error) from error
        return True

    def write_json(self, key: str, text: str) -> None:
        """Writes a small JSON document."""
        try:
            self._client.put_object(
                Bucket=self._name, Key=key, Body=text.encode(), ContentType="application/json"
            )
        except (ClientError, BotoCoreError) as error:
            raise LakeError("writing", key, error) from error


def by_label(stored: Iterable[StoredObject]) -> dict[str, StoredObject]:
    """The objects of one series by their window; of two of one window, the later written."""
    held: dict[str, StoredObject] = {}
    for item in stored:
        other = held.get(item.parsed.label)
        if other is None or item.last_modified > other.last_modified:
            held[item.parsed.label] = item
    return held


def _headers(key: str) -> dict[str, Any]:
    # S3 sends these to whoever downloads the object, who gets it uncompressed.
    name = key.rpartition("/")[2].removesuffix(".gz")
    headers = {
        "ContentType": "text/csv; charset=utf-8",
        "ContentDisposition": f'attachment; filename="{name}"',
    }
    return {**headers, "ContentEncoding": "gzip"} if key.endswith(".gz") else headers


def _code(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


def _conflict_or_failure(
    doing: str, key: str, error: ClientError | BotoCoreError
) -> ConflictError | LakeError:
    # A condition on an object that is gone is answered with "not found".
    if _code(error) in (*_CONFLICT, *_NOT_FOUND):
        return ConflictError(key)
    return LakeError(doing, key, error)


def open_bucket(name: str) -> Bucket:
    """The bucket of this name, seen with the surrounding AWS credentials."""
    return Bucket(boto3.client("s3", config=_CONFIG), name)


def _sha256(body: IO[bytes]) -> str:
    body.seek(0)
    digest = hashlib.sha256()
    while block := body.read(1 << 20):
        digest.update(block)
    return base64.b64encode(digest.digest()).decode()
