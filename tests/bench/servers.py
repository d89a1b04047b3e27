"""The servers of a benchmark: SeaweedFS, a real S3, and what stands in for Kaltura and AWS."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.stack.process import free_port, listens, start, wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

ROOT = Path(__file__).parents[2]
BUCKET = "bench"
_KEY = {"accessKey": "bench", "secretKey": "bench-secret"}
_FLAGS = (
    *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-s3.port.iceberg=0", "-s3.port.lance=0"),
    *("-s3.iam=false", "-master.telemetry=false", "-master.electionTimeout=1s"),
    *("-volume.preStopSeconds=0", "-volume.max=64", "-master.volumeSizeLimitMB=1024"),
)


def credentials(endpoint: str) -> dict[str, str]:
    """Return the environment with which AWS's clients use the S3 server at ``endpoint``."""
    return {
        "AWS_ACCESS_KEY_ID": _KEY["accessKey"],
        "AWS_SECRET_ACCESS_KEY": _KEY["secretKey"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_S3": endpoint,
    }


def s3_client(endpoint: str, config: Config | None = None) -> "S3Client":
    """Return a client of the S3 server."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=_KEY["accessKey"],
        aws_secret_access_key=_KEY["secretKey"],
        config=Config(retries={"total_max_attempts": 1}).merge(config or Config()),
    )


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Run SeaweedFS with its data in ``folder``, and yield its endpoint; it has one bucket."""
    folder.mkdir(parents=True)
    config = folder / "s3.json"
    identity = {"name": "bench", "credentials": [_KEY], "actions": ["Admin"]}
    config.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
    grpc = {name: free_port() for name in ports}
    log = folder / "weed.log"
    process = start(
        [
            *(Path(sys.executable).with_name("weed"), "server", f"-dir={folder}", *_FLAGS),
            f"-s3.config={config}",
            *(f"-{name}.port={port}" for name, port in ports.items()),
            *(f"-{name}.port.grpc={port}" for name, port in grpc.items()),
        ],
        {"HOME": str(folder), "PATH": os.environ["PATH"]},
        log,
        folder,
    )
    endpoint = f"http://127.0.0.1:{ports['s3']}"
    client = s3_client(endpoint)

    def ready() -> bool:
        with suppress(ClientError, BotoCoreError):
            with suppress(client.exceptions.BucketAlreadyExists):
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"x")
            return True
        return False

    try:
        wait_until(ready, process, log, 60)
        yield endpoint
    finally:
        process.stop()


@contextmanager
def endpoints(bodies: Path, latency: float = 0.0) -> Iterator[str]:
    """Run the simulated Kaltura, Secrets Manager and STS, and yield their URL.

    Args:
        bodies: The folder with the reports that Kaltura returns.
        latency: Seconds before it returns one.
    """
    port = free_port()
    log = bodies / "endpoints.log"
    program = ROOT / "tests/bench/programs/endpoints.py"
    process = start(
        [sys.executable, "-I", program, str(port), bodies, str(latency)], {}, log, bodies
    )
    try:
        wait_until(lambda: listens(port), process, log, 20)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stop()
