"""Plans for tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from room_reports.export.planner import Share, Task, plan_series
from room_reports.export.scope import Scope
from room_reports.storage.keys import Series
from room_reports.storage.objects import StoredObject


@dataclass(frozen=True)
class Planned:
    """The tasks of all series."""

    tasks: tuple[Task, ...]
    skipped: int


def plan(
    scope: Scope,
    settle: timedelta,
    listing: Mapping[Series, Mapping[str, StoredObject]],
    *,
    gzip: bool,
    share: Share = Share(),  # noqa: B008 - immutable
) -> Planned:
    """Return what is due, given what the bucket holds by series and by window label."""
    tasks: list[Task] = []
    skipped = 0
    for report, region, granularity in scope.series():
        series = Series(report.slug, region, granularity)
        held = sorted(listing.get(series, {}).values(), key=lambda item: item.key)
        planned = plan_series(scope, report, series, held, settle, gzip=gzip, share=share)
        skipped += planned.skipped
        while planned:
            tasks.append(planned.take_first())
    return Planned(tuple(tasks), skipped)
