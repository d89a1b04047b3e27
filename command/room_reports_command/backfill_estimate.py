"""How much a backfill has to do and how long that takes, from what runs have needed before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from room_reports.storage.keys import Series
from room_reports_command.run_records import RunRecord

_FEW = 5
"""Fewer windows say nothing about the rate."""


@dataclass(frozen=True)
class Estimate:
    """What a backfill has to do."""

    windows: Mapping[Series, int]
    rows: int | None
    """About how many rows; None if no run has exported anything of these series."""
    duration: timedelta | None
    """About how long; None if no run says how fast it goes."""

    @property
    def total(self) -> int:
        """The number of windows."""
        return sum(self.windows.values())


def estimate(
    windows: Mapping[Series, int],
    runs: Sequence[RunRecord],
    *,
    concurrency: int,
    backfill_concurrency: int,
) -> Estimate:
    """Return an estimate from the last runs.

    Args:
        windows: The number of due windows of each series.
        runs: Run records.
        concurrency: Requests at once for each region in those runs.
        backfill_concurrency: Requests at once for each region in the backfill.
    """
    return Estimate(
        windows, _rows(windows, runs), _duration(windows, runs, concurrency, backfill_concurrency)
    )


def _rows(windows: Mapping[Series, int], runs: Sequence[RunRecord]) -> int | None:
    seen: dict[tuple[str, str, str], list[int]] = {}
    for run in runs:
        for each in run.fields["exported"]:
            name = (each["report"], each["region"], each["granularity"])
            seen.setdefault(name, []).append(each["rows"])
    expected = 0.0
    for series, number in windows.items():
        rows = seen.get((series.slug, series.region, series.granularity.value))
        if number and not rows:
            return None
        expected += number * sum(rows or ()) / len(rows or (0,))
    return round(expected)


def _duration(
    windows: Mapping[Series, int], runs: Sequence[RunRecord], concurrency: int, at_once: int
) -> timedelta | None:
    """Return how long the region with the most windows takes: regions are worked on at once."""
    by_region: dict[str, int] = {}
    for series, number in windows.items():
        by_region[series.region] = by_region.get(series.region, 0) + number
    busy = [run for run in runs if len(run.fields["exported"]) >= _FEW]
    exported = sum(len(run.fields["exported"]) for run in busy)
    regions = {each["region"] for run in busy for each in run.fields["exported"]}
    seconds = sum(run.seconds for run in busy)
    if not by_region or not exported:
        return None
    # Times are kept in whole seconds, so that a run may seem to have taken none.
    per_window = max(seconds, len(busy)) * len(regions) * concurrency / exported
    return timedelta(seconds=max(by_region.values()) * per_window / at_once)
