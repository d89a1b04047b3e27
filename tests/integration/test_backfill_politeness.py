"""A backfill's children and a Kaltura that says when to call again, with the real policy."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Timer

import pytest

from local.kaltura.campus import Size
from local.kaltura.faults import Fault
from room_reports.export.service import ExporterService
from room_reports.kaltura.client import RetryPolicy
from room_reports.kaltura.transport import HttpPolicy
from room_reports.runtime import ThreadRuntime
from tests.support.backfill import Backfill
from tests.support.world import World

RETRY_AFTER = 2
"""Seconds."""
REFUSED = 3.5 * RETRY_AFTER
"""Seconds: a task is given up after three attempts, and the next ones begin."""
CHILDREN = 3
THREADS = 2 * CHILDREN
TOLERANCE = 0.5
"""Seconds between sending a call and noting it, by which two can come closer on a busy machine."""


class RealTimeWorld(World):
    """A world whose exporters wait as long as they do on AWS, and whose Kaltura notes when."""

    begun = time.monotonic()

    def exporter(self) -> ExporterService:
        dependencies = super().exporter().dependencies
        return ExporterService(replace(dependencies, retry=RetryPolicy(), http=HttpPolicy()))

    def kaltura_time(self) -> datetime:
        return super().kaltura_time() + timedelta(seconds=time.monotonic() - self.begun)


@pytest.fixture
def world() -> Iterator[RealTimeWorld]:
    variables = {"CONCURRENCY": "2", "BACKFILL_CONCURRENCY": str(THREADS)}
    with RealTimeWorld(
        size=Size(rooms=3, attendees=3), variables=variables, runtime=ThreadRuntime()
    ) as made:
        yield made


def most_within(seconds: float, times: list[float]) -> int:
    """Return the most of some times that lie within so many seconds."""
    return max(sum(begin <= each < begin + seconds for each in times) for begin in times)


@pytest.mark.parametrize(
    ("status", "service", "at_once"),
    # A child starts one Kaltura session for all of its threads.
    [(429, None, CHILDREN), (503, "report", THREADS)],
)
def test_all_children_together_wait_as_long_as_kaltura_says(
    world: RealTimeWorld, status: int, service: str | None, at_once: int
) -> None:
    us = world.regions["us"]
    refusal = Fault("http_status", status=status, seconds=RETRY_AFTER, service=service, times=None)
    us.faults.push(refusal)
    Timer(REFUSED, us.faults.clear).start()
    backfill = Backfill(world)
    summary = backfill.run({"from": "2026-03-01", "to": "2026-05-01"})
    assert summary["complete"]
    refused = [call.time for call in us.calls.all() if call.outcome == f"http {status}"]
    found = most_within(RETRY_AFTER - TOLERANCE, refused)
    print(f"{len(refused)} calls refused in {REFUSED} s, at most {found} in {RETRY_AFTER} s")
    # Several children were there, and no thread called twice in that time.
    assert 2 <= found <= at_once
    # From the fourth on, they are of other tasks.
    assert max(refused) - min(refused) > 2.5 * RETRY_AFTER
