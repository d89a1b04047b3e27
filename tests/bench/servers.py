"""The servers of a benchmark: SeaweedFS, a real S3, and what stands in for Kaltura and AWS."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from local.stack.process import free_port, listens, start, wait_until
from tests.support.seaweedfs import seaweedfs

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

ROOT = Path(__file__).parents[2]
BUCKET = "bench"
_KEY = {"accessKey": "bench", "secretKey": "bench-secret"}
_FLAGS = ("-volume.max=64", "-master.volumeSizeLimitMB=1024")


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
    identities = {_KEY["accessKey"]: ["Admin"]}
    with seaweedfs(folder, BUCKET, identities, *_FLAGS) as endpoint:
        yield endpoint


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
