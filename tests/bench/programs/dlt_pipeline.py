"""The same with dlt: a resource that downloads and parses, the filesystem destination as CSV."""

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import dlt
import requests


def main() -> None:
    """Load each file that BENCH_FILES lists: report ids and keys."""
    http = requests.Session()
    files = json.loads(Path(os.environ["BENCH_FILES"]).read_text(encoding="utf-8"))

    @dlt.resource(name="files")
    def listed() -> Iterator[tuple[str, str]]:
        yield from files

    @dlt.transformer(parallelized=True)
    def report(file: tuple[str, str]) -> list[dict[str, str]]:
        response = http.post(os.environ["BENCH_KALTURA"], data={"id": file[0]}, timeout=600)
        response.raise_for_status()
        text = io.StringIO(response.content.decode("utf-8-sig"), newline="")
        return list(csv.DictReader(text, quoting=csv.QUOTE_NONE))

    pipeline = dlt.pipeline(
        pipeline_name=f"bench_{os.getpid()}",
        pipelines_dir=os.environ["HOME"],
        destination=dlt.destinations.filesystem(
            bucket_url=f"s3://{os.environ['BENCH_BUCKET']}/dlt",
            credentials={
                "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
                "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
                "endpoint_url": os.environ["AWS_ENDPOINT_URL_S3"],
                "region_name": "us-east-1",
            },
        ),
        dataset_name=f"reports_{os.getpid()}",
    )
    pipeline.run(listed | report, loader_file_format="csv").raise_on_failed_jobs()


if __name__ == "__main__":
    main()
