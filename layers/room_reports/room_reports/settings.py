"""The deployment's settings, read once from the environment."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from room_reports.catalogue import Report, report_with_id
from room_reports.filters import Filters, parse_filters
from room_reports.windows import Calendar, Granularity

CLOCK_SKEW = timedelta(minutes=10)
"""How far apart the clocks here, at S3 and at Kaltura may be without a row being lost."""

REGION_NAME = re.compile(r"[a-z][a-z0-9-]{0,15}", re.ASCII)

_REPORT_ID = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII
)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_T = TypeVar("_T")


class ConfigurationError(Exception):
    """Raised before anything is exported when the deployment or the event asks for nonsense."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


@dataclass(frozen=True)
class Region:
    """A Kaltura data centre, and the account there."""

    name: str
    base_url: str
    """Scheme and host, such as ``https://www.kaltura.com``."""


@dataclass(frozen=True)
class Settings:
    """What the operator chose, checked."""

    regions: tuple[Region, ...]
    reports: tuple[Report, ...]
    granularities: tuple[Granularity, ...]
    zone: ZoneInfo
    settle: timedelta
    """How long after a window's end Kaltura may still be processing its data."""
    catch_up: timedelta
    """How far back a scheduled run looks for windows that are due."""
    export_open_window: bool
    filters: Filters
    concurrency: int
    row_caps: frozenset[int]
    """Row counts that mean that Kaltura may have cut the answer off."""
    gzip: bool
    neutralise_formulas: bool
    connect_timeout: float
    """Seconds."""
    read_timeout: float
    """Seconds."""
    bucket: str
    secret_id: str

    def calendar(self, granularity: Granularity) -> Calendar:
        """The calendar that this deployment cuts windows of ``granularity`` with."""
        return Calendar(granularity, self.zone)


def inspect_settings(environment: Mapping[str, str]) -> tuple[Settings, Mapping[str, str]]:
    """The settings, with the default for whatever is wrong, and what is wrong by variable."""
    variables = _Variables(environment)
    reports = variables.read("REPORT_IDS", "6000,6001,6002", _reports)
    settings = Settings(
        regions=variables.read(
            "KALTURA_REGIONS", "us=https://www.kaltura.com,eu=https://api.eu.kaltura.com", _regions
        ),
        reports=reports,
        granularities=variables.read("GRANULARITIES", "day", _granularities),
        zone=variables.read("TIME_ZONE", "UTC", _zone),
        settle=timedelta(hours=variables.read("SETTLE_HOURS", "48", _number(0, 24 * 365))),
        catch_up=timedelta(days=variables.read("CATCH_UP_DAYS", "35", _number(1, 3650))),
        export_open_window=variables.read("EXPORT_OPEN_WINDOW", "false", _flag),
        filters=variables.read("REPORT_FILTERS", "{}", lambda text: parse_filters(text, reports)),
        concurrency=variables.read("CONCURRENCY", "4", _whole_number(1, 64)),
        row_caps=variables.read("ROW_CAPS", "100000", _row_caps),
        gzip=variables.read("COMPRESSION", "none", _choice("none", "gzip")) == "gzip",
        neutralise_formulas=variables.read("NEUTRALISE_FORMULAS", "true", _flag),
        connect_timeout=variables.read("CONNECT_TIMEOUT_SECONDS", "10", _number(1, 60)),
        read_timeout=variables.read("READ_TIMEOUT_SECONDS", "600", _number(1, 600)),
        bucket=variables.require("BUCKET_NAME", "the name of the bucket to export to"),
        secret_id=variables.require("SECRET_ID", "the ARN of the secret with the credentials"),
    )
    return settings, variables.problems


@dataclass
class _Variables:
    """Reads variables one by one and keeps what is wrong with them."""

    environment: Mapping[str, str]
    problems: dict[str, str] = field(default_factory=dict)

    def read(self, name: str, default: str, parse: Callable[[str], _T]) -> _T:
        try:
            return parse(self.environment.get(name, "").strip() or default)
        except ValueError as error:
            self.problems[name] = str(error)
            return parse(default)

    def require(self, name: str, meaning: str) -> str:
        value = self.environment.get(name, "").strip()
        if not value:
            self.problems[name] = f"is missing; it should be {meaning}"
        return value


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _regions(text: str) -> tuple[Region, ...]:
    regions = [_region(item) for item in _items(text)]
    names = [region.name for region in regions]
    if not regions or len(set(names)) < len(names):
        raise ValueError(
            f"{text!r} should name each region once, like "
            "us=https://www.kaltura.com,eu=https://api.eu.kaltura.com"
        )
    return tuple(regions)


def _region(item: str) -> Region:
    name, _, url = item.partition("=")
    example = "write each region like us=https://www.kaltura.com"
    if not REGION_NAME.fullmatch(name):
        raise ValueError(f"{item!r} does not begin with a region's name and '='; {example}")
    address = url.rstrip("/")
    match = _ADDRESS.fullmatch(address)
    if not match:
        raise ValueError(f"the address of region {name!r} is not scheme and host; {example}")
    if match["scheme"] != "https" and match["host"] not in _LOOPBACK:
        raise ValueError(f"the address of region {name!r} must begin with https://; {example}")
    return Region(name, address)


def _reports(text: str) -> tuple[Report, ...]:
    ids = _items(text)
    if not ids or not all(_REPORT_ID.fullmatch(item) for item in ids):
        raise ValueError(f"{text!r} should list report ids, like 6000,6001,6002")
    return tuple(report_with_id(report_id) for report_id in dict.fromkeys(map(int, ids)))


def _granularities(text: str) -> tuple[Granularity, ...]:
    try:
        found = tuple(dict.fromkeys(Granularity(item) for item in _items(text)))
    except ValueError:
        found = ()
    if not found:
        raise ValueError(f"{text!r} should be day, hour or day,hour")
    return found


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"{text!r} is not an IANA time zone; write one like UTC or Europe/Warsaw"
        ) from error


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"{text!r} should be a number from {low:g} to {high:g}")
        return value

    return parse


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise ValueError(f"{text!r} should be a whole number from {low} to {high}")
        return int(text)

    return parse


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"{text!r} should be one of: {', '.join(choices)}")
        return text.lower()

    return parse


def _flag(text: str) -> bool:
    return _choice("true", "false")(text) == "true"


def _row_caps(text: str) -> frozenset[int]:
    items = _items(text)
    if not items or not all(item.isascii() and item.isdigit() and int(item) for item in items):
        raise ValueError(f"{text!r} should list whole numbers of rows, like 100000 or 50000,100000")
    return frozenset(map(int, items))
