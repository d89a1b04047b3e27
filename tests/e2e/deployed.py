"""What tests may know of the deployed exporter and do to the simulated Kaltura."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.request import Request, urlopen

from local.kaltura.published import published_rows
from local.stack.lifecycle import local_stack
from local.stack.stack import Stack
from room_reports.model.reports import REPORTS

CONTRACT = {
    *("rows", "sha256", "window-start", "window-end"),
    *("exported-at", "state", "run-id", "schema"),
}


def simulation(stack: Stack, region: str, path: str, method: str = "GET", body: Any = None) -> Any:
    """Asks the simulated Kaltura of a region for what only tests may know or do."""
    sent = None if body is None else json.dumps(body).encode()
    request = Request(f"{stack.kaltura.urls[region]}/_sim/{path}", sent, method=method)
    with urlopen(request, timeout=60) as answer:
        return json.load(answer)


def calls(stack: Stack) -> int:
    return sum(len(simulation(stack, region, "calls")) for region in stack.kaltura.urls)


def check(stack: Stack, a_key: str) -> int:
    """The object is what Kaltura knows, with the contract's metadata; how many rows it has."""
    slug, _, region = a_key.split("/")[:3]
    report = next(report for report in REPORTS if report.slug == slug)
    found = stack.aws.s3.get_object(Bucket=stack.bucket, Key=a_key)
    metadata = found["Metadata"]
    assert set(metadata) == CONTRACT
    start, end = (
        int(datetime.fromisoformat(metadata[f"window-{which}"]).timestamp())
        for which in ("start", "end")
    )
    path = f"truth?report={report.id}&start={start}&end={end}"
    truth = simulation(stack, region.removeprefix("region="), path)["rows"]
    text = io.StringIO(found["Body"].read().decode(), newline="")
    assert list(csv.reader(text, strict=True)) == published_rows(report, truth), a_key
    assert metadata["state"] == "settled"
    assert metadata["rows"] == str(len(truth))
    return len(truth)


def versions(stack: Stack, prefix: str) -> dict[str, list[str]]:
    """The versions of each object."""
    pages = stack.aws.s3.get_paginator("list_object_versions").paginate(
        Bucket=stack.bucket, Prefix=prefix
    )
    found: dict[str, list[str]] = {}
    for page in pages:
        for version in page.get("Versions", []):
            found.setdefault(version["Key"], []).append(version["VersionId"])
    return found


@contextmanager
def settings(stack: Stack, **variables: str) -> Iterator[None]:
    """Other settings of the exporter for as long as a ``with`` block lasts."""
    function = stack.outputs["ExporterFunction"]
    before = stack.aws.functions.get_function_configuration(FunctionName=function)
    stack.configure(**variables)
    try:
        yield
    finally:
        stack.configure(**before["Environment"]["Variables"])


@contextmanager
def watched_stack() -> Iterator[Stack]:
    """The real template, deployed; at the end no secret may have shown up in any log."""
    with local_stack() as deployed:
        yield deployed
        logged = deployed.log_text()
        for region, account in deployed.kaltura.secret.items():
            for name, value in account.items():
                assert name == "partner_id" or str(value) not in logged, f"{region}: {name}"
