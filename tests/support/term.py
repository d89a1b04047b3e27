"""A term of data of two regions, published by the library, and its expected rows.

Days are those of New York, so that the term has a day of 25 hours. Some days are exported first
while their last sessions are still running, and again under the same key when all data is known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from local.kaltura.campus import Size
from local.kaltura.csv_format import render
from local.kaltura.truth import HEADERS, Row, UniversityTruth
from local.kaltura.university import University
from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.model.privacy import Privacy, parse_privacy
from room_reports.model.reports import REPORTS, Kind, Report
from room_reports.model.suppression import Suppression
from room_reports.model.windows import Calendar, Granularity, Window
from room_reports.storage.csv_file import CsvSource, write_csv
from room_reports.storage.erased import ErasedTable
from room_reports.storage.keys import Series
from room_reports.storage.protected import ProtectedTable
from tests.support.privacy import KEY
from tests.support.suppression import Erased, suppression_of

ZONE = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class Term:
    """The days from ``first`` to ``last``; regions in ``gzipped`` have compressed files."""

    first: date
    last: date
    size: Size
    regions: tuple[str, ...] = ("us", "ca")
    gzipped: tuple[str, ...] = ("ca",)
    hours_of: tuple[date, ...] = ()
    """Days that are also exported by hour."""

    def truth(self, region: str) -> UniversityTruth:
        """Return what the simulated Kaltura knows about a region."""
        return UniversityTruth(University(11, region, self.size))

    def days(self) -> Iterator[Window]:
        """Yield the day windows, oldest first."""
        calendar = Calendar(Granularity.DAY, ZONE)
        for offset in range((self.last - self.first).days + 1):
            yield calendar.window((self.first + timedelta(days=offset)).isoformat())

    def hours(self) -> Iterator[Window]:
        """Yield the hour windows."""
        calendar = Calendar(Granularity.HOUR, ZONE)
        for day in self.hours_of:
            for hour in range(24):
                yield calendar.window(f"{day.isoformat()}T{hour:02d}Z")

    def rows(self, report: Report, region: str) -> list[dict[str, str]]:
        """Return the rows of a report over the whole term as one window: each session once."""
        start = datetime(self.first.year, self.first.month, self.first.day, tzinfo=ZONE)
        after = self.last + timedelta(days=1)
        end = datetime(after.year, after.month, after.day, tzinfo=ZONE)
        rows = self.truth(region).rows(report.id, int(start.timestamp()), int(end.timestamp()))
        return [dict(zip(HEADERS[report.id], row, strict=True)) for row in rows]

    def publish(self, root: Path, privacy: str = "", erased: Sequence[Erased] = ()) -> None:
        """Write every export under ``root``, by its key.

        Args:
            privacy: A value of PrivacyColumns.
            erased: The people in the suppression list, whose rows are kept.
        """
        treated = parse_privacy(privacy, ()).with_key(KEY)
        suppression = suppression_of(erased) if erased else None
        for region in self.regions:
            truth = self.truth(region)
            for report in REPORTS:
                for window in (*self.days(), *self.hours()):
                    series = Series(report.slug, region, window.granularity)
                    path = root / series.key(window, gzip=region in self.gzipped)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    # A few days are enough to show that the second export replaces the first.
                    early = int(window.end.timestamp()) - 3600
                    for as_of in (early, None) if window.start.day % 10 == 1 else (None,):
                        start, end = int(window.start.timestamp()), int(window.end.timestamp())
                        rows = truth.rows(report.id, start, end, as_of=as_of)
                        _export(path, report, rows, treated, suppression)


def _export(
    path: Path, report: Report, rows: list[Row], privacy: Privacy, suppression: Suppression | None
) -> None:
    source: CsvSource = KalturaCsvReader([render(HEADERS[report.id], rows)])
    if suppression:
        source = ErasedTable(source, report, suppression)
    tokens = suppression.tokens if suppression else frozenset[str]()
    table = ProtectedTable(source, report, privacy, tokens) if privacy.is_set else source
    with path.open("wb") as file:
        write_csv(table.header, table, report, file, compress=path.suffix == ".gz")


def shown(value: str) -> str | None:
    """Return a text as an analyst must see it: as typed, on one line, None if empty."""
    for line_break in ("\r\n", "\r", "\n"):
        value = value.replace(line_break, " ")
    return value.replace("\ue000", "\ufffd") or None


def numeric(report: Report) -> set[str]:
    """Return the names of a report's numeric columns."""
    return {column.name for column in report.columns if column.kind is not Kind.TEXT}
