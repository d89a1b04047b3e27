"""The objects under ``reference/`` in the bucket."""

from collections.abc import Sequence
from dataclasses import dataclass

from botocore.exceptions import ClientError

from room_reports.runtime import ThreadRuntime, map_concurrently
from room_reports_command.errors import StackError
from room_reports_command.stack import DeployedStack

_CONCURRENT_READS = 8
_CONFLICTS = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
_MISSING = ("NoSuchKey", "404", "NotFound")


@dataclass(frozen=True)
class Stored:
    """An object in the bucket."""

    key: str
    body: bytes
    etag: str


class ReferenceStore:
    """Reads and replaces the objects of reference data, with the operator's credentials."""

    def __init__(self, stack: DeployedStack) -> None:
        self._client = stack.s3
        self._bucket = stack.outputs["BucketName"]

    def list(self, prefix: str) -> list[str]:
        """Return the keys under a prefix, without the empty objects that stand for folders."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        entries = [entry for page in pages for entry in page.get("Contents", ())]
        return [
            entry["Key"] for entry in entries if entry["Size"] or not entry["Key"].endswith("/")
        ]

    def read(self, key: str) -> Stored | None:
        """Return an object; None if there is none."""
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"].get("Code") in _MISSING:
                return None
            raise
        return Stored(key, found["Body"].read(), found["ETag"])

    def read_all(self, prefix: str) -> Sequence[Stored]:
        """Return the objects under a prefix, in the order of their keys."""
        keys = self.list(prefix)
        found = map_concurrently(
            ThreadRuntime(_CONCURRENT_READS), self.read, keys, _CONCURRENT_READS
        )
        return [each for each in found if each]

    def replace(self, key: str, body: bytes, content_type: str, seen: Stored | None) -> None:
        """Write an object as a whole, in the place of the one that was seen under its key.

        Raises:
            StackError: If another object was written there meanwhile.
        """
        try:
            if seen:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ContentType=content_type,
                    IfMatch=seen.etag,
                )
            else:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ContentType=content_type,
                    IfNoneMatch="*",
                )
        except ClientError as error:
            if error.response["Error"].get("Code") not in (*_CONFLICTS, *_MISSING):
                raise
            raise StackError(
                f"{key} was changed by another program meanwhile.", "Run the command again."
            ) from error
