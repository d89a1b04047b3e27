"""Views over days whose files have expired: as if the files were lost."""

from dataclasses import replace
from pathlib import Path

import pytest

from room_reports.model.day_files import expired_row, format_rows
from tests.support.course_term import ZONE, CourseTerm
from tests.support.course_term_expected import Row
from tests.support.course_term_files import publish
from tests.support.course_term_made import generate
from tools.athena.duck_athena import DuckAthena

VIEWS = (
    *("sessions", "attendance", "breakouts", "attendance_by_course", "unmatched_users"),
    *("unmatched_rooms", "match_rate", "attendance_status", "last_attendance"),
)
PERSON = ("course_id", "user_key", "user_id")
STATUS = ("class_id", "dt", "course_id", "user_id")
KNOWN = {"known_until", "final"}
"""Columns of last_attendance that cannot be known where an earlier file has expired."""


def without_days_before(term: CourseTerm, day: str) -> CourseTerm:
    return replace(term, files={key: file for key, file in term.files.items() if key[2] >= day})


def add_expired_rows(root: Path, term: CourseTerm, before: str) -> None:
    """Write the rows that the exporter leaves in the index when it empties files."""
    months = {(region, day[:7]) for region, _, day in term.files if day < before}
    for region, month in months:
        rows = {
            (day, report): expired_row(report, day, "2027-01-01T00:00:00Z")
            for other, report, day in term.files
            if (other, day[:7]) == (region, month) and day < before
        }
        name = f"index/day_files/region={region}/month={month}/day_files_{region}_{month}.csv"
        path = root / name
        _, _, expired = format_rows(rows).decode().partition("\n")
        kept = path.read_text(encoding="utf-8") if path.exists() else "header\n"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(kept + expired, encoding="utf-8")


def athena_of(root: Path, term: CourseTerm) -> DuckAthena:
    return DuckAthena(root, ZONE.key, term.now(), loaded=True)


def rows_of(athena: DuckAthena, view: str, without: set[str] | None = None) -> list[Row]:
    found = [
        {
            name: round(value, 9) if isinstance(value, float) else value
            for name, value in row.items()
            if name not in (without or ())
        }
        for row in athena.query(f"SELECT * FROM {view}")
    ]
    return sorted(found, key=str)


@pytest.mark.parametrize("seed", [0, 1])
def test_an_expired_day_is_a_day_without_files(seed: int, tmp_path: Path) -> None:
    term = generate(seed)
    days = sorted({day for _, _, day in term.files})
    first = days[len(days) // 2]
    kept = without_days_before(term, first)
    for name in ("all", "lost", "expired"):
        publish(term if name == "all" else kept, tmp_path / name)
    add_expired_rows(tmp_path / "expired", term, first)
    whole, lost, expired = (athena_of(tmp_path / each, term) for each in ("all", "lost", "expired"))
    for view in VIEWS:
        without = KNOWN if view == "last_attendance" else set()
        found = rows_of(expired, view, without)
        assert found
        assert found == rows_of(lost, view, without), view
    known = {tuple(row[name] for name in PERSON): row for row in rows_of(lost, "last_attendance")}
    for row in rows_of(expired, "last_attendance"):
        other = known[tuple(row[name] for name in PERSON)]
        assert row["known_until"] in (other["known_until"], None)
        assert other["final"] or not row["final"]
    # No person is called absent because a part of a class has expired.
    statuses = {
        tuple(row[name] for name in STATUS): row["status"]
        for row in rows_of(whole, "attendance_status")
    }
    not_seen = [row for row in rows_of(expired, "attendance_status") if row["status"] == "not_seen"]
    assert {statuses[tuple(row[name] for name in STATUS)] for row in not_seen} == {"not_seen"}
