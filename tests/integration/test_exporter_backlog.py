"""A backlog of a thousand windows is exported newest first, each window once, over several runs."""

from datetime import timedelta
from itertools import count

from local.kaltura.campus import Size
from room_reports.deadline import Deadline
from tests.support.world import NOW, SLUGS, World

TINY = Size(rooms=2, attendees=2)
STEP = 10.0
"""Seconds that each export takes on the deadline's clock."""


def slow_deadline(world: World, seconds: float) -> Deadline:
    """Return a deadline on whose clock every export takes ``STEP`` seconds."""
    passed = count(1)
    clock = [0.0]

    def advance(method: str, key: str) -> None:
        if method == "LIST" and key.endswith(".csv"):  # right before Kaltura is asked
            clock[0] = next(passed) * STEP

    world.s3.fault = advance
    return Deadline(seconds, lambda: clock[0])


def fetched(world: World) -> list[tuple[int | None, str]]:
    """Return report and start of every request for a report."""
    return [(call.report, call.params["from_date"]) for call in world.regions["us"].calls.reports()]


def test_a_thousand_missing_windows_are_fetched_once_newest_first() -> None:
    environment = {"GRANULARITIES": "hour", "CATCH_UP_DAYS": "14", "CONCURRENCY": "1"}
    with World(size=TINY, variables=environment) as world:
        result = world.run_scheduled()
        hours = 14 * 24
        assert len(result["exported"]) == 3 * hours > 1000
        assert result["deferred"] == 0
        requested = fetched(world)
        newest = int(NOW.replace(minute=0).timestamp())
        starts = [newest - 3600 * number for number in range(1, hours + 1)]
        # The series take turns, and each begins with its newest window.
        for number, start in enumerate(starts):
            turn = requested[3 * number : 3 * number + 3]
            assert sorted(turn) == [(report, str(start)) for report in (6000, 6001, 6002)]
        assert len(world.written_keys()) == len(set(world.written_keys())) == 3 * hours
        # One Kaltura session, one listing per series, and no reads of exports.
        assert len(world.regions["us"].calls.all()) == 3 * hours + 1
        methods = [method for method, _ in world.s3.requests]
        # Each series once, each window right before it is fetched, three of state, the index,
        # what is acknowledged, and the suppression list, which is not there.
        assert methods.count("LIST") == 3 + 3 * hours + 6
        state = ["the settings", "the beginning of the run", "its end", "the run record"]
        assert methods.count("PUT") == 3 * hours + len(state)
        assert methods.count("GET") == methods.count("HEAD") == 0


def test_tasks_without_time_are_deferred_to_the_next_runs() -> None:
    environment = {"CATCH_UP_DAYS": "30", "CONCURRENCY": "1"}
    with World(size=TINY, variables=environment) as world:
        done: list[str] = []
        runs = 0
        while True:
            result = world.run_scheduled(slow_deadline(world, 300))
            runs += 1
            done += result["exported"]
            assert result["failed"] == []
            assert len(done) + result["deferred"] == 90
            assert world.latest_run_record()["deferred"] == result["deferred"]
            if not result["deferred"]:
                break
            # A run stops when the remaining time allows about one more export.
            assert 25 <= len(result["exported"]) <= 29
            world.now += timedelta(minutes=1)
        assert runs == 4
        assert len(done) == len(set(done)) == 90
        for slug in SLUGS:
            days = [key[-14:-4] for key in done if key.startswith(slug)]
            assert days == sorted(days, reverse=True)
        assert len(fetched(world)) == len(set(fetched(world))) == 90
        assert all(world.rows(key) == world.expected_rows(key) for key in done)


def test_a_run_without_time_defers_everything() -> None:
    with World(size=TINY) as world:
        result = world.run_scheduled(Deadline.after(5))
        assert result["exported"] == result["failed"] == []
        assert result["deferred"] == 3
        assert world.regions["us"].calls.all() == ()


def test_a_window_that_settles_within_minutes_is_deferred() -> None:
    with World(size=TINY, variables={"SETTLE_HOURS": "0"}) as world:
        result = world.run_scheduled()
        assert result["exported"] == result["failed"] == []
        assert result["deferred"] == 3
        assert fetched(world) == []
        world.now += timedelta(minutes=4)
        assert len(world.run_scheduled()["exported"]) == 3
        assert {world.item(key).metadata["state"] for key in world.export_keys()} == {"settled"}


def test_missing_windows_come_before_settled_ones() -> None:
    environment = {"CATCH_UP_DAYS": "10", "CONCURRENCY": "1"}
    with World(size=TINY, variables=environment) as world:
        world.run({"from": "2026-09-18", "to": "2026-09-20"})
        world.now += timedelta(days=3)
        world.run_scheduled()
        reasons = [entry["reason"] for entry in world.latest_run_record()["exported"]]
        assert reasons == ["missing"] * 24 + ["settle"] * 6
        starts = [entry["start"] for entry in world.latest_run_record()["exported"]]
        assert starts[:24] == sorted(starts[:24], reverse=True)
        assert starts[24:] == ["2026-09-19"] * 3 + ["2026-09-18"] * 3
