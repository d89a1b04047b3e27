"""The real handler over simulated dependencies, here or in a process that can be killed."""

import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
from botocore.config import Config

from room_reports.export.service import Dependencies, ExporterService
from room_reports.kaltura.client import RetryPolicy
from room_reports.kaltura.transport import HttpPolicy
from room_reports.model.windows import iso
from room_reports.storage.bucket import Bucket

_APP = Path(__file__).parents[2] / "functions" / "exporter" / "app.py"


@dataclass(frozen=True)
class Spec:
    """What an exporter is told; can be sent to another process."""

    environment: Mapping[str, str]
    secret: str = field(repr=False)
    s3_url: str
    boto_attempts: int
    now: float
    """Unix time on the exporter's clock."""


@dataclass
class Context:
    """What the Lambda runtime would pass."""

    aws_request_id: str = "00000000-0000-4000-8000-000000000000"
    function_name: str = "exporter"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:exporter"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def load_app() -> ModuleType:
    """A fresh copy of the handler's module, as after a cold start."""
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "exporter")
    spec = importlib.util.spec_from_file_location("chaos_exporter_app", _APP)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def s3_client(url: str, attempts: int) -> Any:
    """A client of the S3 in memory."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="chaos",
        aws_secret_access_key="chaos",
        config=Config(
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=64,
        ),
    )


def service(
    spec: Callable[[], Spec], clock: Callable[[], float], sleep: Callable[[float], None]
) -> ExporterService:
    """An exporter whose dependencies are those of ``spec`` at each invocation."""
    first = spec()
    client = s3_client(first.s3_url, first.boto_attempts)
    return ExporterService(
        Dependencies(
            environment=_Live(spec),
            secret=lambda _: spec().secret,
            bucket=lambda name: Bucket(client, name),
            clock=lambda: datetime.fromtimestamp(clock(), UTC),
            retry=RetryPolicy(sleep=sleep),
            http=HttpPolicy(backoff=0, retry_after_max=0),
        )
    )


class _Live(Mapping[str, str]):
    """The environment as it is now."""

    def __init__(self, spec: Callable[[], Spec]) -> None:
        self._spec = spec

    def __getitem__(self, name: str) -> str:
        return self._spec().environment[name]

    def __iter__(self) -> Any:
        return iter(self._spec().environment)

    def __len__(self) -> int:
        return len(self._spec().environment)


def invoke(app: ModuleType, exporter: ExporterService, event: dict[str, Any]) -> dict[str, Any]:
    """Calls the handler over this exporter."""
    vars(app)["_exporter"] = exporter
    answer: dict[str, Any] = app.handler(event, Context())
    return answer


def run_in_child(spec: Spec, event: dict[str, Any], output: str) -> None:
    """One cold run, in a process of its own; its output goes to a file."""
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    invoke(load_app(), service(lambda: spec, lambda: spec.now, lambda _: None), event)


def iso_time(moment: float) -> str:
    """A moment as EventBridge writes it: in whole seconds."""
    return iso(datetime.fromtimestamp(moment, UTC))


# Loading the description of S3's API takes longer than a run: children are forked with it loaded.
s3_client("http://127.0.0.1:1", 1)
