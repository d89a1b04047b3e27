"""What is due, by the library's own planner and what the bucket holds. Nothing is written."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from room_reports.export.events import parse_event
from room_reports.export.lateness import SeriesFreshness
from room_reports.export.planner import SeriesPlan, plan_series
from room_reports.export.scope import Scope
from room_reports.export.state import SettingsInForce
from room_reports.model.freshness import State, state_at
from room_reports.model.reports import Report
from room_reports.model.windows import iso
from room_reports.runtime import ThreadRuntime, map_concurrently
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series
from room_reports.storage.objects import StoredObject
from room_reports_command.errors import InputError

_CONCURRENT_LISTINGS = 8


@dataclass(frozen=True)
class SeriesState:
    """One series: what is due of it, and the newest file that it has."""

    plan: SeriesPlan
    freshness: SeriesFreshness
    newest: StoredObject | None
    newest_state: State | None

    @property
    def reasons(self) -> Mapping[str, int]:
        """The number of due windows by the reason for which they are due."""
        return Counter(due.reason.name.lower() for due in self.plan.remaining())


def scheduled_event(now: datetime) -> dict[str, Any]:
    """Return the event that EventBridge sends at ``now``."""
    return {"source": "aws.events", "detail-type": "Scheduled Event", "time": iso(now)}


def scope_of(event: Mapping[str, object], settings: Settings, now: datetime) -> Scope:
    """Return what a run with this event looks at.

    Raises:
        InputError: If the exporter would refuse the event.
    """
    scope, problems = parse_event(event, settings, now)
    if scope is None:
        raise InputError("; ".join(problems), "Correct the options, and try again.")
    return scope


def survey(
    settings: Settings, bucket: Bucket, scope: Scope, now: datetime
) -> dict[Series, SeriesState]:
    """Return the state of each series within ``scope``.

    Args:
        now: When the bucket is looked at; decides the state of the newest file.

    Raises:
        StorageError: If S3 refuses or fails.
    """
    in_force = SettingsInForce.read(settings, bucket, now, keep=False)

    def surveyed(wanted: tuple[Report, Series]) -> SeriesState:
        report, series = wanted
        days = scope.days(series.granularity)
        stored = list(bucket.exports(series, *days)) if days else []
        plan = plan_series(
            scope,
            report,
            series,
            stored,
            settings.settle,
            gzip=settings.gzip,
            inspect=lambda item, window: in_force.inspect(item, window, settings, bucket),
        )
        newest = max(stored, key=lambda item: item.parsed.label, default=None)
        return SeriesState(
            plan, SeriesFreshness.of(plan, (), scope.now), newest, _state(newest, plan, settings)
        )

    wanted = [
        (report, Series(report.slug, region, granularity))
        for report, region, granularity in scope.series()
    ]
    states = map_concurrently(ThreadRuntime(), surveyed, wanted, _CONCURRENT_LISTINGS)
    return {series: state for (_, series), state in zip(wanted, states, strict=True)}


def _state(newest: StoredObject | None, plan: SeriesPlan, settings: Settings) -> State | None:
    if newest is None:
        return None
    window = plan.calendar.window(newest.parsed.label)
    return state_at(window, settings.settle, newest.last_modified)
