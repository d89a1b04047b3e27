"""The downloads' settings, read once from the environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from room_reports.settings import ConfigurationError, Settings, inspect_settings
from room_reports.windows import Calendar, Granularity, WindowError, parse_date

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
_ORIGIN = re.compile(r"\*|https?://[A-Za-z0-9.-]+(:\d+)?", re.ASCII)
# Of the exporter's settings, these are not the downloads' business.
_NOT_OURS = ("SECRET_ID",)


@dataclass(frozen=True)
class DownloadSettings:
    """What the operator chose, checked."""

    lake: Settings
    """What the exporter writes: reports, regions, calendars, bucket."""
    presigner_role: str
    """ARN of the role whose credentials read objects and sign links."""
    link_ttl: timedelta
    first_day: str
    """Where a listing without ``from`` ends."""
    cors_origin: str | None

    @property
    def slugs(self) -> tuple[str, ...]:
        """The reports that can be asked for."""
        return tuple(report.slug for report in self.lake.reports)

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that can be asked for."""
        return tuple(region.name for region in self.lake.regions)

    def calendar(self, granularity: Granularity) -> Calendar:
        """The calendar that windows of ``granularity`` are cut with."""
        return self.lake.calendar(granularity)


def read_download_settings(environment: Mapping[str, str]) -> DownloadSettings:
    """The settings that the variables in ``environment`` hold.

    Raises:
        ConfigurationError: naming every variable that is wrong and what it should look like.
    """
    lake, problems = inspect_settings(environment)
    found = {name: text for name, text in problems.items() if name not in _NOT_OURS}
    role = environment.get("PRESIGNER_ROLE_ARN", "")
    if not _ROLE.fullmatch(role):
        found["PRESIGNER_ROLE_ARN"] = f"{role!r} should be a role's ARN"
    ttl = environment.get("LINK_TTL_SECONDS") or "900"
    if not (ttl.isascii() and ttl.isdigit() and 1 <= int(ttl) <= 3600):
        found["LINK_TTL_SECONDS"], ttl = f"{ttl!r} should be a number from 1 to 3600", "900"
    origin = environment.get("CORS_ORIGIN", "")
    if origin and not _ORIGIN.fullmatch(origin):
        found["CORS_ORIGIN"] = f"{origin!r} should be like https://reports.example.edu"
    first_day = environment.get("START_DATE") or "2020-01-01"
    try:
        parse_date(first_day)
    except WindowError as error:
        found["START_DATE"] = str(error)
    if found:
        raise ConfigurationError([f"{name}: {problem}" for name, problem in found.items()])
    return DownloadSettings(lake, role, timedelta(seconds=int(ttl)), first_day, origin or None)
