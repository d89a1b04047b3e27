"""Bytes that a query reads, with and without a condition on the day."""

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.model.reports import ATTENDEES, BREAKOUT_SESSIONS, ROOM_DATA
from room_reports.storage.csv_file import normalise
from tests.bench.bodies import MB, body
from tests.bench.section import Section
from tools.athena.duck_athena import DuckAthena

TITLE = "Bytes scanned by a query"
COLUMNS = ("query", "compression", "files", "MB", "of the whole table")
_FIRST, _DAYS = date(2026, 9, 1), 28
_SIZES = {ATTENDEES: MB, ROOM_DATA: MB // 10, BREAKOUT_SESSIONS: MB // 10}
_QUERIES = (
    "SELECT * FROM attendees",
    "SELECT * FROM attendees WHERE granularity = 'day' AND dt = '2026-09-16'",
    "SELECT * FROM sessions",
    "SELECT * FROM sessions WHERE dt BETWEEN '2026-09-14' AND '2026-09-20'",
    "SELECT * FROM sessions WHERE dt = '2026-09-16'",
    *(
        f"SELECT * FROM {view} WHERE {condition}dt BETWEEN '2026-09-14' AND '2026-09-20'"
        for view, condition in (
            *(("attendance", ""), ("breakouts", "")),
            *(("attendance_by_course", "course_id = 'C' AND "), ("unmatched_users", "")),
            *(("unmatched_rooms", ""), ("match_rate", "")),
            ("attendance_status", "course_id = 'C' AND "),
        )
    ),
    "SELECT * FROM last_attendance WHERE course_id = 'C'",
)
_NOTES = (
    f"What DuckDB reads for the views' own SQL, over {_DAYS} days of one region with 1 MB of "
    "attendees and 100 kB each of rooms and of breakout sessions a day, with "
    "SessionDays=5, an index and rosters of 2,000 entries."
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
    _fill_small_tables(root)


def _fill_small_tables(root: Path) -> None:
    """Write an index and reference data of a usual size, whose values do not matter."""
    days = [str(_FIRST + timedelta(number)) for number in range(_DAYS)]
    moment = "2026-09-30T00:00:00Z"
    files = [
        f"{report.slug},{day},settled,{moment},{moment},{moment},9999,999,9999,99999,,{moment}"
        for day in days
        for report in _SIZES
    ]
    rosters = [f"C{number % 40},user{number}@example.edu,student,," for number in range(2000)]
    for name, lines in (
        ("index/day_files/region=us/month=2026-09/day_files_us_2026-09.csv", files),
        ("reference/rooms/rooms.csv", [f"1_room{n:05},C{n},Course {n},," for n in range(40)]),
        ("reference/rosters/rosters.csv", rosters),
    ):
        path = root / name
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(("header", *lines, "")), encoding="utf-8")
