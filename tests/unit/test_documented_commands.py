"""The commands in the documentation: what they must not do to a checkout or to a connection."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
CONFIG = "deploy.toml"


def commands(name: str) -> list[str]:
    """Return each use of a command, with its continued lines, in every page."""
    found: list[str] = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        found += re.findall(rf"{name}\b[^\n`]*", text)
    return found


def test_deploying_never_writes_to_a_tracked_file() -> None:
    assert len(commands("sam deploy")) >= 4
    guided = [each for each in commands("sam deploy") if "--config-file" not in each]
    # It may be named without its options.
    assert set(guided) <= {"sam deploy", "sam deploy --guided"}
    ignored = subprocess.run(
        ["git", "check-ignore", "--quiet", CONFIG], cwd=ROOT, check=False
    ).returncode
    assert ignored == 0
    assert f"cp samconfig.toml {CONFIG}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_long_invocations_are_asynchronous() -> None:
    invocations = commands("aws lambda invoke")
    instructions = (ROOT / "local/stack/instructions.py").read_text(encoding="utf-8")
    invocations += re.findall(r"lambda invoke .*?result\.json", instructions, re.S)
    assert len(invocations) >= 3
    for command in invocations:
        assert "--invocation-type Event" in command, command


@pytest.mark.parametrize("page", ["README.md"])
def test_windows_users_are_pointed_to_wsl(page: str) -> None:
    assert "Windows Subsystem for Linux" in (ROOT / page).read_text(encoding="utf-8")
