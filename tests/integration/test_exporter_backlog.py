"""A backlog of a thousand windows: worked off newest first, within each run's time, each once."""

from datetime import timedelta
from itertools import count

from local.kaltura.campus import Size
from room_reports.deadline import Deadline
from tests.support.world import NOW, World, world

TINY = Size(rooms=2, attendees=2)
STEP = 10.0
"""Seconds that each export takes by the deadline's clock."""


def slow_deadline(here: World, seconds: float) -> Deadline:
    """A deadline by whose clock every export takes ``STEP`` seconds."""
    passed = count(1)
    clock = [0.0]

    def note(method: str, a_key: str) -> None:
        if method == "PUT" and "granularity" in a_key:
            clock[0] = next(passed) * STEP

    here.s3.fault = note
    return Deadline(seconds, lambda: clock[0])


def fetched(here: World) -> list[tuple[int | None, str]]:
    """Report and start of every call for a report."""
    return [(call.report, call.params["from_date"]) for call in here.kaltura["us"].calls.reports()]


def test_a_thousand_missing_windows_are_fetched_once_each_the_newest_first() -> None:
    environment = {"GRANULARITIES": "hour", "CATCH_UP_DAYS": "14", "CONCURRENCY": "1"}
    with world(size=TINY, variables=environment) as here:
        answer = here.schedule()
        hours = 14 * 24
        assert len(answer["exported"]) == 3 * hours > 1000
        assert answer["deferred"] == 0
        asked = fetched(here)
        newest = int(NOW.replace(minute=0).timestamp())
        starts = [newest - 3600 * number for number in range(1, hours + 1)]
        assert asked == [(r, str(start)) for start in starts for r in (6000, 6001, 6002)]
        assert len(here.written()) == len(set(here.written())) == 3 * hours
        # One session for all of it, one listing a series, and nothing read.
        assert len(here.kaltura["us"].calls.all()) == 3 * hours + 1
        methods = [method for method, _ in here.s3.requests]
        assert methods.count("LIST") == 3
        assert methods.count("PUT") == 3 * hours + 1
        assert len(methods) == 3 * hours + 4


def test_what_the_time_does_not_suffice_for_is_left_to_the_next_runs() -> None:
    environment = {"CATCH_UP_DAYS": "30", "CONCURRENCY": "1"}
    with world(size=TINY, variables=environment) as here:
        done: list[str] = []
        runs = 0
        while True:
            answer = here.schedule(slow_deadline(here, 300))
            runs += 1
            done += answer["exported"]
            assert answer["failed"] == []
            assert len(done) + answer["deferred"] == 90
            assert here.record()["deferred"] == answer["deferred"]
            if not answer["deferred"]:
                break
            # It stops while there is time for one more, and not much earlier.
            assert 25 <= len(answer["exported"]) <= 29
            here.now += timedelta(minutes=1)
        assert runs == 4
        assert len(done) == len(set(done)) == 90
        days = [a_key[-14:-4] for a_key in done]
        assert days == sorted(days, reverse=True)
        assert len(fetched(here)) == len(set(fetched(here))) == 90
        assert all(here.rows(a_key) == here.truth(a_key) for a_key in done)


def test_a_run_without_time_does_nothing_but_say_so() -> None:
    with world(size=TINY) as here:
        answer = here.schedule(Deadline.after(5))
        assert answer["exported"] == answer["failed"] == []
        assert answer["deferred"] == 3
        assert here.kaltura["us"].calls.all() == ()


def test_a_window_that_settles_within_minutes_is_left_to_the_next_run_unasked() -> None:
    with world(size=TINY, SETTLE_HOURS="0") as here:
        answer = here.schedule()
        assert answer["exported"] == answer["failed"] == []
        assert answer["deferred"] == 3
        assert fetched(here) == []
        here.now += timedelta(minutes=4)
        assert len(here.schedule()["exported"]) == 3
        assert {here.item(a_key).metadata["state"] for a_key in here.exports()} == {"settled"}


def test_missing_windows_come_before_those_that_have_settled() -> None:
    environment = {"CATCH_UP_DAYS": "10", "CONCURRENCY": "1"}
    with world(size=TINY, variables=environment) as here:
        here.run({"from": "2026-09-18", "to": "2026-09-20"})
        here.now += timedelta(days=3)
        here.schedule()
        reasons = [entry["reason"] for entry in here.record()["exported"]]
        assert reasons == ["missing"] * 24 + ["settle"] * 6
        starts = [entry["start"] for entry in here.record()["exported"]]
        assert starts[:24] == sorted(starts[:24], reverse=True)
        assert starts[24:] == ["2026-09-19"] * 3 + ["2026-09-18"] * 3
