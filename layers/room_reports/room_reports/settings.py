"""The exporter's settings, read once from the environment and checked."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import TypeVar
from zoneinfo import ZoneInfo

from room_reports.errors import ConfigurationError
from room_reports.model.athena_zones import UNKNOWN_TO_ATHENA
from room_reports.model.filters import Filters, parse_filters
from room_reports.model.privacy import Privacy, parse_privacy
from room_reports.model.regions import Region, parse_region
from room_reports.model.reports import Report, report_with_id
from room_reports.model.retention import Retention
from room_reports.model.suppression import Suppression
from room_reports.model.windows import Calendar, Granularity

_REPORT_ID = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_T = TypeVar("_T")

# What a function holds, and what each report that is fetched at the same time needs of it.
_SHARED_MEMORY = 256
"""MB for the runtime, the libraries and the plan."""
_MEMORY_PER_REPORT = 26
"""MB: 8 of a temporary file, which larger ones leave for the disk, 8 of that of the report that is
published meanwhile, and 10 to work in."""
_DISK = 2048
"""MB, EphemeralStorage in the template."""
_DISK_PER_REPORT = 80
"""MB: five temporary files of 16 MB, more than 100,000 rows each."""
_DESCRIPTORS = 1024 - 128
"""Of Lambda's 1,024 file descriptors, without those of the runtime."""
_DESCRIPTORS_PER_REPORT = 8
"""Five temporary files, a connection to Kaltura and two to S3."""


@dataclass(frozen=True)
class Settings:
    """The exporter's settings."""

    regions: tuple[Region, ...]
    reports: tuple[Report, ...]
    """All reports of all regions."""
    reports_by_region: Mapping[str, tuple[Report, ...]]
    """The reports of each region, by the region's name."""
    granularities: tuple[Granularity, ...]
    zone: ZoneInfo
    settle: timedelta
    """How long after a window's end Kaltura may still process its data."""
    catch_up: timedelta
    """How far back a scheduled run looks for windows that are due."""
    export_open_window: bool
    sample_days: int
    """Settled days of each report and region that are asked for again each day."""
    filters: Filters
    privacy: Privacy
    """What is done to the columns that identify people; without the key of the pseudonyms until
    the exporter has read it from the secret."""
    concurrency: int
    """Requests to a region at the same time, in one run."""
    backfill_concurrency: int
    """Requests to a region at the same time, in all runs of a backfill together."""
    row_caps: frozenset[int]
    """Row counts at which Kaltura may have cut a report off."""
    gzip: bool
    neutralise_formulas: bool
    connect_timeout: float
    """Seconds."""
    read_timeout: float
    """Seconds."""
    bucket: str
    secret_id: str
    retention: Retention = field(default_factory=Retention)
    """How long the files of the reports are kept."""
    event_bus: str | None = None
    """The EventBridge event bus that notifications are sent to; None: none are sent."""
    suppression: Suppression | None = None
    """The people whose data is not published; None if there are none, and until the exporter has
    read the list."""

    @property
    def hides_people(self) -> bool:
        """Whether Kaltura's responses have values that must be stored nowhere."""
        return self.privacy.is_set or self.suppression is not None

    @property
    def child_concurrency(self) -> int:
        """Requests to a region at the same time, in one child workflow of a backfill."""
        return min(self.concurrency, self.backfill_concurrency)

    @property
    def children(self) -> int:
        """Child workflows of a region at the same time, in a backfill.

        All of them together make at most ``backfill_concurrency`` requests at once.
        """
        return self.backfill_concurrency // self.child_concurrency

    def filters_digest(self, slug: str) -> str:
        """Return a short digest of a report's filters; ``none`` when it has none."""
        filters = self.filters.get(slug)
        if not filters:
            return "none"
        text = json.dumps({name: list(values) for name, values in sorted(filters.items())})
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def calendar(self, granularity: Granularity) -> Calendar:
        """Return the calendar that cuts windows of ``granularity``."""
        return Calendar(granularity, self.zone)


@dataclass
class SettingsReader:
    """Reads environment variables one by one and collects the mistakes in them."""

    environment: Mapping[str, str]
    problems: dict[str, str] = field(default_factory=dict)
    """One message for each wrong variable: the mistake, and what the value should look like."""

    def read(self, name: str, default: str, parse: Callable[[str], _T]) -> _T:
        """Return the parsed value, or the parsed default when the variable is wrong or not set.

        Args:
            parse: Raises ValueError with a message that says what the value should look like.
        """
        try:
            return parse(self.environment.get(name, "").strip() or default)
        except ValueError as error:
            self.problems[name] = str(error)
            return parse(default)

    def require(self, name: str, meaning: str, pattern: str = r".+") -> str:
        """Return the value of a variable that has no default and must match ``pattern``."""
        value = self.environment.get(name, "").strip()
        if not value:
            self.problems[name] = f"is missing; it should be {meaning}"
        elif not re.fullmatch(pattern, value, re.ASCII):
            self.problems[name] = f"{value!r} should be {meaning}"
        return value

    def raise_problems(self) -> None:
        """Raise ConfigurationError naming every variable that was wrong, if any was."""
        if self.problems:
            raise ConfigurationError([f"{name}: {text}" for name, text in self.problems.items()])


def read_settings(reader: SettingsReader) -> Settings:
    """Return the settings, with the default for each variable that is wrong.

    The caller finds what is wrong in ``reader.problems``.
    """
    regions = reader.read(
        "KALTURA_REGIONS", "us=https://www.kaltura.com,eu=https://api.eu.kaltura.com", _regions
    )
    names = [region.name for region in regions]
    by_region = reader.read(
        "REPORT_IDS", "6000,6001,6002", lambda text: _reports_by_region(text, names)
    )
    reports = tuple(dict.fromkeys(chain.from_iterable(by_region.values())))
    concurrency = reader.read("CONCURRENCY", "4", whole_number(1, 64))
    # Lambda sets this one.
    memory = reader.read("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024", whole_number(128, 10240))
    if problem := _capacity_problem(len(regions), concurrency, memory):
        reader.problems.setdefault("CONCURRENCY", problem)
    settle = reader.read("SETTLE_HOURS", "48", number(0, 24 * 365))
    return Settings(
        regions=regions,
        reports=reports,
        reports_by_region=by_region,
        granularities=reader.read("GRANULARITIES", "day", _granularities),
        zone=reader.read("TIME_ZONE", "UTC", _zone),
        settle=timedelta(hours=settle),
        catch_up=timedelta(days=reader.read("CATCH_UP_DAYS", "35", number(1, 3650))),
        export_open_window=reader.read("EXPORT_OPEN_WINDOW", "false", _flag),
        sample_days=reader.read("SAMPLE_DAYS", "3", whole_number(0, 30)),
        filters=reader.read("REPORT_FILTERS", "{}", lambda text: parse_filters(text, reports)),
        privacy=reader.read("PRIVACY_COLUMNS", "", lambda text: parse_privacy(text, reports)),
        concurrency=concurrency,
        backfill_concurrency=reader.read("BACKFILL_CONCURRENCY", "8", whole_number(1, 100)),
        row_caps=reader.read("ROW_CAPS", "100000", _row_caps),
        gzip=reader.read("COMPRESSION", "none", _choice("none", "gzip")) == "gzip",
        neutralise_formulas=reader.read("NEUTRALISE_FORMULAS", "true", _flag),
        connect_timeout=reader.read("CONNECT_TIMEOUT_SECONDS", "10", number(1, 60)),
        read_timeout=reader.read("READ_TIMEOUT_SECONDS", "600", number(1, 600)),
        bucket=reader.require("BUCKET_NAME", "the name of the bucket to export to"),
        secret_id=reader.require("SECRET_ID", "the ARN of the secret with the credentials"),
        retention=reader.read("REPORT_RETENTION_DAYS", "0", lambda text: _retention(text, settle)),
        event_bus=reader.read("EVENT_BUS_NAME", "", str) or None,
    )


def _capacity_problem(regions: int, concurrency: int, memory: int) -> str | None:
    """Return why the function cannot fetch so many reports at once, if it cannot.

    Args:
        memory: The function's memory in MB.
    """
    limits = {
        f"{memory} MB of memory": (memory - _SHARED_MEMORY) // _MEMORY_PER_REPORT,
        f"{_DISK} MB of disk": _DISK // _DISK_PER_REPORT,
        "1024 file descriptors": _DESCRIPTORS // _DESCRIPTORS_PER_REPORT,
    }
    scarce, limit = min(limits.items(), key=lambda item: item[1])
    wanted = regions * concurrency
    if wanted <= limit:
        return None
    remedy = " or raise MemorySize" if "memory" in scarce else ""
    return (
        f"{concurrency} for each region is {wanted} reports at the same time, but the function's "
        f"{scarce} hold {max(limit, 0)}; lower Concurrency to at most {max(limit // regions, 1)}"
        f"{remedy}"
    )


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _regions(text: str) -> tuple[Region, ...]:
    regions = tuple(parse_region(item) for item in _items(text))
    names = [region.name for region in regions]
    if not regions or len(set(names)) < len(names):
        raise ValueError(
            f"{text!r} should name each region once, like "
            "us=https://www.kaltura.com,eu=https://api.eu.kaltura.com"
        )
    return regions


def _reports_by_region(text: str, regions: list[str]) -> dict[str, tuple[Report, ...]]:
    """Return the reports of each region.

    Args:
        text: Ids for all regions, like ``6000,6001``, or by region, like
            ``us=6000,6001;eu=6000,6001,6002``.
    """
    if "=" not in text:
        return dict.fromkeys(regions, _reports(text))
    found: dict[str, tuple[Report, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, ids = part.partition("=")
        if name.strip() in found:
            raise ValueError(f"{text!r} names region {name.strip()!r} twice")
        found[name.strip()] = _reports(ids)
    if set(found) != set(regions):
        raise ValueError(
            f"{text!r} should list the reports of each region ({', '.join(regions)}), like "
            + ";".join(f"{region}=6000,6001" for region in regions)
        )
    return {region: found[region] for region in regions}


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
    if replacement := UNKNOWN_TO_ATHENA.get(text):
        raise ValueError(f"{text!r} is unknown to Athena; write {replacement}")
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"{text!r} is not an IANA time zone; write one like UTC or Europe/Warsaw"
        ) from error


def number(low: float, high: float) -> Callable[[str], float]:
    """Return a parser of numbers from ``low`` to ``high``."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"{text!r} should be a number from {low:g} to {high:g}")
        return value

    return parse


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from ``low`` to ``high``."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise ValueError(f"{text!r} should be a whole number from {low} to {high}")
        return int(text)

    return parse


def _retention(text: str, settle_hours: float) -> Retention:
    """Return for how long files are kept, which is at least until they are final."""
    days = whole_number(0, 36500)(text)
    if days and timedelta(days=days) <= timedelta(hours=settle_hours):
        raise ValueError(
            f"{text!r} should be more days than the {settle_hours:g} hours of SettleHours, "
            "or 0 to keep files without limit"
        )
    return Retention(days)


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
