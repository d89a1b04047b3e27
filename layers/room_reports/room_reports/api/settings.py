"""The settings of the downloads API, read once from the environment and checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from room_reports.model.windows import Calendar, Granularity, parse_date
from room_reports.settings import Settings, SettingsReader, read_settings, whole_number

_ROLE = r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+"
_ORIGIN = re.compile(r"\*|https?://[A-Za-z0-9.-]+(:\d+)?", re.ASCII)
MIN_LINK_TTL, MAX_LINK_TTL = 1, 3300
"""Seconds. The credentials that sign links last an hour, and are replaced when they would expire
before a new link. All links that are signed within five minutes share credentials.
The template allows no less than a minute; a test sets seconds, to see a link expire."""
_EXPORTER_ONLY = ("SECRET_ID", "CONCURRENCY")
"""Variables that the downloads function does not need. Its memory does not limit the exporter."""


@dataclass(frozen=True)
class ApiSettings:
    """The settings of the downloads API."""

    exporter: Settings
    """What the exporter writes: reports, regions, calendars, bucket."""
    presigner_role: str
    """ARN of the role whose credentials read objects and sign links."""
    link_ttl: timedelta
    first_day: str
    """The first day of a listing without ``from``, as ``YYYY-MM-DD``."""
    cors_origin: str | None

    @property
    def slugs(self) -> tuple[str, ...]:
        """The reports that a request may name."""
        return tuple(report.slug for report in self.exporter.reports)

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that a request may name."""
        return tuple(region.name for region in self.exporter.regions)

    def calendar(self, granularity: Granularity) -> Calendar:
        """Return the calendar that cuts windows of ``granularity``."""
        return self.exporter.calendar(granularity)


def read_api_settings(environment: Mapping[str, str]) -> ApiSettings:
    """Return the settings that the variables in ``environment`` hold.

    Raises:
        ConfigurationError: Naming every variable that is wrong and what it should look like.
    """
    reader = SettingsReader(environment)
    exporter = read_settings(reader)
    for name in _EXPORTER_ONLY:
        reader.problems.pop(name, None)
    role = reader.require("PRESIGNER_ROLE_ARN", "a role's ARN", _ROLE)
    seconds = reader.read("LINK_TTL_SECONDS", "900", whole_number(MIN_LINK_TTL, MAX_LINK_TTL))
    settings = ApiSettings(
        exporter=exporter,
        presigner_role=role,
        link_ttl=timedelta(seconds=seconds),
        cors_origin=reader.read("CORS_ORIGIN", "", _origin),
        first_day=reader.read("START_DATE", "2020-01-01", _day),
    )
    reader.raise_problems()
    return settings


def _origin(text: str) -> str | None:
    if text and not _ORIGIN.fullmatch(text):
        raise ValueError(f"{text!r} should be like https://reports.example.edu")
    return text or None


def _day(text: str) -> str:
    parse_date(text)
    return text
