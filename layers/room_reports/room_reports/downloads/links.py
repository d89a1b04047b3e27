"""Links: presigned by a role assumed for the purpose, so that their promise can be kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sts.client import STSClient

S3_CONFIG = Config(
    signature_version="s3v4",
    # The global endpoint, boto3's default for links, redirects, and a redirect breaks a signature.
    s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=64,
    connect_timeout=3,
    read_timeout=10,
)
# AWS allows no longer session to a role that assumes another one.
_SESSION = timedelta(hours=1)


class SigningError(Exception):
    """Raised when the presigner role cannot be assumed."""


@dataclass(frozen=True)
class Target:
    """One version of an object, and how it is to be downloaded."""

    bucket: str
    key: str
    version_id: str | None
    """None in a bucket that keeps no versions."""
    file_name: str


@dataclass(frozen=True)
class Link:
    """A link, and when it ends to work."""

    url: str
    expires_at: datetime


@dataclass(frozen=True)
class Session:
    """Credentials that end."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    until: datetime


class Presigner:
    """Reads objects and signs links; safe to share between threads."""

    def __init__(
        self, assume: Callable[[], Session], ttl: timedelta, clock: Callable[[], datetime]
    ) -> None:
        """Signs as what ``assume`` gives a session of; raises SigningError when it does.

        Args:
            ttl: how long a link is to work.
        """
        self._assume = assume
        self._ttl = ttl
        self._clock = clock
        self._lock = Lock()
        self._held: tuple[S3Client, datetime] | None = None

    def client(self) -> "S3Client":
        """S3, seen with credentials that outlive any link that is signed now."""
        return self._session()[0]

    def link(self, target: Target, method: str) -> Link:
        """A link to ``target`` for GET, or for HEAD."""
        client, until = self._session()
        version = {"VersionId": target.version_id} if target.version_id else {}
        url = client.generate_presigned_url(
            "head_object" if method == "HEAD" else "get_object",
            Params={
                "Bucket": target.bucket,
                "Key": target.key,
                **version,
                "ResponseContentDisposition": f'attachment; filename="{target.file_name}"',
                "ResponseContentType": "text/csv; charset=utf-8",
            },
            ExpiresIn=int(min(self._ttl, until - self._clock()).total_seconds()),
        )
        return Link(url, min(_end(url), until))

    def _session(self) -> "tuple[S3Client, datetime]":
        with self._lock:
            if self._held is None or self._held[1] - self._clock() < self._ttl:
                session = self._assume()
                self._held = _client(session), session.until
            return self._held


def assume_role(sts: "STSClient", role: str) -> Session:
    """A session of the role with this ARN, for an hour.

    Raises:
        SigningError: when the role cannot be assumed.
    """
    try:
        given = sts.assume_role(
            RoleArn=role,
            RoleSessionName="downloads",
            DurationSeconds=int(_SESSION.total_seconds()),
        )["Credentials"]
    except (ClientError, BotoCoreError) as error:
        raise SigningError(f"{role} cannot be assumed: {error}") from error
    return Session(
        given["AccessKeyId"],
        given["SecretAccessKey"],
        given["SessionToken"],
        given["Expiration"].astimezone(UTC),
    )


def _client(session: Session) -> "S3Client":
    return boto3.client(
        "s3",
        config=S3_CONFIG,
        aws_access_key_id=session.access_key_id,
        aws_secret_access_key=session.secret_access_key,
        aws_session_token=session.session_token,
    )


def _end(url: str) -> datetime:
    """What S3 will read from the link."""
    query = parse_qs(urlsplit(url).query)
    signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed + timedelta(seconds=int(query["X-Amz-Expires"][0]))
