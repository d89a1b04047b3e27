"""The events that the exporter is invoked with."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from room_reports.export.scope import Scope, TimeRange
from room_reports.model.errors import WindowError
from room_reports.model.windows import Calendar, Granularity, parse_timestamp
from room_reports.settings import Settings

_FIELDS = ("from", "to", "reports", "regions", "granularity", "force")
_EXAMPLE = '{"from": "2026-09-01", "to": "2026-10-01"}'
_DAY = timedelta(days=1)
_T = TypeVar("_T")


def parse_event(
    event: Mapping[str, object], settings: Settings, now: datetime
) -> tuple[Scope | None, list[str]]:
    """Return the scope that an event selects, and the mistakes in the event.

    Args:
        event: An EventBridge scheduled event, whose ``time`` is the run's "now", or a direct event.
        settings: The settings of the exporter.
        now: The run's "now" for a direct event.

    Returns:
        The scope and an empty list, or None and one message for each mistake.
    """
    if event.get("detail-type") == "Scheduled Event" or event.get("source") == "aws.events":
        return _scheduled(event, settings)
    if "from" not in event or "to" not in event:
        return None, [
            f"the event is neither a scheduled one nor has from and to; write it like {_EXAMPLE}"
        ]
    return _direct(event, settings, now)


def _scheduled(event: Mapping[str, object], settings: Settings) -> tuple[Scope | None, list[str]]:
    try:
        now = parse_timestamp(str(event.get("time", "")))
    except WindowError as error:
        return None, [f"the scheduled event's time: {error}"]
    # An exported window must be considered again when it has settled, even if missing windows
    # are looked for in a shorter time.
    horizon = now - max(settings.catch_up, settings.settle + _DAY)
    return Scope(
        trigger="schedule",
        now=now,
        reports=settings.reports,
        regions=tuple(region.name for region in settings.regions),
        time_ranges={
            granularity: TimeRange(settings.calendar(granularity), horizon, now)
            for granularity in settings.granularities
        },
        open_windows=settings.export_open_window,
        missing_since=now - settings.catch_up,
    ), []


def _direct(
    event: Mapping[str, object], settings: Settings, now: datetime
) -> tuple[Scope | None, list[str]]:
    problems = [
        f"{name}: is not a field of the event; its fields are {', '.join(_FIELDS)}"
        for name in event
        if name not in _FIELDS
    ]
    reports = {report.slug: report for report in settings.reports}
    regions = {region.name: region.name for region in settings.regions}
    wanted = str(event["granularity"]) if event.get("granularity") else ""
    granularities: tuple[Granularity, ...] = settings.granularities
    if wanted in tuple(Granularity):
        granularities = (Granularity(wanted),)
    elif wanted:
        problems.append(f"granularity: {wanted!r} should be day or hour")
    force = event.get("force", False)
    if not isinstance(force, bool):
        problems.append(f"force: {force!r} should be true or false")
    chosen_reports = _chosen("reports", event, reports, problems)
    chosen_regions = _chosen("regions", event, regions, problems)
    time_ranges = {
        granularity: time_range
        for granularity in granularities
        if (time_range := _time_range(event, settings.calendar(granularity), problems))
    }
    if problems:
        return None, list(dict.fromkeys(problems))
    return Scope(
        trigger="event",
        now=now,
        reports=chosen_reports,
        regions=chosen_regions,
        time_ranges=time_ranges,
        open_windows=settings.export_open_window or bool(force),
        force=bool(force),
    ), []


def _chosen(
    name: str, event: Mapping[str, object], known: Mapping[str, _T], problems: list[str]
) -> tuple[_T, ...]:
    values = event.get(name)
    if values is None:
        return tuple(known.values())
    if (
        not isinstance(values, list)
        or not values
        or not all(value in known for value in map(str, values))
    ):
        problems.append(f"{name}: {values!r} should be a list of some of: {', '.join(known)}")
        return ()
    return tuple(known[value] for value in dict.fromkeys(map(str, values)))


def _time_range(
    event: Mapping[str, object], calendar: Calendar, problems: list[str]
) -> TimeRange | None:
    ends: list[datetime] = []
    for name in ("from", "to"):
        try:
            ends.append(calendar.moment(str(event[name])))
        except WindowError as error:
            problems.append(f"{name}: {error}")
    if len(ends) < 2:
        return None
    if ends[0] >= ends[1]:
        problems.append(f"from: {event['from']} should be before to, which is {event['to']}")
    return TimeRange(calendar, *ends)
