"""How late data come: against a brute-force reference, and simulated times of arrival."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports_command.late_data import (
    ENOUGH_FILES,
    ENOUGH_ROWS,
    LateData,
    LateRows,
    Reexport,
    late_data,
)
from room_reports_command.late_data_bound import late_share_bound, samples_of
from room_reports_command.late_data_display import LateDataOfAccount
from room_reports_command.reexports import Stages

CAUGHT = 0.999


@dataclass(frozen=True)
class File:
    """A window: when its rows came, and when it was exported, in hours after its end."""

    came: tuple[float, ...]
    exported: tuple[float, ...]
    """The first export, the settled one, and one sample for each band."""

    def reexports(self) -> list[Reexport]:
        """Return what the exporter's run records would tell."""
        found = []
        for stage, (before, at) in enumerate(pairwise(self.exported)):
            new = sum(before < came <= at for came in self.came)
            rows = sum(came <= at for came in self.came)
            found.append(Reexport(stage, rows, (LateRows(before, at, added=new),)))
        return found

    def interval(self, came: float) -> tuple[float, float]:
        """Return between which exports a row became visible; the first one counts from 0 on."""
        by = next(at for at in self.exported if came <= at)
        place = self.exported.index(by)
        return (self.exported[place - 1] if place else -math.inf), by


@st.composite
def exported_files(draw: st.DrawFn) -> list[File]:
    """Generate files of which each has been through all stages, and holds every row in the end."""
    stages = draw(st.integers(2, 4))
    files = []
    for _ in range(draw(st.integers(1, 5))):
        steps = draw(st.lists(st.integers(1, 100), min_size=stages + 1, max_size=stages + 1))
        exported = tuple(float(sum(steps[: place + 1])) for place in range(len(steps)))
        came = draw(st.lists(st.integers(0, int(exported[-1])), min_size=1, max_size=8))
        files.append(File(tuple(map(float, came)), exported))
    return files


def enlarged(files: list[File]) -> list[Reexport]:
    """Return the re-exports of so many equal files, with so many equal rows, that it is enough."""
    rows = sum(came <= file.exported[1] for file in files for came in file.came)
    times = -(-ENOUGH_ROWS // max(1, rows * ENOUGH_FILES))
    once = [
        Reexport(
            each.stage,
            each.rows * times,
            tuple(replace(late, added=late.added * times) for late in each.late),
        )
        for file in files
        for each in file.reexports()
    ]
    return once * ENOUGH_FILES


@given(exported_files(), st.integers(0, 500))
def test_shares_are_those_of_counting_every_row(files: list[File], at: int) -> None:
    stages = len(files[0].exported) - 1
    found = late_data(enlarged(files), stages)
    if not found.is_enough or found.known < stages:
        assert any(not stage.rows for stage in found.stages)
        return
    intervals = [file.interval(came) for file in files for came in file.came]
    late = [interval for interval in intervals if interval[0] > -math.inf]
    least = Fraction(sum(after >= at for after, _ in late), len(intervals))
    most = Fraction(sum(by > at for _, by in late), len(intervals))
    share = found.late_share(at)
    assert share.least == pytest.approx(float(least))
    assert share.most == pytest.approx(float(most))
    # And the truth, which no exporter knows, is between them.
    true = sum(came > at for file in files for came in file.came if came > file.exported[0])
    assert share.least - 1e-9 <= true / len(intervals) <= share.most + 1e-9


@given(exported_files(), st.sampled_from([0.5, 0.9, 0.99, 0.999]))
def test_the_hours_to_catch_a_share_are_bounds_of_the_true_ones(
    files: list[File], caught: float
) -> None:
    stages = len(files[0].exported) - 1
    found = late_data(enlarged(files), stages)
    hours = found.hours_to_catch(caught)
    if not found.is_enough:
        assert hours is None
        return
    assert hours
    if found.known < stages:
        return
    rows = [(came if came > file.exported[0] else 0.0) for file in files for came in file.came]
    missed = (1 - caught) * len(rows) + 1e-6

    def is_caught(at: float) -> bool:
        return sum(came > at for came in rows) <= missed

    true = min(at for at in {0.0, *rows} if is_caught(at))
    assert hours.least - 1e-6 <= true <= hours.most + 1e-6
    assert found.late_share(hours.most).most <= 1 - caught + 1e-9


@given(
    st.lists(
        st.builds(
            Reexport,
            st.integers(0, 3),
            st.integers(0, 5000),
            st.lists(
                st.builds(
                    lambda after, more, added, altered: LateRows(
                        after, after + more, added, altered
                    ),
                    st.floats(0, 9000),
                    st.floats(0, 9000),
                    st.integers(0, 50),
                    st.integers(0, 50),
                ),
                max_size=2,
            ).map(tuple),
        ),
        max_size=80,
    ),
    st.floats(0, 20_000),
    st.floats(0, 20_000),
)
def test_bounds_are_in_order_and_fall(reexports: list[Reexport], one: float, other: float) -> None:
    found = late_data(reexports, 4)
    early, late = (found.late_share(at) for at in sorted((one, other)))
    for share in (early, late):
        assert 0 <= share.least <= share.most + 1e-12
    assert late.least <= early.least + 1e-12
    assert late.most <= early.most + 1e-12
    hours = found.hours_to_catch(CAUGHT)
    enough = [stage.is_enough for stage in found.stages]
    assert (hours is not None) == (enough[:2] == [True, True])
    if hours:
        assert 0 <= hours.least <= hours.most


Arrival = Callable[[Random], float]
"""Draws how many hours after its window's end a row comes."""


def on_time(rng: Random) -> float:
    return rng.expovariate(1 / 3)


def slow(rng: Random) -> float:
    return rng.expovariate(1 / 40)


def rarely_days(rng: Random) -> float:
    return rng.uniform(48, 480) if rng.random() < 0.004 else on_time(rng)


@pytest.mark.parametrize(
    ("arrival", "true"),
    [
        # 99.9 % of an exponential distribution have come after ln(1000) means.
        (on_time, 3 * math.log(1000)),
        (slow, 40 * math.log(1000)),
        # 0.4 % are uniform over 432 hours from 48 on: 0.1 % come in the last quarter.
        (rarely_days, 48 + 432 * 3 / 4),
    ],
)
def test_samples_of_few_files_give_bounds_of_the_true_settle_time(
    arrival: Arrival, true: float
) -> None:
    """A term in which each file is a sample in one band only, at a random age.

    The rows that a file has in its sample are not those of another one, so that the shares of the
    stages have to be put together.
    """
    rng = Random("late data")
    bands = ((4, 18), (18, 81), (81, 366))
    reexports: list[Reexport] = []
    for number in range(900):
        first, settled = rng.uniform(0, 1), rng.uniform(48, 49)
        stage = number % 3
        start, end = bands[stage]
        # The samples before are not in the records, and the file had been through them.
        before = [rng.uniform(*(24 * age for age in band)) for band in bands[:stage]]
        exported = (first, settled, *before, rng.uniform(24 * start, 24 * end))
        came = tuple(arrival(rng) for _ in range(200))
        all_of_it = File(came, exported).reexports()
        reexports += [all_of_it[0], all_of_it[-1]]
    found = late_data(reexports, 4)
    assert [stage.files for stage in found.stages] == [900, 300, 300, 300]
    hours = found.hours_to_catch(CAUGHT)
    assert hours
    assert hours.least <= true <= hours.most


def test_rows_of_a_stage_that_came_meanwhile_are_not_counted_as_if_all_files_had_been_in_it() -> (
    None
):
    """Half of the files were a sample, and 10 % of their rows were late: not 5 % of all."""
    settled = [Reexport(0, 900)] * 100
    sampled = [Reexport(1, 1000, (LateRows(48, 240, added=100),))] * 50
    found = late_data([*settled, *sampled], 2)
    assert found.late_share(100).most == pytest.approx(0.1)
    assert found.late_share(240).most == 0
    assert found.late_share(48).least == pytest.approx(0.1)
    assert found.late_share(49).least == 0


def test_altered_rows_are_late_but_do_not_make_a_file_longer() -> None:
    settled = [Reexport(0, 1000, (LateRows(1, 48, altered=100),))] * 100
    sampled = [Reexport(1, 1000, (LateRows(48, 240, altered=10),))] * 100
    found = late_data([*settled, *sampled], 2)
    assert found.late_share(0).most == pytest.approx(0.11)
    assert found.late_share(48).most == pytest.approx(0.01)


def samples(rng: Random, days: int, late: float, share: float) -> LateData:
    """Return what samples of some days find, of which a part has a share of its rows late."""
    reexports = []
    for number in range(days):
        rows = rng.randrange(200, 400)
        added = round(rows * share) if rng.random() < late else 0
        reexports += [
            Reexport(0, rows, day=f"{number}"),
            Reexport(1, rows, (LateRows(48, 100, added=added),), f"{number}"),
        ]
    return late_data(reexports, 2)


@pytest.mark.parametrize(
    ("days", "late", "share"),
    [(30, 0.02, 1.0), (30, 0.05, 0.5), (90, 0.01, 1.0), (90, 0.1, 0.3), (60, 1.0, 0.002)],
)
def test_the_bound_holds_when_rows_are_late_by_the_day(
    days: int, late: float, share: float
) -> None:
    rng = Random(f"{days} {late} {share}")
    trials, true = 40 if late < 1 else 10, late * round(300 * share) / 300
    bounds = [late_share_bound(samples(rng, days, late, share), 48) for _ in range(trials)]
    assert sum(true <= bound for bound in bounds) >= 0.9 * trials
    assert min(bounds) > 1 - CAUGHT


@pytest.mark.parametrize("days", [30, 90, 365, 5000])
def test_without_a_late_row_the_bound_is_the_rule_of_three(days: int) -> None:
    found = samples(Random(days), days, 0, 0)
    assert late_share_bound(found, 48) == pytest.approx(3 / days, rel=0.15)
    assert late_share_bound(found, 48) == late_share_bound(found, 48)


def test_files_of_one_day_are_no_more_than_the_day() -> None:
    files = [Reexport(stage, 300, day="2026-09-01") for stage in (0, 1)] * 100
    found = late_data(files, 2)
    assert (samples_of(found).files, samples_of(found).days) == (100, 1)
    assert late_share_bound(found, 48) > 0.9


@pytest.mark.parametrize(("days", "expected"), [(60, "is not known"), (5000, "is enough")])
def test_a_settle_time_is_called_enough_if_the_bound_is_below_what_may_be_missed(
    days: int, expected: str
) -> None:
    stages = Stages.of(1, timedelta(hours=48))
    data = late_data(samples(Random(1), days, 0, 0).reexports, len(stages))
    conclusion = LateDataOfAccount("us", "day", stages, data).conclusion()
    assert expected in conclusion
    assert f"the {days:,} files of {days:,} days" in conclusion.replace(f"{days} ", f"{days:,} ")


@pytest.mark.parametrize(("files", "rows"), [(ENOUGH_FILES - 1, 10_000), (ENOUGH_FILES, 99)])
def test_no_figure_without_enough_data(files: int, rows: int) -> None:
    enough = [Reexport(0, 1000)] * 100
    found = late_data([*enough, *[Reexport(1, rows)] * files], 2)
    assert not found.is_enough
    assert found.hours_to_catch(CAUGHT) is None
    assert late_data([*enough, *[Reexport(1, 100)] * 30], 2).hours_to_catch(CAUGHT) is not None
