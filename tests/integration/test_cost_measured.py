"""What a run calls and stores is still what docs/cost.md was computed from."""

import subprocess
from pathlib import Path

import pytest

from tests.bench.cost import measure
from tests.support.extent import long_test
from tools.cost.measured import measured
from tools.cost.profiles import COLLEGE
from tools.fleet.__main__ import command
from tools.fleet.config import FleetStack

ROOT = Path(__file__).parents[2]
COUNTS = ("runs", "s3", "secret_reads", "kaltura", "metrics", "report_calls", "api")
BYTES = {"run_record_bytes_a_day": 0.01, "log_bytes": 0.2}
"""Sizes that may differ by a share: both hold times, and pytest changes what the logger adds."""


@long_test
def test_a_week_of_a_college_is_as_measured() -> None:
    kept, found = measured()[COLLEGE.name], measure(COLLEGE)
    assert {name: found[name] for name in COUNTS} == {name: kept[name] for name in COUNTS}, (
        "run make cost"
    )
    assert found["stored_bytes_a_day"] == kept["stored_bytes_a_day"]
    for name, share in BYTES.items():
        assert found[name] == pytest.approx(kept[name], rel=share), "run make cost"


def test_the_sam_cli_has_the_options_that_a_fleet_is_deployed_with() -> None:
    stack = FleetStack("a", "p", "us-east-1", {})
    options = {word for word in command(stack, Path("/x")) if word.startswith("--")}
    sam = ROOT / ".venvs/sam/bin/sam"
    shown = subprocess.run(
        [sam, "deploy", "--help"], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    # The confirmation is one option with two names.
    assert {option for option in options if option not in shown} <= {"--no-confirm-changeset"}
    assert "--confirm-changeset" in shown
