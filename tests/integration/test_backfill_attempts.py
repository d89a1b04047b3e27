"""Child workflows that Step Functions tries again: every window is counted once."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local.kaltura.campus import Size
from room_reports_command.backfill_progress import ProgressReader
from tests.integration.test_backfill import DAYS, RANGE, is_complete
from tests.support.backfill import Backfill, FailedChildError
from tests.support.world import World


@pytest.fixture
def world() -> Iterator[World]:
    with World(regions=("us", "eu"), size=Size(rooms=3, attendees=3)) as made:
        yield made


@dataclass
class TriedAgain(Backfill):
    """An execution in which Step Functions tries each child workflow again.

    Attributes:
        lose: what becomes of the first attempt of a child workflow.
    """

    lose: Callable[[dict[str, Any]], None] = lambda _: None

    def _child(self, item: dict[str, Any]) -> None:
        self.lose(item)
        super()._child(item)

    def kill(self, item: dict[str, Any], last: str) -> None:
        """Leave what an invocation leaves that is killed when it has exported a part."""
        self.invoke({**item, "to": last})
        control = item["backfill"]
        folder = f"{control['region']}/round-{control['round']:03}/"
        for key in self.objects(folder):
            if key.startswith(f"{folder}{control['portion']:05}"):
                self.world.s3.store.remove(f"backfill/{self.execution}/{key}")
        for key in self.world.s3.store.keys("runs/"):
            self.world.s3.store.remove(key)


def assert_counted_once(backfill: Backfill, summary: Any) -> None:
    world = backfill.world
    assert is_complete(world)
    assert sorted(world.written_keys()) == sorted(world.export_keys()), "none twice"
    rows = sum(len(world.rows(key)) - 1 for key in world.export_keys())
    assert (summary["exported"], summary["rows"], summary["remaining"]) == (DAYS * 6, rows, 0)
    assert (summary["complete"], summary["failures"]) == (True, [])
    bucket = world.exporter().dependencies.bucket("bucket")
    progress = ProgressReader(bucket, backfill.execution).read()
    assert (progress.done, progress.total, progress.rows) == (DAYS * 6, DAYS * 6, rows)
    assert progress.failed == 0


def test_responses_that_are_lost_change_no_number(world: World) -> None:
    backfill = TriedAgain(world)
    backfill.lose = backfill.invoke
    assert_counted_once(backfill, backfill.run(RANGE))


def test_invocations_that_are_killed_change_no_number(world: World) -> None:
    backfill = TriedAgain(world)
    backfill.lose = lambda item: backfill.kill(item, f"{item['from'][:8]}12T00:00:00Z")
    assert_counted_once(backfill, backfill.run(RANGE))


def test_hours_of_invocations_that_are_killed_are_counted(world: World) -> None:
    event = {"from": "2026-08-31", "to": "2026-09-02", "granularity": "hour"}
    backfill = TriedAgain(world)
    backfill.lose = lambda item: backfill.kill(item, f"{item['from'][:10]}T07:00:00Z")
    summary = backfill.run(event)
    assert (summary["exported"], summary["complete"]) == (48 * 6, True)
    assert len(world.written_keys()) == 48 * 6


def test_invocations_that_are_killed_every_time_change_no_number(world: World) -> None:
    error = {"Error": "Lambda.Unknown", "Cause": "the function has crashed"}

    def crash(item: dict[str, Any]) -> None:
        if item["backfill"]["round"] > 1:
            return
        for day in ("05", "20"):
            backfill.kill(item, f"{item['from'][:8]}{day}T00:00:00Z")
        control = {**item["backfill"], "action": "fail", "failed": error}
        backfill.invoke({"backfill": control})
        raise FailedChildError

    backfill = TriedAgain(world, lose=crash)
    summary = backfill.run(RANGE)
    errors = [
        each for key, each in backfill.objects("us/").items() if key.endswith("00001.error.json")
    ]
    assert [each["exported"] for each in errors] == [19]
    assert summary["regions"]["us"]["rounds"] == 2
    assert_counted_once(backfill, summary)


def test_a_map_that_fails_after_its_children_have_exported_changes_no_number(world: World) -> None:
    backfill = Backfill(world)
    begun = backfill.step("begin", {"started_at": "2026-09-20T00:07:00Z"}, event=RANGE)
    us, eu = (backfill.step("plan", region) for region in begun["regions"])
    for item in json.loads(world.item(us["portions"]).body)[:2]:
        backfill.invoke(item)
    failed = {"Error": "States.ExceedToleratedFailureThreshold", "Cause": "x"}
    summary = backfill.step("end", {"regions": [{**us, "failed": failed}, eu]})
    found = summary["regions"]["us"]
    assert (found["exported"], found["remaining"]) == (62, DAYS * 3 - 62)
    assert summary["failures"][0]["windows"] == DAYS * 3 - 62


def test_what_a_scheduled_run_exports_meanwhile_is_not_counted(world: World) -> None:
    def run_before(item: dict[str, Any]) -> None:
        if item["backfill"]["portion"] == 1:
            world.run({"from": "2026-08-03", "to": "2026-08-05", "reports": ["attendees"]})

    backfill = TriedAgain(world, lose=run_before)
    summary = backfill.run({**RANGE, "regions": ["us"]})
    assert (summary["exported"], summary["complete"]) == (DAYS * 3 - 2, True)


def test_the_progress_follows_a_result_that_is_written_again(world: World) -> None:
    event = {"from": "2026-08-01", "to": "2026-09-01", "reports": ["attendees"], "regions": ["us"]}
    backfill = Backfill(world)
    begun = backfill.step("begin", {"started_at": "2026-09-20T00:07:00Z"}, event=event)
    us = backfill.step("plan", begun["regions"][0])
    (item,) = json.loads(world.item(us["portions"]).body)
    reader = ProgressReader(world.exporter().dependencies.bucket("bucket"), "first")
    backfill.invoke({**item, "to": "2026-08-11T00:00:00Z"})
    assert (reader.read().done, reader.read().total) == (10, 31)
    backfill.invoke(item)
    assert reader.read().done == 31
