"""Clients of AWS services, made by botocore.

``boto3.client`` returns the same clients. Importing boto3 also imports its resources, s3transfer
and multiprocessing, which nothing here uses. See docs/decisions/ in the repository.
"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, overload

import botocore.session

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_sts.client import STSClient

_LOCK = Lock()


@dataclass(frozen=True)
class StsCredentials:
    """Temporary credentials of a role."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    expires_at: datetime


@overload
def aws_client(
    service: Literal["s3"], config: "Config", credentials: StsCredentials | None = None
) -> "S3Client": ...


@overload
def aws_client(service: Literal["sts"], config: "Config") -> "STSClient": ...


@overload
def aws_client(service: Literal["events"], config: "Config") -> "EventBridgeClient": ...


@overload
def aws_client(service: Literal["secretsmanager"], config: "Config") -> "SecretsManagerClient": ...


def aws_client(service: str, config: "Config", credentials: StsCredentials | None = None) -> Any:
    """Return a new client of a service, which threads can share.

    Args:
        credentials: By default those of the environment.
    """
    with _LOCK:  # threads cannot share a botocore session
        return _session().create_client(
            service,
            config=config,
            aws_access_key_id=credentials.access_key_id if credentials else None,
            aws_secret_access_key=credentials.secret_access_key if credentials else None,
            aws_session_token=credentials.session_token if credentials else None,
        )


@lru_cache(maxsize=1)
def _session() -> "botocore.session.Session":
    """Return the session, which keeps what it has read of botocore's data."""
    return botocore.session.get_session()
