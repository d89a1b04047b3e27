"""The built artefacts under the real Lambda runtime client, against the local stack."""

import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from local.stack.deployment import BUILD
from local.stack.process import Process, free_port, listens, start, wait_until
from local.stack.stack import Stack, scheduled_event

ROOT = Path(__file__).parents[2]
DAY = "2026-03-03"


def emulator() -> Path:
    """Return the Runtime Interface Emulator that is part of the SAM CLI."""
    machine = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    found = ROOT.glob(f".venvs/sam/lib/python3*/site-packages/samcli/local/rapid/*{machine}")
    return next(found)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file that the function's output goes to."""
    return tmp_path_factory.mktemp("rie") / "rie.log"


@pytest.fixture(scope="module")
def url(stack: Stack, log: Path) -> Iterator[str]:
    """Return the URL of the exporter, run as in AWS: runtime client, layer and function."""
    exporter = stack.aws.functions.get_function_configuration(
        FunctionName=stack.outputs["ExporterFunction"]
    )
    port, runtime_port = free_port(), free_port()
    process: Process = start(
        [
            emulator(),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
            *("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
            *(ROOT / ".venvs/runtime/bin/python", "-m", "awslambdaric", exporter["Handler"]),
        ],
        {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(BUILD / "build" / "RoomReportsLayer" / "python"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAMBDA_TASK_ROOT": str(ROOT / "functions" / "exporter"),
            "AWS_LAMBDA_FUNCTION_NAME": exporter["FunctionName"],
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(exporter["Timeout"]),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(exporter["MemorySize"]),
            **exporter["Environment"]["Variables"],
            "CATCH_UP_DAYS": "2",
            **stack.aws.environment(),
        },
        log,
        ROOT / "functions" / "exporter",
    )
    try:
        wait_until(partial(listens, port), process, log, 20)
        yield f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    finally:
        process.stop()


def invoke(url: str, event: object) -> dict[str, Any]:
    result: dict[str, Any] = requests.post(url, json=event, timeout=120).json()
    return result


def test_a_direct_event_exports_a_day(stack: Stack, url: str) -> None:
    event = {"from": DAY, "to": "2026-03-04", "force": True}
    result = invoke(url, event)
    assert result["failed"] == []
    assert len(result["exported"]) == 6
    key = f"attendees/granularity=day/region=us/dt={DAY}/attendees_us_{DAY}.csv"
    metadata = stack.aws.s3.head_object(Bucket=stack.bucket, Key=key)["Metadata"]
    assert metadata["state"] == "settled"
    assert metadata["run-id"] == result["run_id"]


def test_a_scheduled_event_exports_what_is_due_and_a_second_one_nothing(url: str) -> None:
    event = scheduled_event(
        "arn:aws:events:us-east-1:000000000000:rule/schedule",
        datetime(2026, 4, 9, 1, 7, tzinfo=UTC),
    )
    first, second = invoke(url, event), invoke(url, event)
    assert first["failed"] == second["failed"] == []
    assert first["exported"]
    assert second["exported"] == []


def test_everything_is_prepared_before_the_first_invocation(url: str, log: Path) -> None:
    invoke(url, {"from": DAY, "to": "2026-03-04", "dry_run": True})
    output = log.read_text(encoding="utf-8")
    assert '"message":"Planned"' in output
    assert "Not prepared" not in output


def test_a_wrong_event_fails_with_a_message(url: str) -> None:
    result = invoke(url, {"from": "2026-03-04", "to": DAY})
    assert result["errorType"] == "ConfigurationError"
    assert DAY in result["errorMessage"]
