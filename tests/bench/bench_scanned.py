"""Bytes that a query reads, with and without a condition on the day."""

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.model.reports import ATTENDEES, ROOM_DATA
from room_reports.storage.csv_file import normalise
from tests.bench.bodies import MB, body
from tests.bench.section import Section
from tools.athena.duck_athena import DuckAthena

TITLE = "Bytes scanned by a query"
COLUMNS = ("query", "compression", "files", "MB", "of the whole table")
_FIRST, _DAYS = date(2026, 9, 1), 28
_SIZES = {ATTENDEES: MB, ROOM_DATA: MB // 10}
_QUERIES = (
    "SELECT * FROM attendees",
    "SELECT * FROM attendees WHERE granularity = 'day' AND dt = '2026-09-16'",
    "SELECT * FROM sessions",
    "SELECT * FROM sessions WHERE dt BETWEEN '2026-09-14' AND '2026-09-20'",
    "SELECT * FROM sessions WHERE dt = '2026-09-16'",
)
_NOTES = (
    f"What DuckDB reads for the views' own SQL, over {_DAYS} days of one region with 1 MB of "
    "attendees and 100 kB of rooms a day."
)


def measure() -> Section:
    """Count for each query, with each compression."""
    rows: list[tuple[str, ...]] = []
    for compress in (False, True):
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            root = Path(name)
            _fill(root, compress=compress)
            athena = DuckAthena(root, now=datetime(2026, 10, 1, tzinfo=UTC))
            whole = 0
            for query in _QUERIES:
                scan = athena.scan(query)
                whole = whole if " WHERE " in query else scan.bytes
                rows.append(
                    (
                        *(f"`{query}`", "gzip" if compress else "none", str(scan.files)),
                        *(f"{scan.bytes / MB:.1f}", f"{scan.bytes / whole:.0%}"),
                    )
                )
    return Section(COLUMNS, rows, _NOTES)


def _fill(root: Path, *, compress: bool) -> None:
    for report, size in _SIZES.items():
        chunk = body(report, size, 0.05)
        for number in range(_DAYS):
            day = _FIRST + timedelta(number)
            suffix = ".csv.gz" if compress else ".csv"
            folder = root / f"{report.slug}/granularity=day/region=us/dt={day}"
            folder.mkdir(parents=True)
            with (folder / f"{report.slug}_us_{day}{suffix}").open("wb") as file:
                normalise(KalturaCsvReader(iter([chunk]), report), report, file, compress=compress)
