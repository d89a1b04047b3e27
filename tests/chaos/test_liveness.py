"""While one part stays broken, every window of the others is exported as soon as it can be."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from local.kaltura.campus import Size
from local.kaltura.faults import Fault
from room_reports.model.reports import ATTENDEES, REPORTS, Report
from room_reports.model.windows import Calendar, Granularity
from room_reports.storage.keys import Series
from tests.chaos.network import NetworkFault
from tests.chaos.scenario import REPORT_FAULTS, Lasting
from tests.chaos.world import FinishedRun, SimulatedWorld, error_code

HOURS = 24 * int(os.environ.get("LIVENESS_DAYS") or 0) or 13
"""A day ends in the fifth hour, and settles in the eleventh."""
START = datetime(2026, 9, 16, 20, 7, tzinfo=UTC)
SETTLE = timedelta(hours=6)
BROKEN = 6002
SIX = ("us", "eu", "ca", "au", "sg", "br")
_DAY_ENDED = 5
"""The runs until the first one after the end of a day."""
HEALTHY = tuple(report for report in REPORTS if report.id != BROKEN)


@contextmanager
def world(*, latency: float = 1.0, **variables: str) -> Iterator[SimulatedWorld]:
    regions = variables.pop("regions", "us").split(",")
    with SimulatedWorld(
        now=START,
        latency=latency,
        regions=regions,
        size=Size(rooms=3, attendees=2, weekly_sessions=7),
        variables={"SETTLE_HOURS": "6", "CATCH_UP_DAYS": "2", **variables},
    ) as made:
        yield made


def break_report(made: SimulatedWorld, name: str) -> None:
    """Break report 6002 of every region for good."""
    fault = REPORT_FAULTS[name]
    for region, server in made.regions.items():
        if isinstance(fault, Fault):
            server.faults.push(replace(fault, report=BROKEN))
        else:
            made.lasting.append(Lasting(name, fault, region, BROKEN))


def hourly_runs(made: SimulatedWorld, hours: int = HOURS) -> Iterator[FinishedRun]:
    """Run a new exporter at seven minutes past each hour."""
    for hour in range(hours):
        made.now = START + timedelta(hours=hour)
        yield made.invoke((f"run{hour:05}", made.exporter()))[0]


def healthy_windows(
    made: SimulatedWorld,
    now: datetime,
    granularities: tuple[Granularity, ...],
    regions: tuple[str, ...],
    reports: tuple[Report, ...],
) -> Iterator[tuple[str, list[datetime]]]:
    """Yield the key of each window that ended while it was catch-up time, and its milestones."""
    for granularity in granularities:
        calendar = Calendar(granularity, ZoneInfo("UTC"))
        for window in calendar.overlapping(START - timedelta(days=2), now):
            if window.end > now:
                continue
            passed = [m for m in (window.end, window.end + SETTLE) if m <= now]
            for region in regions:
                for report in reports:
                    yield Series(report.slug, region, granularity).key(window, gzip=False), passed


def assert_on_time(
    made: SimulatedWorld,
    run: FinishedRun,
    granularities: tuple[Granularity, ...] = (Granularity.DAY,),
    regions: tuple[str, ...] = ("us",),
    reports: tuple[Report, ...] = HEALTHY,
) -> None:
    """Assert that every healthy window has been exported since its latest milestone."""
    late = []
    for key, passed in healthy_windows(made, run.now, granularities, regions, reports):
        item = made.s3.store.get(key)
        if item is None or item.last_modified < passed[-1]:
            late.append(key)
        elif len(passed) == 2:
            assert item.metadata["state"] == "settled", key
    assert not late, f"after {run.name} at {run.now}: {late}"


@pytest.mark.parametrize("concurrency", ["4", "1"])
@pytest.mark.parametrize("name", sorted(REPORT_FAULTS))
def test_one_report_stays_broken(name: str, concurrency: str) -> None:
    with world(CONCURRENCY=concurrency) as made:
        break_report(made, name)
        for run in hourly_runs(made):
            assert_on_time(made, run)
            assert run.result is not None
            assert {failed["task"].split("/")[0] for failed in run.result["failed"]} <= {
                "breakout_sessions"
            }
        assert_equals_truth(made, HEALTHY)


@pytest.mark.parametrize("kind", ["hang", "silent", "refused"])
def test_one_of_six_regions_stays_broken(kind: str) -> None:
    with world(regions=",".join(SIX)) as made:
        made.lasting.append(Lasting(kind, NetworkFault(kind), "us"))
        for run in hourly_runs(made):
            assert_on_time(made, run, regions=SIX[1:], reports=REPORTS)
        assert_equals_truth(made, REPORTS)


@pytest.mark.parametrize("name", ["INTERNAL_SERVERL_ERROR", "hanging"])
def test_one_report_stays_broken_with_both_granularities(name: str) -> None:
    with world(GRANULARITIES="day,hour") as made:
        break_report(made, name)
        both = (Granularity.DAY, Granularity.HOUR)
        for run in hourly_runs(made):
            assert_on_time(made, run, granularities=both)
        assert_equals_truth(made, HEALTHY)


@pytest.mark.parametrize("fault", [Fault("http_status", status=504), Fault("php_fatal")])
def test_a_report_that_only_works_by_room(fault: Fault) -> None:
    with world() as made:
        made.regions["us"].faults.push(replace(fault, times=None, report=ATTENDEES.id, whole=True))
        for run in hourly_runs(made):
            assert run.result is not None
            assert not run.result["failed"]
            assert_on_time(made, run, reports=REPORTS)
        assert_equals_truth(made, REPORTS)


@pytest.mark.parametrize("kind", ["header_only", "bom_only"])
def test_an_empty_settling_export_loses_no_row(kind: str) -> None:
    with world() as made:
        runs = hourly_runs(made, 13)
        for _ in range(_DAY_ENDED):
            next(runs)
        keys = [key for key in made.export_keys() if "attendees" in key]
        before = {key: made.item(key) for key in keys}
        unsettled = {key for key in keys if before[key].metadata["state"] != "settled"}
        made.regions["us"].faults.push(Fault(kind, times=None, report=ATTENDEES.id))
        codes = set()
        for run in runs:
            for failed in (run.result or {}).get("failed", ()):
                assert failed["task"] in unsettled
                codes.add(error_code(failed))
        with_rows = {key for key in unsettled if before[key].metadata["rows"] != "0"}
        assert with_rows
        assert codes == {"FEWER_ROWS"}
        for key in with_rows:
            assert made.item(key) == before[key]


def test_two_runs_in_step_do_not_double_the_calls() -> None:
    with world(latency=20.0, CATCH_UP_DAYS="10") as made:
        first, second = made.invoke(("run00001", made.exporter()), ("run00002", made.exporter()))
        tasks = len(made.export_keys())
        assert tasks == 30
        assert len(made.calls) <= tasks + 2 * 4
        assert {*first.exported, *second.exported} == set(made.export_keys())


def assert_equals_truth(made: SimulatedWorld, reports: tuple[Report, ...]) -> None:
    """Assert that each file holds what Kaltura holds, and so that no fault has left a trace."""
    slugs: Mapping[str, Report] = {report.slug: report for report in reports}
    compared = 0
    for key in made.export_keys():
        report = slugs.get(key.split("/")[0])
        if report is None or made.item(key).metadata["state"] != "settled":
            continue
        rows = made.rows(key)
        assert [rows[0], *sorted(rows[1:])] == [
            rows[0],
            *sorted(made.expected_rows(key, final=True)[1:]),
        ], key
        compared += 1
    assert compared
