"""Presigned links, signed with a role that is assumed for the purpose.

A presigned link stops working when the credentials that signed it expire. The credentials of a
Lambda function can expire at any moment, so that links are signed with credentials of known
lifetime. See docs/decisions/ in the repository.
"""

import secrets
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from room_reports.api.errors import PresignError
from room_reports.aws.clients import StsCredentials, aws_client

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sts.client import STSClient

S3_CONFIG = Config(
    signature_version="s3v4",
    # boto3 signs links for the global endpoint by default. That one redirects, and a redirect
    # invalidates the signature.
    s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=64,
    connect_timeout=3,
    read_timeout=10,
)
STS_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=3, read_timeout=10
)
_CREDENTIALS_LIFETIME = timedelta(hours=1)
"""The longest that AWS allows for credentials of one role that assumes another."""
_MARKS: ContextVar[dict[str, str] | None] = ContextVar("marks", default=None)
"""What is added to the query of the link that is being signed.

S3 ignores parameters that begin with ``x-`` and writes them to its server access log: see "Custom
access log information" on AWS's page on the log's format. The signature covers them.
"""


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object, and the file name that a download gets."""

    bucket: str
    key: str
    version_id: str | None
    """None in a bucket that keeps no versions."""
    file_name: str


@dataclass(frozen=True)
class Link:
    """A presigned link, and when it expires."""

    url: str
    expires_at: datetime
    id: str
    """Random; the parameter ``x-link`` of the URL."""


class Presigner:
    """Reads objects and signs links; safe to share between threads."""

    def __init__(
        self, assume: Callable[[], StsCredentials], ttl: timedelta, clock: Callable[[], datetime]
    ) -> None:
        """Sign with the credentials that ``assume`` returns.

        Args:
            assume: Returns new credentials, or raises PresignError.
            ttl: The lifetime of a link.
        """
        self._assume = assume
        self._ttl = ttl
        self._clock = clock
        self._lock = Lock()
        self._current: tuple[S3Client, datetime] | None = None

    def client(self) -> "S3Client":
        """Return an S3 client with credentials that outlive every link that is signed now."""
        return self._client()[0]

    def link(self, version: ObjectVersion, method: str, reader: str | None = None) -> Link:
        """Return a link to ``version`` for GET, or for HEAD.

        Args:
            reader: Who asked for it: the id of an API key, or an ARN. No secret, because it becomes
                part of the URL, as ``x-reader``.
        """
        client, credentials_expire = self._client()
        link_id = secrets.token_hex(8)
        marks = {"x-link": link_id, **({"x-reader": reader} if reader else {})}
        token = _MARKS.set(marks)
        try:
            url = self._signed(client, credentials_expire, version, method)
        finally:
            _MARKS.reset(token)
        return Link(url, min(_signed_expiry(url), credentials_expire), link_id)

    def _signed(
        self, client: "S3Client", credentials_expire: datetime, version: ObjectVersion, method: str
    ) -> str:
        version_id = {"VersionId": version.version_id} if version.version_id else {}
        return client.generate_presigned_url(
            "head_object" if method == "HEAD" else "get_object",
            Params={
                "Bucket": version.bucket,
                "Key": version.key,
                **version_id,
                "ResponseContentDisposition": f'attachment; filename="{version.file_name}"',
                "ResponseContentType": "text/csv; charset=utf-8",
            },
            ExpiresIn=int(min(self._ttl, credentials_expire - self._clock()).total_seconds()),
        )

    def _client(self) -> "tuple[S3Client, datetime]":
        with self._lock:
            if self._current is None or self._current[1] - self._clock() < self._ttl:
                credentials = self._assume()
                client = aws_client("s3", S3_CONFIG, credentials)
                client.meta.events.register("before-sign.s3", _mark)
                self._current = client, credentials.expires_at
            return self._current


def links_source(client: "S3Client", bucket: str) -> str:
    """Return what every link to an object of ``bucket`` begins with, as a source of a policy.

    The client signs a link to find out, which needs no request: so the address is exactly that of
    the links, whichever host the AWS region, the partition and the bucket's name lead to.

    Args:
        client: An S3 client with ``S3_CONFIG`` and any credentials.
    """
    url = urlsplit(client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "-"}))
    return f"{url.scheme}://{url.netloc}{url.path.removesuffix('-')}"


def assume_role(sts: "STSClient", role: str) -> StsCredentials:
    """Return an hour's credentials of the role with this ARN.

    Raises:
        PresignError: If the role cannot be assumed.
    """
    try:
        given = sts.assume_role(
            RoleArn=role,
            RoleSessionName="downloads",
            DurationSeconds=int(_CREDENTIALS_LIFETIME.total_seconds()),
        )["Credentials"]
    except (ClientError, BotoCoreError) as error:
        raise PresignError(f"{role} cannot be assumed: {error}") from error
    return StsCredentials(
        given["AccessKeyId"],
        given["SecretAccessKey"],
        given["SessionToken"],
        given["Expiration"].astimezone(UTC),
    )


def _mark(request: Any, **_: Any) -> None:
    """Add the marks of the link that is being signed; other requests have none."""
    request.params.update(_MARKS.get() or {})


def _signed_expiry(url: str) -> datetime:
    """Return the expiry that S3 reads from the link."""
    query = parse_qs(urlsplit(url).query)
    signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed + timedelta(seconds=int(query["X-Amz-Expires"][0]))
