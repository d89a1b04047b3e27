"""The environment variables of docs/command.md: the command reads them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "layers" / "room_reports", ROOT / "command")


def said(folder: Path, **environment: str) -> str:
    """Return what ``status`` says where AWS cannot be reached."""
    ran = subprocess.run(
        [sys.executable, "-m", "room_reports_command", "status"],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join(map(str, SOURCES)),
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (3, "")
    return ran.stderr


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_of_aws_is_read_from_either_variable(tmp_path: Path, variable: str) -> None:
    assert "AWS cannot be used" in said(tmp_path, **{variable: "eu-west-1"})


def test_without_a_region_of_aws_the_variable_is_named(tmp_path: Path) -> None:
    assert "set AWS_REGION" in said(tmp_path)
