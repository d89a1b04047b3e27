"""What a request asks for, once it has passed the grammar."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from room_reports.api import grammar
from room_reports.api.errors import BadParameterError, UnknownNameError
from room_reports.api.settings import ApiSettings
from room_reports.model.windows import Calendar, Granularity, Window
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
"""Every value of every parameter."""


@dataclass(frozen=True)
class TimeRange:
    """The half-open interval ``[start, end)``."""

    start: datetime
    end: datetime

    def touches(self, window: Window) -> bool:
        """Whether they have a moment in common."""
        return window.start < self.end and window.end > self.start


@dataclass(frozen=True)
class Position:
    """A place in the listing: that of one window of one series."""

    series: Series
    window: Window

    @property
    def order(self) -> tuple[float, Granularity, str, str]:
        """What the listing is sorted by: the newest first, then days before hours."""
        series = self.series
        return -self.window.start.timestamp(), series.granularity, series.slug, series.region

    def cursor(self) -> str:
        """It as an opaque text."""
        fields = (self.series.slug, self.series.region, self.series.granularity, self.window.label)
        text = _FIELD_SEPARATOR.join(fields)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@dataclass(frozen=True)
class ExportsQuery:
    """A page of the listing."""

    series: tuple[Series, ...]
    time_ranges: Mapping[Granularity, TimeRange]
    limit: int
    after: Position | None


@dataclass(frozen=True)
class CoverageQuery:
    """The windows of one series."""

    series: Series
    calendar: Calendar
    time_range: TimeRange


def exports_query(query: Query, settings: ApiSettings, now: datetime) -> ExportsQuery:
    """The page of the listing that ``query`` asks for.

    Raises:
        BadParameterError: naming the parameter and what would be right.
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
    )


def coverage_query(query: Query, settings: ApiSettings, now: datetime) -> CoverageQuery:
    """The windows that ``query`` asks about: by default those of the last year, or 31 days.

    Raises:
        BadParameterError: naming the parameter and what would be right.
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
    """The series that the parts of a path name.

    Raises:
        UnknownNameError: saying which of them is not known.
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
    # Beyond every window that has begun, but not in a year that none has begun in.
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
    problem = BadParameterError("cursor", "should be the next_cursor of an answer, unchanged")
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
