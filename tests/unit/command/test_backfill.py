"""A backfill's progress and estimate: the numbers are those of the objects and the runs."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from room_reports.backfill.results import Failure
from room_reports.model.windows import Granularity
from room_reports.storage.keys import Series
from room_reports_command.backfill_display import bar, line, summary_lines
from room_reports_command.backfill_estimate import estimate
from room_reports_command.backfill_progress import progress_of
from room_reports_command.output import Output, new_console
from room_reports_command.run_records import RunRecord

START = datetime(2026, 3, 1, tzinfo=UTC)
REQUEST = {"regions": ["us", "eu"], "started_at": "2026-03-01T00:00:00Z"}
US = Series("attendees", "us", Granularity.DAY)
EU = Series("attendees", "eu", Granularity.DAY)


def portion(windows: int) -> dict[str, Any]:
    return {"backfill": {"windows": windows}}


def result(exported: int, rows: int = 0, **failed: int) -> dict[str, Any]:
    failures = [asdict(Failure(reason, number, True, "", "")) for reason, number in failed.items()]
    return {"exported": exported, "rows": rows, "failures": failures}


def test_before_the_plan_is_there_nothing_is_known() -> None:
    progress = progress_of({"request.json": REQUEST, "us/round-001.json": [portion(3)]})
    assert not progress.planned
    assert progress.seconds_left(START + timedelta(minutes=1)) is None
    assert line(progress, START) == "Looking for what is due …"
    assert progress_of({}).total == 0


def test_the_rate_and_the_time_left() -> None:
    progress = progress_of(
        {
            "request.json": REQUEST,
            "us/round-001.json": [portion(30), portion(10)],
            "eu/round-001.json": [],
            "us/round-001/00000.json": result(10, 500),
        }
    )
    now = START + timedelta(seconds=20)
    assert (progress.total, progress.done, progress.rows) == (40, 10, 500)
    assert progress.rate(now) == 0.5
    assert progress.seconds_left(now) == 60
    assert (
        line(progress, now)
        == "10 of 40 windows, 500 rows, 30.0 windows a minute, 1 min left, 0 failed"
    )


def test_a_failure_that_a_later_round_made_up_for_is_none() -> None:
    objects = {
        "request.json": REQUEST,
        "us/round-001.json": [portion(3)],
        "eu/round-001.json": [portion(2)],
        "us/round-001/00000.json": result(1, 10, HTTP_503=2),
        "eu/round-001/00000.error.json": {"windows": 2, "error": "Lambda.Timeout", "cause": "…"},
    }
    assert progress_of(objects).failed == 4
    assert progress_of(objects).regions["eu"].failed == {"Lambda.Timeout": 2}
    objects["us/round-002.json"] = [portion(2)]
    objects["us/round-002/00000.json"] = result(2, 20)
    progress = progress_of(objects)
    assert progress.regions["us"].failed == {}
    assert (progress.regions["us"].round, progress.done, progress.total) == (2, 3, 5)


@given(
    st.lists(
        st.tuples(st.sampled_from(["us", "eu"]), st.integers(1, 40), st.integers(0, 1000)),
        max_size=20,
    )
)
def test_what_is_done_adds_up_to_what_was_due(portions: list[tuple[str, int, int]]) -> None:
    objects: dict[str, Any] = {"request.json": REQUEST}
    for region in ("us", "eu"):
        of_region = [each for each in portions if each[0] == region]
        objects[f"{region}/round-001.json"] = [portion(windows) for _, windows, _ in of_region]
        for number, (_, windows, rows) in enumerate(of_region):
            objects[f"{region}/round-001/{number:05}.json"] = result(windows, rows)
    progress = progress_of(objects)
    assert progress.done == progress.total == sum(windows for _, windows, _ in portions)
    assert progress.rows == sum(rows for *_, rows in portions)
    if portions:
        assert progress.seconds_left(START + timedelta(seconds=9)) == 0


def run(seconds: float, *exported: tuple[Series, int]) -> RunRecord:
    fields = {
        "exported": [
            {"report": s.slug, "region": s.region, "granularity": s.granularity, "rows": rows}
            for s, rows in exported
        ]
    }
    return RunRecord("run", "schedule", START, START + timedelta(seconds=seconds), fields)


def test_the_estimate_is_what_a_run_of_the_same_size_took() -> None:
    runs = [run(60, *[(US, 10)] * 30, *[(EU, 20)] * 30)]
    planned = estimate({US: 30, EU: 30}, runs, concurrency=4, backfill_concurrency=4)
    assert (planned.total, planned.rows) == (60, 900)
    assert planned.duration == timedelta(seconds=60)
    twice = estimate({US: 30, EU: 30}, runs, concurrency=4, backfill_concurrency=8)
    assert twice.duration == timedelta(seconds=30)


def test_without_runs_there_is_no_estimate() -> None:
    planned = estimate({US: 30}, [], concurrency=4, backfill_concurrency=8)
    assert (planned.rows, planned.duration) == (None, None)
    assert estimate({US: 0}, [], concurrency=4, backfill_concurrency=8).rows == 0


def test_the_bar_and_the_summary_show_the_numbers() -> None:
    progress = progress_of(
        {
            "request.json": REQUEST,
            "us/round-001.json": [portion(30)],
            "eu/round-001.json": [portion(10)],
            "us/round-001/00000.json": result(12, 345, HTTP_503=2),
        }
    )
    console = new_console()
    with console.capture() as shown:
        console.print(bar("backfill-1", progress, START + timedelta(seconds=6)))
    assert "12/30" in shown.get()
    assert "2 HTTP_503" in shown.get()
    summary = {
        "exported": 12,
        "rows": 345,
        "remaining": 2,
        "failures": [{"region": "us", "reason": "HTTP_503", "windows": 2, "error": "HTTP_503: x"}],
        "regions": {
            "us": {"exported": 12, "rows": 345, "remaining": 2, "rounds": 4, "ended": "stuck"}
        },
    }
    output = Output(console=console)
    with console.capture() as shown:
        output.result(summary, lambda: summary_lines(summary))
    assert "12 windows and 345 rows exported, 2 windows still due" in shown.get()
    assert "HTTP_503: x" in shown.get()
