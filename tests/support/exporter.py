"""Builds the exporter over an S3 double, as a new Lambda environment builds it over AWS."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from room_reports.export.notifications import Send
from room_reports.export.service import Dependencies, ExporterService
from room_reports.kaltura.client import RetryPolicy
from room_reports.kaltura.transport import HttpPolicy
from room_reports.runtime import Runtime
from room_reports.storage.bucket import Bucket
from tests.support.runtimes import ImpatientRuntime

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


def new_exporter(
    environment: Mapping[str, str],
    secret: Callable[[], str],
    s3_url: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    *,
    s3_attempts: int = 5,
    runtime: Runtime | None = None,
    send: Send | None = None,
) -> ExporterService:
    """Return an exporter without any Kaltura sessions.

    Args:
        environment: the function's variables; read again at each invocation.
        secret: returns the text of the secret; called at each invocation.
        s3_url: the endpoint of an ``S3Server``.
        clock: returns the exporter's current time; timezone-aware.
        sleep: called with the seconds to wait before another attempt.
        runtime: time and threads; by default real threads that never wait for nothing.
        send: sends notifications; by default none are sent.
        s3_attempts: how often boto3 sends a request to S3 before it gives up.
    """
    client = s3_client(s3_url, s3_attempts)
    return ExporterService(
        Dependencies(
            environment=environment,
            secret=lambda _, **_fresh: secret(),
            bucket=lambda name: Bucket(client, name),
            clock=clock,
            retry=RetryPolicy(sleep=sleep),
            http=HttpPolicy(backoff=0.001, retry_after_max=0),
            runtime=runtime or ImpatientRuntime(),
            event_bus=(lambda _: send) if send else None,
        )
    )


@cache
def s3_client(url: str, attempts: int = 5) -> "S3Client":
    """Return a client of an ``S3Server``; kept, because boto3 takes long to make one."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=64,
        ),
    )
