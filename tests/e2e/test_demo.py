"""The demo: what it prints, the picture of it, and what its stack shows to other programs."""

import io
import json
import re
from collections import defaultdict
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from local.demo.__main__ import main
from local.stack.stack import Stack
from tests.support.golden import record_golden

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "demo.svg"
GOLDEN = ROOT / "tests" / "golden" / "demo.json"
_SVG = "{http://www.w3.org/2000/svg}"
_VARYING = {
    r"\xa0": " ",
    r"\b[\d.]+ s\b": "# s",
    r"127\.0\.0\.1:\d+": "127.0.0.1:#",
    r"execute-api/\w+": "execute-api/#",
    r"room-reports-bucket-\w+": "room-reports-bucket-#",
    # How many tasks had begun when the circuit breaker opened.
    r"(450) +\d+ +\d+": r"\1 # #",
    r", \d+ times": ", # times",
    # A line of the picture is made of pieces that have a position instead of blanks.
    r" +": "",
}


def alike(text: str) -> list[str]:
    """Return the lines of what the demo prints, without what differs between runs."""
    for pattern, replacement in _VARYING.items():
        text = re.sub(pattern, replacement, text)
    return [line.strip() for line in text.split("\n") if line.strip()]


def picture_lines() -> str:
    """Return the text of the picture, line by line."""
    lines: dict[float, str] = defaultdict(str)
    (matrix,) = (
        group
        for group in ElementTree.parse(PICTURE).iter(f"{_SVG}g")
        if group.get("class") == "demo-matrix"
    )
    for piece in matrix.iter(f"{_SVG}text"):
        lines[float(piece.get("y", ""))] += f" {piece.text}"
    return "\n".join(text for _, text in sorted(lines.items()))


@pytest.fixture(scope="module")
def demo() -> tuple[str, dict[str, Any]]:
    """Run the demo once; what it printed, and the golden set of its stack."""
    golden: dict[str, Any] = {}
    printed, errors = io.StringIO(), io.StringIO()

    def record(stack: Stack) -> None:
        golden.update(json.loads(json.dumps(record_golden(stack))))

    with pytest.MonkeyPatch.context() as patch:
        for name in ("KEEP", "IMAGE", "FORCE_COLOR", "TTY_INTERACTIVE", "COLUMNS"):
            patch.delenv(name, raising=False)
        with redirect_stdout(printed), redirect_stderr(errors):
            status = main(record)
    assert status == 0, printed.getvalue()
    assert not errors.getvalue()
    return printed.getvalue(), golden


@pytest.fixture(scope="module")
def printed(demo: tuple[str, dict[str, Any]]) -> str:
    return demo[0]


def test_it_checks_everything_and_leaves_nothing_running(printed: str) -> None:
    last = printed.rstrip().split("\n")[-1]
    assert re.fullmatch(r"All 20 checks hold, after \d+ s\. Everything was .*removed\.", last)


def test_it_prints_plain_text_without_a_terminal(printed: str) -> None:
    assert "\x1b" not in printed
    assert "\r" not in printed
    assert len(printed.split("\n")) < 150


def test_its_picture_shows_what_it_prints(printed: str) -> None:
    shown, real = alike(picture_lines()), iter(alike(printed))
    assert 40 < len(shown) <= 70
    for line in shown:
        assert line in real, f"not printed, or not in this order: {line}"


def test_its_picture_refers_to_nothing_outside_it() -> None:
    svg = PICTURE.read_text(encoding="utf-8")
    assert not re.search(r"@font-face|@import|href|url\((?!#)", svg)


def test_its_stack_shows_other_programs_the_golden_set(demo: tuple[str, dict[str, Any]]) -> None:
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert demo[1].keys() == expected.keys()
    for part, values in expected.items():
        assert demo[1][part] == values, part
