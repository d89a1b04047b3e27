"""SeaweedFS, an S3 server that verifies signatures and serves ranges as S3 does."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.stack.process import free_ports, start, wait_until
from room_reports.api.presign import S3_CONFIG

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


@contextmanager
def seaweedfs(
    folder: Path, bucket: str, identities: Mapping[str, Sequence[str]], *flags: str
) -> Iterator[str]:
    """Run a server with one bucket, and yield its endpoint.

    Args:
        folder: Where its data go.
        identities: The actions of each access key, whose secret key ends in ``-secret``. The first
            one may do everything.
        flags: Flags of the server besides those that it always gets.
    """
    config = folder / "s3.json"
    entries = [
        {
            "name": name,
            "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}],
            "actions": list(actions),
        }
        for name, actions in identities.items()
    ]
    config.write_text(json.dumps({"identities": entries}), encoding="utf-8")
    names = ("master", "volume", "filer", "s3")
    numbers = free_ports(2 * len(names))
    ports = dict(zip(names, numbers[: len(names)], strict=True))
    grpc = dict(zip(names, numbers[len(names) :], strict=True))
    log = folder / "weed.log"
    process = start(
        [
            *(Path(sys.executable).with_name("weed"), "server", f"-dir={folder}", "-s3"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.config={config}"),
            *(f"-{name}.port={port}" for name, port in ports.items()),
            *(f"-{name}.port.grpc={port}" for name, port in grpc.items()),
            *("-master.telemetry=false", "-master.electionTimeout=1s", "-volume.preStopSeconds=0"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", *flags),
        ],
        {"HOME": str(folder), "PATH": os.environ["PATH"]},
        log,
        folder,
    )
    endpoint = f"http://127.0.0.1:{ports['s3']}"
    writer = s3_client(endpoint, next(iter(identities)))

    def ready() -> bool:
        with suppress(ClientError, BotoCoreError):
            with suppress(writer.exceptions.BucketAlreadyExists):
                writer.create_bucket(Bucket=bucket)
            writer.put_object(Bucket=bucket, Key="ready", Body=b"x")
            return True
        return False

    try:
        wait_until(ready, process, log, 60)
        yield endpoint
    finally:
        process.stop()


def s3_client(endpoint: str, name: str) -> "S3Client":
    """Return a client with the credentials of an identity."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=name,
        aws_secret_access_key=f"{name}-secret",
        config=S3_CONFIG,
    )
