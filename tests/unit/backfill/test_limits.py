"""Step Functions' limits, at ten years of days and hours in as many regions as a stack can have.

AWS's limits: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from local.stack.servers import ROOT
from room_reports.backfill.portions import Portion, portions, total
from room_reports.backfill.results import MAX_ERROR, MAX_REASONS, Failure
from room_reports.backfill.rounds import MAX_TURNS, PAUSES, WAIT, Ended, RegionState
from room_reports.backfill.summary import summarise
from room_reports.export.scope import CalendarRange, Scope
from room_reports.export.state import LONGEST_RUN
from room_reports.model.reports import REPORTS
from room_reports.model.windows import Calendar, Granularity
from tests.unit.backfill.test_portions import plan

MAX_EVENTS = 25_000
"""Of the history of one execution."""
MAX_PAYLOAD = 256 * 1024
"""Bytes of an input or an output."""
MAX_CAUSE = 32_768
"""Characters of the cause of a failed execution."""
MAX_LAMBDA_SECONDS = 900
REGIONS = 6
"""That is what the pattern of KalturaRegions allows."""
NOW = datetime(2026, 10, 1, tzinfo=UTC)
DEFINITION = yaml.safe_load((ROOT / "statemachines/backfill.asl.yaml").read_text())
NAME = "n" * 80
REGION = "r" * 16


@pytest.fixture(scope="module")
def found() -> list[Portion]:
    """Return the portions of one region."""
    start = datetime(2016, 10, 1, tzinfo=UTC)
    scope = Scope(
        trigger="backfill",
        now=NOW,
        reports={REGION: REPORTS},
        time_ranges={
            kind: CalendarRange(start, NOW, Calendar(kind, ZoneInfo("UTC"))) for kind in Granularity
        },
        open_windows=False,
    )
    return portions(plan(scope, set()))


def worst_state() -> RegionState:
    error, task = "é" * MAX_ERROR, f"attendees/granularity=hour/region={REGION}/" + "k" * 90
    failure = Failure("C" * 30, 10**6, True, task, error)
    return RegionState(*(10**9,) * 6, failures=(failure,) * MAX_REASONS, ended=Ended.SUPERSEDED)


def size(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def events(state: dict[str, Any], within: int = 0) -> int:
    """Return the most events that one visit of a state writes into its execution's history.

    Args:
        within: The events of one iteration of an inline Map.
    """
    attempts: int = 1 + sum(retrier["MaxAttempts"] for retrier in state.get("Retry", ()))
    match state["Type"]:
        case "Task":  # entered, exited; for each attempt scheduled, started, and how it ended
            return 2 + 3 * attempts
        case "Map" if state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED":
            # entered, exited; for each attempt the state and the Map Run started and ended
            return 2 + 4 * attempts
        case "Map":  # entered, started, ended, exited; each iteration started and ended
            return 4 + REGIONS * (2 + within)
        case "Choice" | "Wait" | "Pass" | "Succeed" | "Fail":
            return 2
        case other:
            raise AssertionError(other)


def test_the_history_of_an_execution_stays_within_its_limit() -> None:
    states = DEFINITION["States"]
    inner = states["Regions"]["ItemProcessor"]["States"]
    assert set(inner) == {
        *("Plan", "WhatIsNext", "WaitForCalls", "Pause", "Export", "RegionEnded"),
    }
    turn = events(inner["Plan"]) + events(inner["WhatIsNext"])
    turn += max(events(inner["WaitForCalls"]), events(inner["Pause"]) + events(inner["Export"]))
    region = MAX_TURNS * turn + events(inner["RegionEnded"])
    others = sum(events(state) for name, state in states.items() if name != "Regions")
    most = 2 + others + events(states["Regions"], region)
    assert 1_000 < most < MAX_EVENTS


def test_the_turns_are_enough_to_wait_for_calls_and_to_try_again() -> None:
    waits = LONGEST_RUN.total_seconds() / WAIT
    assert waits + len(PAUSES) + 40 <= MAX_TURNS


def test_a_child_s_history_is_short() -> None:
    child = DEFINITION["States"]["Regions"]["ItemProcessor"]["States"]["Export"]["ItemProcessor"]
    assert 2 + sum(events(state) for state in child["States"].values()) < 100


def test_every_window_of_ten_years_is_in_a_portion(found: list[Portion]) -> None:
    days = (NOW - datetime(2016, 10, 1, tzinfo=UTC)).days
    assert total(found) == len(REPORTS) * days * 25
    assert len(found) == len(REPORTS) * 120 * 2
    assert max(portion.windows for portion in found) == 31 * 24


def test_the_output_of_the_map_stays_within_a_payload(found: list[Portion]) -> None:
    """Each child's output is {}, because the results would add up to more."""
    child = DEFINITION["States"]["Regions"]["ItemProcessor"]["States"]["Export"]["ItemProcessor"]
    final = [state for state in child["States"].values() if state.get("End")]
    assert len(final) == 2
    assert all(state["OutputPath"] is None for state in final)
    assert size([{}] * len(found)) < MAX_PAYLOAD / 10
    # The portions themselves would not fit. They are in the bucket.
    assert size([portion.event() for portion in found]) * REGIONS > MAX_PAYLOAD / 4


def test_the_states_of_all_regions_fit_into_a_payload() -> None:
    plan_output = {
        "region": REGION,
        "state": worst_state().to_dict(),
        "next": "export",
        "pause": 900,
        "portions": f"backfill/{NAME}/{REGION}/round-001.json",
        "children": 100,
        "failed": {"Error": "E" * 80, "Cause": "c" * MAX_CAUSE},
    }
    assert size([plan_output] * REGIONS) < MAX_PAYLOAD


def test_the_summary_fits_into_the_cause_of_a_failed_execution() -> None:
    request = {
        "execution": NAME,
        "event": {"from": "2016-10-01T00:00:00Z", "to": "2026-10-01T00:00:00Z"},
        "started_at": "2026-10-01T00:00:00Z",
    }
    states = {f"{REGION}{n}": worst_state() for n in range(REGIONS)}
    summary = summarise(request, states, NOW)
    # And those that were deferred.
    assert len(summary["failures"]) == REGIONS * (MAX_REASONS + 1)
    assert len(json.dumps(summary, ensure_ascii=False)) < MAX_CAUSE


def test_a_step_may_take_as_long_as_the_function() -> None:
    inner = DEFINITION["States"]["Regions"]["ItemProcessor"]["States"]
    child = inner["Export"]["ItemProcessor"]["States"]
    steps = [DEFINITION["States"]["Begin"], inner["Plan"], child["ExportPortion"]]
    assert all(step["TimeoutSeconds"] > MAX_LAMBDA_SECONDS for step in steps)
