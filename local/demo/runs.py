"""Sending the schedule's event, watching the run, and reading what it answered."""

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.progress import Progress

from local.demo.kaltura import SimulatedRegion
from local.demo.screen import Screen
from local.demo.week import File
from local.stack.stack import InvocationResult, Stack

_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Failure:
    """A task that a run could not do."""

    key: str
    error: str


@dataclass(frozen=True)
class Report:
    """What a run said that it did."""

    succeeded: bool
    run_id: str
    exported: frozenset[str]
    skipped: int
    deferred: int
    failed: tuple[Failure, ...]

    @classmethod
    def of(cls, answer: InvocationResult) -> "Report":
        """The run's answer; one that failed carries it in its error's message."""
        said: Mapping[str, Any] = (
            answer.payload if answer.error is None else json.loads(answer.payload["errorMessage"])
        )
        return cls(
            succeeded=answer.error is None,
            run_id=said["run_id"],
            exported=frozenset(said["exported"]),
            skipped=said["skipped"],
            deferred=said["deferred"],
            failed=tuple(Failure(item["task"], item["error"]) for item in said["failed"]),
        )

    def __str__(self) -> str:
        counts = (len(self.exported), self.skipped, self.deferred, len(self.failed))
        return "".join(f"{count:>10,}" for count in counts)


HEADINGS = " " * 25 + "".join(
    f"{name:>10}" for name in ("exported", "skipped", "deferred", "failed")
)
"""For the lines of runs."""


def run_schedule(
    stack: Stack,
    regions: Sequence[SimulatedRegion],
    now: datetime,
    due: Sequence[File],
    screen: Screen,
) -> Report:
    """Send the schedule's event of ``now`` and wait for the end of the run.

    Args:
        due: what the run has to do, for the progress bars.
    """
    began = time.monotonic()
    with ThreadPoolExecutor(1) as background, screen.bars() as bars:
        seen = {region.name: region.answered()[0] for region in regions}
        running = background.submit(stack.run_schedule, now)
        _watch(running, regions, seen, due, bars)
        report = Report.of(running.result())
    line = f"{now:%a %F %H:%M} UTC{report}"
    (screen.done if report.succeeded else screen.failed)(line, time.monotonic() - began)
    return report


def _watch(
    running: "Future[InvocationResult]",
    regions: Sequence[SimulatedRegion],
    seen: dict[str, int],
    due: Sequence[File],
    bars: Progress,
) -> None:
    totals = {region.name: sum(file.region == region.name for file in due) for region in regions}
    shown = {
        name: bars.add_task(f"reports from {name}", total=total)
        for name, total in totals.items()
        if total
    }
    while not running.done():
        time.sleep(_POLL_SECONDS)
        for region in regions:
            if region.name in shown:
                seen[region.name], reports = region.answered(seen[region.name])
                bars.advance(shown[region.name], reports)
