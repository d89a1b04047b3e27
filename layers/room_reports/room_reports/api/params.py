"""The parameters of a request, checked and converted."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from room_reports.api import grammar
from room_reports.api.errors import BadParameterError, UnknownNameError
from room_reports.api.settings import ApiSettings
from room_reports.model.windows import Calendar, Granularity, TimeRange, Window
from room_reports.storage.keys import Series

EXPORTS_PARAMETERS = ("report", "region", "granularity", "from", "to", "limit", "cursor")
COVERAGE_PARAMETERS = ("report", "region", "granularity", "from", "to")
MAX_LIMIT = 200
DEFAULT_LIMIT = 50
MAX_DAYS = 400
_DEFAULT_DAYS = {Granularity.DAY: 365, Granularity.HOUR: 31}
_GRANULARITIES = {granularity.value: granularity for granularity in Granularity}
_FIELD_SEPARATOR = "/"
_DAY = timedelta(days=1)

Query = Mapping[str, Sequence[str]]
"""All values by the name of the parameter."""


@dataclass(frozen=True)
class Position:
    """The position of an export in the listing."""

    series: Series
    window: Window

    @property
    def order(self) -> tuple[float, Granularity, str, str]:
        """The sort key of the listing: newest first, then days before hours."""
        series = self.series
        return -self.window.start.timestamp(), series.granularity, series.slug, series.region

    def cursor(self) -> str:
        """Return the position as an opaque text."""
        fields = (self.series.slug, self.series.region, self.series.granularity, self.window.label)
        text = _FIELD_SEPARATOR.join(fields)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@dataclass(frozen=True)
class ExportsQuery:
    """A result page of the listing."""

    series: tuple[Series, ...]
    time_ranges: Mapping[Granularity, TimeRange]
    limit: int
    after: Position | None
    today: Mapping[Granularity, str]
    """The ``dt`` of the window that contains this moment."""
    now: datetime
    """This moment, which decides what has expired."""


@dataclass(frozen=True)
class CoverageQuery:
    """The windows of one series in an interval."""

    series: Series
    calendar: Calendar
    time_range: TimeRange


def exports_query(query: Query, settings: ApiSettings, now: datetime) -> ExportsQuery:
    """Return the result page of the listing that ``query`` selects.

    Raises:
        BadParameterError: If a parameter is wrong. The message says what would be right.
    """
    values = grammar.single_values(query, EXPORTS_PARAMETERS)
    slugs, regions = _chosen(values, settings)
    granularities = tuple(Granularity)
    if "granularity" in values:
        granularities = (grammar.choice("granularity", values["granularity"], _GRANULARITIES),)
    cursor = values.get("cursor")
    return ExportsQuery(
        series=tuple(
            Series(slug, region, granularity)
            for granularity in granularities
            for slug in slugs
            for region in regions
        ),
        time_ranges={
            granularity: _time_range(values, settings, granularity, now)
            for granularity in granularities
        },
        limit=grammar.number("limit", values.get("limit", str(DEFAULT_LIMIT)), 1, MAX_LIMIT),
        after=_position(cursor, settings) if cursor else None,
        today={
            granularity: settings.calendar(granularity).containing(now).dt
            for granularity in granularities
        },
        now=now,
    )


def coverage_query(query: Query, settings: ApiSettings, now: datetime) -> CoverageQuery:
    """Return the windows that ``query`` selects, by default a year of days or 31 days of hours.

    Raises:
        BadParameterError: If a parameter is wrong. The message says what would be right.
    """
    values = grammar.single_values(query, COVERAGE_PARAMETERS)
    slugs, regions = _chosen(values, settings)
    for parameter, chosen in (("report", slugs), ("region", regions)):
        if len(chosen) > 1:
            raise BadParameterError(parameter, f"is needed: one of {', '.join(chosen)}")
    granularity = grammar.choice(
        "granularity", values.get("granularity", settings.exporter.granularities[0]), _GRANULARITIES
    )
    calendar = settings.calendar(granularity)
    end = grammar.moment("to", values["to"], calendar) if "to" in values else now
    default = end - timedelta(days=_DEFAULT_DAYS[granularity])
    start = grammar.moment("from", values["from"], calendar) if "from" in values else default
    _check_order(start, end)
    if end - start > timedelta(days=MAX_DAYS):
        raise BadParameterError("from", f"should be at most {MAX_DAYS} days before to")
    return CoverageQuery(Series(slugs[0], regions[0], granularity), calendar, TimeRange(start, end))


def series_of(report: str, region: str, granularity: str, settings: ApiSettings) -> Series:
    """Return the series that the parts of a path name.

    Raises:
        UnknownNameError: If the report, region or granularity does not exist.
    """
    for what, text, known in (
        ("report", report, settings.slugs),
        ("region", region, settings.regions),
        ("granularity", granularity, tuple(_GRANULARITIES)),
    ):
        if text not in known:
            raise UnknownNameError(what, grammar.shown(text), known)
    return Series(report, region, Granularity(granularity))


def _chosen(
    values: Mapping[str, str], settings: ApiSettings
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    slugs, regions = settings.slugs, settings.regions
    if "report" in values:
        slugs = (grammar.choice("report", values["report"], {slug: slug for slug in slugs}),)
    if "region" in values:
        regions = (grammar.choice("region", values["region"], {name: name for name in regions}),)
    return slugs, regions


def _time_range(
    values: Mapping[str, str],
    settings: ApiSettings,
    granularity: Granularity,
    now: datetime,
) -> TimeRange:
    calendar = settings.calendar(granularity)
    # After every window that has begun, but in a year in which some window has begun.
    start = calendar.moment(settings.first_day)
    end = datetime((now + _DAY).year, 12, 31, tzinfo=UTC)
    if "from" in values:
        start = grammar.moment("from", values["from"], calendar)
    if "to" in values:
        end = grammar.moment("to", values["to"], calendar)
    if "from" in values and "to" in values:
        _check_order(start, end)
    return TimeRange(start, end)


def _check_order(start: datetime, end: datetime) -> None:
    if start >= end:
        raise BadParameterError("from", "should be before to")


def _position(cursor: str, settings: ApiSettings) -> Position:
    problem = BadParameterError("cursor", "should be the next_cursor of a response, unchanged")
    if not re.fullmatch(grammar.CURSOR, cursor):
        raise problem
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        fields = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
        report, region, granularity, label = fields.split(_FIELD_SEPARATOR)
        series = series_of(report, region, granularity, settings)
        window = grammar.window("cursor", label, settings.calendar(series.granularity))
    except (binascii.Error, ValueError, UnknownNameError, BadParameterError) as error:
        raise problem from error
    return Position(series, window)
