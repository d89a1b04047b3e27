"""The events that the exporter is invoked with."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from room_reports.export.scope import CalendarRange, Scope
from room_reports.model.errors import WindowError
from room_reports.model.reports import Report
from room_reports.model.windows import Calendar, Granularity, parse_timestamp
from room_reports.settings import Settings

_FIELDS = (
    *("from", "to", "reports", "regions", "granularity", "force"),
    *("dry_run", "other_filters", "other_privacy"),
)
_FLAGS = ("force", "dry_run", "other_filters", "other_privacy")
EXAMPLE = '{"from": "2026-09-01", "to": "2026-10-01"}'
_FIRST_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
"""There were no Kaltura Rooms earlier, so that an earlier time is a typing error."""


def parse_event(
    event: Mapping[str, object], settings: Settings, now: datetime
) -> tuple[Scope | None, list[str]]:
    """Return the scope that an event asks for, and everything that is wrong with the event.

    Args:
        event: An EventBridge scheduled event, whose ``time`` is the run's "now", or a direct one.
        now: The "now" of a direct event; decides what has expired.
    """
    if is_scheduled(event):
        return _scheduled(event, settings, now)
    if "from" not in event or "to" not in event:
        return None, [
            f"the event is neither a scheduled one nor has from and to; write it like {EXAMPLE}"
        ]
    return _direct(event, settings, now)


def is_scheduled(event: Mapping[str, object]) -> bool:
    """Return whether EventBridge sent an event on its schedule."""
    return event.get("detail-type") == "Scheduled Event" or event.get("source") == "aws.events"


def _scheduled(
    event: Mapping[str, object], settings: Settings, clock_now: datetime
) -> tuple[Scope | None, list[str]]:
    try:
        now = parse_timestamp(str(event.get("time", "")))
    except WindowError as error:
        return None, [f"the scheduled event's time: {error}"]
    # Every window has as many days to settle as it has to be exported for the first time.
    horizon = now - settings.catch_up - settings.settle
    return Scope(
        trigger="schedule",
        now=now,
        reports=settings.reports_by_region,
        time_ranges={
            granularity: CalendarRange(horizon, now, settings.calendar(granularity))
            for granularity in settings.granularities
        },
        open_windows=settings.export_open_window,
        missing_since=now - settings.catch_up,
        # An event of another time, such as a replay, brings back nothing that has expired since.
        expired_before=settings.retention.cutoff(max(now, clock_now)),
        sample_days=settings.sample_days,
    ), []


def _direct(
    event: Mapping[str, object], settings: Settings, now: datetime
) -> tuple[Scope | None, list[str]]:
    problems = [
        f"{name}: is not a field of the event; its fields are {', '.join(_FIELDS)}"
        for name in event
        if name not in _FIELDS
    ]
    wanted = str(event["granularity"]) if event.get("granularity") else ""
    granularities: tuple[Granularity, ...] = settings.granularities
    if wanted in tuple(Granularity):
        granularities = (Granularity(wanted),)
    elif wanted:
        problems.append(f"granularity: {wanted!r} should be day or hour")
    flags = {}
    for name in _FLAGS:
        value = event.get(name, False)
        if not isinstance(value, bool):
            problems.append(f"{name}: {value!r} should be true or false")
        flags[name] = value is True
    slugs = _chosen("reports", event, [report.slug for report in settings.reports], problems)
    regions = _chosen("regions", event, [region.name for region in settings.regions], problems)
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
        reports=_reports(settings, slugs, regions),
        time_ranges=time_ranges,
        open_windows=settings.export_open_window or flags["force"],
        force=flags["force"] or flags["other_filters"] or flags["other_privacy"],
        dry_run=flags["dry_run"],
        other_filters=flags["other_filters"],
        other_privacy=flags["other_privacy"],
        expired_before=settings.retention.cutoff(now),
    ), []


def _reports(
    settings: Settings, slugs: Iterable[str], regions: Iterable[str]
) -> dict[str, tuple[Report, ...]]:
    """Return the chosen reports of the chosen regions, as far as the regions have them."""
    return {
        region: tuple(
            report for report in settings.reports_by_region[region] if report.slug in slugs
        )
        for region in regions
    }


def _chosen(
    name: str, event: Mapping[str, object], known: list[str], problems: list[str]
) -> tuple[str, ...]:
    values = event.get(name)
    if values is None:
        return tuple(known)
    if (
        not isinstance(values, list)
        or not values
        or not all(value in known for value in map(str, values))
    ):
        problems.append(f"{name}: {values!r} should be a list of some of: {', '.join(known)}")
        return ()
    return tuple(dict.fromkeys(map(str, values)))


def _time_range(
    event: Mapping[str, object], calendar: Calendar, problems: list[str]
) -> CalendarRange | None:
    ends: list[datetime] = []
    for name in ("from", "to"):
        try:
            moment = calendar.moment(str(event[name]))
        except WindowError as error:
            problems.append(f"{name}: {error}")
            continue
        if moment < _FIRST_MOMENT:
            problems.append(f"{name}: {event[name]!r} should be in the year 2000 or later")
            continue
        ends.append(moment)
    if len(ends) < 2:
        return None
    start, end = ends
    if start >= end:
        problems.append(f"from: {event['from']} should be before to, which is {event['to']}")
    return CalendarRange(start, end, calendar)
