"""The same with dlt: a table for each report, and the filesystem destination as CSV."""

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import dlt
import requests


def main() -> None:
    """Load each file that BENCH_FILES lists: report ids and keys."""
    http = requests.Session()
    files = json.loads(Path(os.environ["BENCH_FILES"]).read_text(encoding="utf-8"))

    def rows(file: dict[str, str]) -> list[dict[str, str]]:
        response = http.post(os.environ["BENCH_KALTURA"], data={"id": file["id"]}, timeout=600)
        response.raise_for_status()
        text = io.StringIO(response.content.decode("utf-8-sig"), newline="")
        return list(csv.DictReader(text, quoting=csv.QUOTE_NONE))

    def table(report: str) -> Any:
        listed = [{"id": report, "key": key} for each, key in files if each == report]
        source = dlt.resource(listed, name=f"files_{report}")
        return source | dlt.transformer(rows, name=f"report_{report}", parallelized=True)

    pipeline = dlt.pipeline(
        pipeline_name=f"bench_{os.getpid()}",
        pipelines_dir=os.environ["HOME"],
        destination=dlt.destinations.filesystem(
            bucket_url=f"s3://{os.environ['BENCH_BUCKET']}/{os.environ['BENCH_PREFIX']}",
            credentials={
                "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
                "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
                "endpoint_url": os.environ["AWS_ENDPOINT_URL_S3"],
                "region_name": "us-east-1",
            },
        ),
        dataset_name=f"reports_{os.getpid()}",
    )
    reports = dict.fromkeys(report for report, _ in files)
    pipeline.run([table(report) for report in reports], loader_file_format="csv")


if __name__ == "__main__":
    main()
