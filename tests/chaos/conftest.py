"""Adds up what the seeds did, and keeps the seeds that reached a new state."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_KEPT = Path(__file__).with_name("seeds.txt")
_YEAR = 365.25 * 86_400
_USUAL = 200
"""The first seeds always run, so that none of them needs to be kept."""

_WORTH_KEEPING = 8
"""The new states that a seed must reach to be kept, so that `make test` stays quick."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print simulated time and states; with KEEP_SEEDS=1, keep the seeds that reached new ones."""
    told = sorted(_told(terminalreporter), key=lambda each: int(each["seed"]))
    if not told:
        return
    kept = {int(seed) for seed in _KEPT.read_text().split()}
    known: set[str] = set()
    new: list[int] = []
    for usual in (True, False):
        for each in told:
            seed, states = int(each["seed"]), set(each["states"])
            if (seed < _USUAL or seed in kept) is usual:
                if usual:
                    known |= states
                elif len(states - known) >= _WORTH_KEEPING:
                    new.append(seed)
                    known |= states
    years = sum(each["seconds"] for each in told) / _YEAR
    minutes = sum(each["real"] for each in told) / 60
    terminalreporter.write_line(
        f"chaos: {len(told)} seeds, {years:.2f} simulated years, {years / minutes:.2f} a minute of "
        f"one process; {len(known)} states of reason or outcome and fault; new in seeds {new}"
    )
    if os.environ.get("KEEP_SEEDS") and new:
        lines = sorted({*kept, *new})
        _KEPT.write_text("".join(f"{seed}\n" for seed in lines))


def _told(terminalreporter: pytest.TerminalReporter) -> Iterator[dict[str, Any]]:
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "chaos" and report.when == "call":
                    yield json.loads(str(value))
