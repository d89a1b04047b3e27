"""The demo, run as a stranger's CI would: plain, checked, clean, and as the README records it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_VARYING = {
    r"\b[\d.]+ s\b": "# s",
    r"127\.0\.0\.1:\d+": "127.0.0.1:#",
    r"execute-api/\w+": "execute-api/#",
    r"rooms?-reports-bucket-\w+": "room-reports-bucket-#",
    # How many tasks had begun when the circuit breaker opened.
    r"(150) +\d+ +\d+": r"\1 # #",
    r", \d+ times": ", # times",
    r" +": " ",
}


def alike(text: str) -> list[str]:
    """The lines of what the demo prints, without what differs from one run to the next."""
    for pattern, replacement in _VARYING.items():
        text = re.sub(pattern, replacement, text)
    return [line.strip() for line in text.split("\n") if line.strip()]


@pytest.fixture(scope="module")
def printed() -> str:
    environment = {name: value for name, value in os.environ.items() if name != "KEEP"}
    done = subprocess.run(
        [sys.executable, "-m", "local.demo"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    return done.stdout


def test_it_checks_everything_and_leaves_nothing(printed: str) -> None:
    last = printed.rstrip().split("\n")[-1]
    assert re.fullmatch(r"All 20 checks hold, after \d+ s\. Everything was .*removed\.", last)


def test_it_is_plain_text_where_there_is_no_terminal(printed: str) -> None:
    assert "\x1b" not in printed
    assert "\r" not in printed
    assert len(printed.split("\n")) < 150


def test_the_readme_shows_what_it_prints(printed: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("## See it work")[1].split("\n## ")[0]
    recorded = re.findall(r"```text\n(.+?)```", section, re.DOTALL)
    assert len(recorded) == 2
    real = "\n".join(alike(printed))
    for block in recorded:
        assert "\n".join(alike(block)) in real
