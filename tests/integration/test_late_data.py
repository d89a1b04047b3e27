"""How late data come, from the records of real runs against a Kaltura whose data come late."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from local.kaltura.campus import Size
from room_reports.model.windows import parse_timestamp
from room_reports_command.late_data_display import CAUGHT, LateDataOfAccount, accounts
from room_reports_command.reexports import Stages
from room_reports_command.run_records import RunRecord
from tests.support.world import World

START = datetime(2026, 9, 1, 1, 7, tzinfo=UTC)
BUSY = Size(rooms=5, attendees=110, weekly_sessions=5)
LATE_HOURS = 20 * 24


def records(world: World) -> list[RunRecord]:
    return [
        RunRecord(
            record["run_id"],
            record["trigger"],
            parse_timestamp(record["started_at"]),
            parse_timestamp(record["finished_at"]),
            record,
        )
        for record in map(world.run_record, world.s3.store.keys("runs/"))
    ]


def after(days: int, lag_hours: float) -> LateDataOfAccount:
    """Return what the records of daily runs say, when each session comes late by up to ``lag``."""
    variables = {"REPORT_IDS": "6001", "SAMPLE_DAYS": "3"}
    size = replace(BUSY, lag_hours=lag_hours)
    with World(now=START, size=size, variables=variables) as world:
        service = world.exporter()
        for _ in range(days):
            service.invoke(world.scheduled_event(), "0123456789", world.deadline())
            world.now += timedelta(days=1)
        (found,) = accounts(records(world), Stages.of(3, timedelta(hours=48)))
        # Two days have not settled yet.
        assert found.data.stages[0].files == days - 2
        _check_counts(world, found)
        return found


def _check_counts(world: World, found: LateDataOfAccount) -> None:
    """Compare the late rows of all stages with the versions of the files."""
    late = 0
    for key in world.export_keys():
        versions = world.s3.store.versions(key)
        bodies = [set(item.body.splitlines()[1:]) for item in versions]
        late += sum(len(after - before) for before, after in pairwise(bodies))
    counted = sum(stage.late for stage in found.data.stages)
    # What neighbours found, and was in no sample since, is not counted.
    assert 0 <= late - counted <= late / 2


@pytest.fixture(scope="module")
def late() -> LateDataOfAccount:
    return after(85, LATE_HOURS)


def test_the_settle_time_is_bounded_when_data_come_up_to_twenty_days_late(
    late: LateDataOfAccount,
) -> None:
    found = late.to_dict()
    assert found["enough"]
    assert found["looked_at_days"] == 80
    hours = found["settle_hours"]
    # A session's rows change until it is complete, up to 20 days and the session's length later.
    assert hours["least"] <= LATE_HOURS + 30
    assert LATE_HOURS - 24 <= hours["most"] <= 80 * 24
    assert found["late_share_now"]["most"] > 0.5
    assert "is too short" in late.conclusion()
    assert str(hours["most"]) in late.conclusion()


def test_a_settle_time_that_was_long_enough_is_said_to_have_been() -> None:
    found = after(48, 30)
    assert found.data.is_enough
    assert sum(stage.late for stage in found.data.stages[1:]) == 0
    assert found.data.stages[0].late > 0
    assert found.to_dict()["settle_hours"]["most"] <= 48
    assert found.to_dict()["late_share_now"]["most"] == 0
    samples = found.to_dict()["stages"][1:]
    files = sum(stage["files"] for stage in samples if stage["enough"])
    conclusion = found.conclusion()
    assert f"has caught {CAUGHT:.1%} of the rows of the {files} files of " in conclusion
    # So few days do not show it for all files.
    assert "Whether it is enough is not known" in conclusion
    days = found.to_dict()["days_of_files_looked_at"]
    assert 2 / days < found.to_dict()["late_share_bound"] < 4 / days


def test_without_enough_data_there_is_no_figure() -> None:
    with World(now=START, size=BUSY, variables={"SAMPLE_DAYS": "3"}) as world:
        for _ in range(8):
            world.run_scheduled()
            world.now += timedelta(days=1)
        (found,) = accounts(records(world), Stages.of(3, timedelta(hours=48)))
    assert found.to_dict()["settle_hours"] is None
    assert found.to_dict()["looked_at_days"] is None
    assert "Not enough data" in found.conclusion()
    assert "%" not in found.conclusion()
