"""What CI runs: every target that proves something is run by a workflow."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.stack.servers import ROOT


def workflow(name: str) -> Any:
    """Return a workflow; YAML 1.1 reads the key ``on`` as true."""
    return yaml.safe_load((ROOT / ".github/workflows" / name).read_text(encoding="utf-8"))


def test_the_longest_tests_run_every_week() -> None:
    weekly = workflow("weekly.yml")
    (schedule,) = weekly[True]["schedule"]
    minute, hour, day_of_month, month, day_of_week = schedule["cron"].split()
    assert (day_of_month, month, day_of_week) == ("*", "*", "0")
    assert minute.isdigit()
    assert hour.isdigit()
    (job,) = weekly["jobs"].values()
    assert job["uses"] == "./.github/workflows/ci.yml"
    declared = workflow("ci.yml")[True]["workflow_call"]["inputs"]
    assert set(job["with"]) == set(declared)
    assert job["with"]["target"] == "test-all"
    assert f"\n{job['with']['target']}:" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert 90 < job["with"]["minutes"] <= 360, "the most that GitHub allows"


def test_the_target_reaches_the_script() -> None:
    (job,) = workflow("ci.yml")["jobs"].values()
    last = job["steps"][-1]
    assert last["run"] == '.ci/run "$TARGET"'
    assert last["env"] == {"TARGET": "${{ inputs.target || 'test' }}"}


@pytest.mark.parametrize(
    ("arguments", "expected"), [((), "test"), (("test",), "test"), (("test-all",), "test-all")]
)
def test_the_script_makes_the_target_that_is_named(
    tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    for name in ("chromium", "npm", "make"):
        (tmp_path / name).write_text('#!/bin/sh\necho "made $*"\n')
        (tmp_path / name).chmod(0o755)
    ran = subprocess.run(
        [ROOT / ".ci/run", *arguments],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == f"made {expected}\n"
