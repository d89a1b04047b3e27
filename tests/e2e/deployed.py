"""Checks of the deployed exporter, and control of the simulated Kaltura."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from local.kaltura.control_client import ControlClient
from local.kaltura.published import published_file
from local.stack.lifecycle import local_stack
from local.stack.stack import Stack
from room_reports.model.reports import REPORTS

CONTRACT = {
    *("rows", "sha256", "window-start", "window-end"),
    *("exported-at", "state", "run-id", "schema"),
    *("time-zone", "filters", "source", "privacy"),
    *("sessions", "duplicates"),
}
OF_USERS = {"users", "minutes", "unknown-rows"}
"""Only the attendees have them, and ``user-forms`` if there is a user."""
OF_ROOMS = {"session-bits"}
"""Only the reports of rooms have them, and not the breakout sessions."""
OF_ROOM_DATA = {"session-users"}


def simulation(stack: Stack, region: str, path: str, method: str = "GET", body: Any = None) -> Any:
    """Send a request to the control interface of a simulated region."""
    return ControlClient(stack.kaltura.urls[region]).send(method, path, body)


def calls(stack: Stack) -> int:
    return sum(len(simulation(stack, region, "calls")) for region in stack.kaltura.urls)


def check(stack: Stack, a_key: str) -> int:
    """Compare an object with Kaltura's rows and the contract; return its number of rows."""
    slug, _, region = a_key.split("/")[:3]
    report = next(report for report in REPORTS if report.slug == slug)
    found = stack.aws.s3.get_object(Bucket=stack.bucket, Key=a_key)
    metadata = found["Metadata"]
    expected = set(CONTRACT)
    expected |= OF_USERS if slug == "attendees" else set()
    expected |= OF_ROOMS if slug != "breakout_sessions" else set()
    expected |= OF_ROOM_DATA if slug == "room_data" else set()
    assert set(metadata) - {"user-forms"} == expected
    start, end = (
        int(datetime.fromisoformat(metadata[f"window-{which}"]).timestamp())
        for which in ("start", "end")
    )
    kaltura = ControlClient(stack.kaltura.urls[region.removeprefix("region=")])
    truth = kaltura.truth(report.id, start, end)
    body = found["Body"].read()
    rows = published_file(a_key, report, (start, end), truth, body=body, metadata=metadata)
    assert metadata["state"] == "settled"
    return len(rows)


def _workers(stack: Stack) -> list[int]:
    """Return the processes that run this stack's exporter."""
    wanted = (
        f"AWS_ENDPOINT_URL={stack.aws.endpoint_url}".encode(),
        f"AWS_LAMBDA_FUNCTION_NAME={stack.outputs['ExporterFunction']}".encode(),
    )
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            environment = (process / "environ").read_bytes().split(b"\0")
            if all(item in environment for item in wanted):
                found.append(int(process.name))
    return found


def kill_exporter(stack: Stack) -> None:
    """Kill every process that runs this stack's exporter, as Lambda does without memory."""
    for worker in _workers(stack):
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


@contextmanager
def settings(stack: Stack, **variables: str) -> Iterator[None]:
    """Change the exporter's settings for the duration of a ``with`` block."""
    function = stack.outputs["ExporterFunction"]
    before = stack.aws.functions.get_function_configuration(FunctionName=function)
    stack.configure(**variables)
    try:
        yield
    finally:
        stack.configure(**before["Environment"]["Variables"])


@contextmanager
def watched_stack(parameters: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Run a stack; at the end, check that no secret is in any log.

    State machines pause there for a hundredth of the time.
    """
    with pytest.MonkeyPatch.context() as patch, ExitStack() as running:
        patch.setenv("SFN_WAIT_SCALE", "0.01")
        deployed = running.enter_context(local_stack(parameters))
        yield deployed
        logged = deployed.log_text()
        for region, account in deployed.kaltura.secret.items():
            for name, value in account.items():
                assert name == "partner_id" or str(value) not in logged, f"{region}: {name}"
