"""The keys of the objects in the bucket: building and parsing them."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from room_reports.model.errors import WindowError
from room_reports.model.regions import REGION_NAME
from room_reports.model.windows import Granularity, Window, parse_date

SLUG = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
QUARANTINE_PREFIX = "quarantine/"
DAY_INDEX_PREFIX = "index/day_files/"
READERS_KEY = "readers/readers.csv"
"""The list of readers: see ``model/readers.py``."""
_KEY = re.compile(
    rf"(?P<slug>{SLUG.pattern})/granularity=(?P<granularity>day|hour)"
    rf"/region=(?P<region>{REGION_NAME.pattern})/dt=(?P<dt>\d{{4}}-\d{{2}}-\d{{2}})"
    r"/(?P=slug)_(?P=region)_(?P<label>(?P=dt)(?:T(?:[01]\d|2[0-3])Z)?)\.csv(?P<gzip>\.gz)?",
    re.ASCII,
)


@dataclass(frozen=True, order=True)
class Series:
    """The exports of one report, region and granularity."""

    slug: str
    region: str
    granularity: Granularity

    @property
    def prefix(self) -> str:
        """The prefix of the keys of this series, and of no other key."""
        return f"{self.slug}/granularity={self.granularity}/region={self.region}/dt="

    def key(self, window: Window, *, gzip: bool) -> str:
        """Return the key of one window's object."""
        return self._key(window.dt, window.label, gzip=gzip)

    def key_of_day(self, dt: str, *, gzip: bool) -> str:
        """Return the key of a day's object, by its ``dt`` alone."""
        return self._key(dt, dt, gzip=gzip)

    def _key(self, dt: str, label: str, *, gzip: bool) -> str:
        return f"{self.prefix}{dt}/{self.file_name(label)}{'.gz' if gzip else ''}"

    def file_name(self, label: str) -> str:
        """Return the name of the uncompressed file of the window with this label."""
        return f"{self.slug}_{self.region}_{label}.csv"


@dataclass(frozen=True)
class ParsedKey:
    """The parts of an export's key."""

    series: Series
    label: str
    """The label of the window."""
    gzip: bool


def parse_key(key: str) -> ParsedKey | None:
    """Return the parts of ``key``, or None if it is not the key of an export."""
    match = _KEY.fullmatch(key)
    if not match:
        return None
    granularity = Granularity(match["granularity"])
    if ("T" in match["label"]) != (granularity is Granularity.HOUR):
        return None
    try:
        parse_date(match["dt"])
    except WindowError:
        return None
    return ParsedKey(
        Series(match["slug"], match["region"], granularity), match["label"], bool(match["gzip"])
    )


def run_record_key(started: datetime, run_id: str) -> str:
    """Return the key of a run's record; ``started`` is in UTC."""
    return f"{run_records_of(started.date())}{run_id}.json"


def run_records_of(day: date) -> str:
    """Return the prefix of the records of the runs that started on a day in UTC."""
    return f"runs/dt={day.isoformat()}/"


def quarantine_key(started: datetime, run_id: str, series: Series, window: Window) -> str:
    """Return the key of the sample of an unrecognised response; ``started`` is in UTC."""
    name = f"{series.slug}_{series.region}_{window.label}.json"
    return f"{QUARANTINE_PREFIX}dt={started.date().isoformat()}/{run_id}/{name}"


def day_index_key(region: str, month: str) -> str:
    """Return the key of the index of a region's day files in a month, such as ``2026-11``."""
    return f"{DAY_INDEX_PREFIX}region={region}/month={month}/day_files_{region}_{month}.csv"
