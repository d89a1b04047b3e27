"""Which of a run record's exports say something about late data."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from room_reports_command.late_data import LateRows, Reexport
from room_reports_command.reexports import Stages, reexports
from room_reports_command.run_records import RunRecord

END = datetime(2026, 3, 2, tzinfo=UTC)
STAGES = Stages.of(3, timedelta(hours=48))
US, DAY = ("us", "day"), "2026-03-01"
TASK = "attendees/granularity=day/region=us/dt=2026-03-01/attendees_us_2026-03-01.csv"


def run(hours: float, reason: str, added: int | None, altered: int = 0, **fields: Any) -> RunRecord:
    """Return a run some hours after the window's end that exported it; None: nothing to compare."""
    moment = END + timedelta(hours=hours)
    change = None if added is None else {"added": added, "removed": 0, "altered": altered}
    exported = {
        "task": TASK,
        "report": "attendees",
        "region": "us",
        "granularity": "day",
        "start": "2026-03-01",
        "reason": reason,
        "rows": 100,
        "change": change,
        "window_start": "2026-03-01T00:00:00Z",
        "window_end": "2026-03-02T00:00:00Z",
        "filters": "none",
        "source": "https://www.kaltura.com",
        "previous_exported_at": fields.pop("previous", None),
        **fields,
    }
    record = {"now": moment.isoformat(), "exported": [exported]}
    return RunRecord(f"run-{hours}", "schedule", moment, moment, record)


def at(hours: float) -> str:
    return (END + timedelta(hours=hours)).isoformat()


def test_a_settled_export_and_samples_are_told_by_their_age() -> None:
    runs = [
        run(1, "missing", None),
        run(49, "settle", 5, 2, previous=at(1)),
        run(24 * 9, "sample", 3, previous=at(49)),
        run(24 * 30, "sample", 0, previous=at(24 * 9)),
        run(24 * 200, "sample", 1, previous=at(24 * 30)),
    ]
    for order in (runs, runs[::-1]):
        assert reexports(order, STAGES) == {
            US: [
                # SettleHours caught it, however late the run came.
                Reexport(0, 100, (LateRows(1, 48, 5, 2),), DAY),
                Reexport(1, 100, (LateRows(49, 24 * 9, 3),), DAY),
                Reexport(2, 100, (LateRows(24 * 9, 24 * 30),), DAY),
                Reexport(3, 100, (LateRows(24 * 30, 24 * 200, 1),), DAY),
            ]
        }


def test_what_a_neighbour_found_counts_with_the_next_sample() -> None:
    found = LateRows(49, 24 * 6, 40)
    runs = [
        run(24 * 6, "neighbour", 40, previous=at(49)),
        run(24 * 9, "forced", 1, previous=at(24 * 6)),
    ]
    assert reexports(runs, STAGES)[US] == []
    runs.append(run(24 * 40, "sample", 2, previous=at(24 * 9)))
    assert reexports(runs, STAGES)[US] == [
        Reexport(
            2,
            100,
            (found, LateRows(24 * 6, 24 * 9, 1), LateRows(24 * 9, 24 * 40, 2)),
            DAY,
        )
    ]


@pytest.mark.parametrize(
    "runs",
    [
        [run(1, "missing", 7)],
        [run(24 * 9, "recut", 7)],
        [run(-1, "open", 7)],
        [run(49, "settle", None)],
        # Without the export before it, a forced one can have been made with other filters.
        [run(24 * 9, "forced", 7), run(24 * 40, "recut", 7)],
        [run(1, "missing", None), run(49, "settle", 7, filters="other")],
        [run(49, "missing", None, source="https://other.example"), run(50, "settle", 7)],
    ],
)
def test_other_exports_say_nothing(runs: list[RunRecord]) -> None:
    assert reexports(runs, STAGES)[US] == []


def test_a_sample_of_an_age_that_no_band_has_today_waits_for_the_next_one() -> None:
    stages = Stages.of(1, timedelta(hours=24 * 10))
    runs = [run(24 * 9, "sample", 3, previous=at(49))]
    assert reexports(runs, stages)[US] == []
    runs.append(run(24 * 20, "sample", 0, previous=at(24 * 9)))
    (found,) = reexports(runs, stages)[US]
    assert [late.added for late in found.late] == [3, 0]


def test_names_and_keys_that_changed_are_not_late() -> None:
    renamed = run(49, "settle", 9, 5, previous=at(1))
    renamed.fields["exported"][0]["change"] |= {"removed": 7, "renamed": 4}
    gone = run(24 * 9, "sample", 3, previous=at(49))
    gone.fields["exported"][0]["change"] |= {"removed": 7}
    assert [each.late for each in reexports([renamed, gone], STAGES)[US]] == [
        (LateRows(1, 48, 2, 1),),
        (LateRows(49, 24 * 9, 0),),
    ]


def test_records_of_older_versions_have_fewer_fields() -> None:
    old = run(49, "settle", 4)
    for name in ("filters", "source", "previous_exported_at"):
        del old.fields["exported"][0][name]
    assert reexports([old], STAGES)[US] == [Reexport(0, 100, (LateRows(0, 48, 4),), DAY)]
