"""The workbook of attendance, opened and read back; and the CSV."""

import csv
import io
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from room_reports_command.attendance import workbook
from room_reports_command.attendance.csv_output import write_attendance_csv
from room_reports_command.attendance.days import OpenDay
from room_reports_command.attendance.report import AttendanceReport
from room_reports_command.attendance.rows import (
    COLUMNS,
    AttendanceRow,
    LastSeen,
    last_attendance_of,
)
from room_reports_command.attendance.sheet_names import sheet_names
from room_reports_command.attendance.statuses import STATUSES
from room_reports_command.attendance.styles import cell_text
from room_reports_command.attendance.workbook import duration, write_workbook
from room_reports_command.errors import InputError
from tests.support.attendance import HOSTILE, POLICY, term_of

ZONE = ZoneInfo("America/New_York")
WORDS = {status.name: status.word for status in STATUSES}
LOST = "There is no file of room_data."
HOSTILE_TEXTS = [
    *(HOSTILE, "+1+1", "-1+1", "@SUM(1)", "=1+1", "\t=1+1", "\r=1", "'=1+1", "{=1}"),
    *("=cmd|' /C calc'!A0", "http://example.com", "mailto:a@example.com", "007", "1E5"),
    *("2026-01-01", "TRUE", "_x0041_", "<b>&amp;", "a\x00b\x1fc", "\ufffe", "x" * 40_000),
    *("😀" * 20_000, "\u202eright to left", "two\r\nlines"),
]


FIRST, LAST = "2026-09-07", "2026-10-01"


def report_of(
    rows: Sequence[AttendanceRow],
    asked_for: tuple[str, ...] = (),
    open_days: Sequence[OpenDay] = (),
) -> AttendanceReport:
    return AttendanceReport(
        made_at=datetime(2026, 10, 1, 12, tzinfo=UTC),
        first=FIRST,
        last=LAST,
        zone=ZONE,
        rows=rows,
        last_attendance=last_attendance_of(rows, FIRST, LAST, open_days),
        of_all_days=False,
        policy={name: str(value) for name, value in POLICY.items()},
        open_days=open_days,
        asked_for=asked_for,
    )


def opened(report: AttendanceReport) -> Workbook:
    out = io.BytesIO()
    write_workbook(report, out)
    return openpyxl.load_workbook(io.BytesIO(out.getvalue()), rich_text=False)


def cells(sheet: Worksheet) -> list[list[Any]]:
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def table_in(sheet: Worksheet, first: str) -> tuple[list[str], list[list[Any]]]:
    """Return the header that begins with a text, and the rows below it."""
    rows = cells(sheet)
    place = next(number for number, row in enumerate(rows) if row[0] == first)
    return rows[place], rows[place + 1 :]


ROWS = term_of(("BIO-101", "ART-2"), weeks=4, people=7)


def test_each_course_has_a_sheet_with_a_row_per_person_and_a_column_per_class() -> None:
    book = opened(report_of(ROWS))
    assert book.sheetnames == [
        "Summary",
        "Policy and open questions",
        "BIO-101",
        "ART-2",
        "All rows",
    ]
    for course in ("BIO-101", "ART-2"):
        header, rows = table_in(book[course], "User")
        expected = [row for row in ROWS if row.course_id == course]
        classes = sorted({(row.dt, row.class_id) for row in expected})
        assert len(header) == 2 + len(classes) + 5
        assert [row[0] for row in rows] == sorted({row.user_id for row in expected})
        for shown in rows:
            for place, (_, class_id) in enumerate(classes, 2):
                (row,) = (
                    each
                    for each in expected
                    if each.user_id == shown[0] and each.class_id == class_id
                )
                text = WORDS[row.status]
                assert shown[place] == (f"{text} {duration(row.minutes)}" if row.minutes else text)
            counted = [row.status for row in expected if row.user_id == shown[0]]
            decided = [counted.count(name) for name in ("present", "partial", "not_seen")]
            assert shown[-5:-2] == decided
            assert shown[-2] == len(counted) - sum(decided)
            days = [row.dt for row in expected if row.user_id == shown[0] and row.minutes]
            assert str(shown[-1]).startswith(max(days, default="not seen"))


def test_a_class_is_named_by_its_day_time_and_room() -> None:
    header, _ = table_in(opened(report_of(ROWS))["BIO-101"], "User")
    assert header[2] == "Mon 2026-09-07\n09:30\n1_room0000\nus\n75:30 min"


def test_each_status_has_a_colour_and_a_word_and_is_in_the_legend() -> None:
    book = opened(report_of(ROWS))
    for sheet in (book["Summary"], book["BIO-101"]):
        legend: dict[str, str] = {}
        for cell in (cell for row in sheet.iter_rows() for cell in row):
            if cell.value in WORDS.values():
                legend.setdefault(str(cell.value), cell.fill.fgColor.rgb[-6:])
        assert legend == {status.word: status.colour for status in STATUSES}
    colours = {status.colour for status in STATUSES}
    assert len(colours) == len({status.word for status in STATUSES}) == len(STATUSES)


def test_a_cell_has_the_colour_of_its_status() -> None:
    sheet = opened(report_of(ROWS))["BIO-101"]
    colours = {status.word: status.colour for status in STATUSES}
    seen = set()
    for row in sheet.iter_rows(min_row=6, min_col=3, max_col=6):
        for cell in row:
            word = re.match(r"[A-Z][a-z ]+[a-z]", str(cell.value))
            assert word is not None
            assert cell.fill.fgColor.rgb[-6:] == colours[word[0]]
            seen.add(word[0])
    assert len(seen) >= 3


def test_the_policy_and_what_is_open_have_a_sheet() -> None:
    sheet = opened(report_of(ROWS))["Policy and open questions"]
    _, settings_ = table_in(sheet, "Setting")
    assert {row[0]: row[1] for row in settings_[: len(POLICY)]} == {
        name: str(value) for name, value in POLICY.items()
    }
    _, below = table_in(sheet, "Course")
    open_rows = list(takewhile(lambda row: row[0], below))
    expected = {
        (row.course_id, row.entry_id, WORDS[row.status], row.reason)
        for row in ROWS
        if row.status in ("provisional", "no_data")
    }
    assert {(row[0], row[2], row[3], row[5]) for row in open_rows} == expected
    people = sum(row.status in ("provisional", "no_data") for row in ROWS)
    assert sum(row[4] for row in open_rows) == people > 0


def test_without_open_questions_the_sheet_says_so() -> None:
    rows = [replace(row, status="present", final=True) for row in ROWS]
    text = str(cells(opened(report_of(rows))["Policy and open questions"]))
    assert "None: the data of all classes in this workbook are there and final." in text
    assert "None: the files of all days are there and settled." in text


def test_days_of_which_classes_may_be_missing_are_listed() -> None:
    days = [
        OpenDay(f"2026-09-{day}", region, why)
        for day, region, why in (
            *(("28", "us", LOST), ("29", "us", LOST), ("30", "us", "The day is not over.")),
            *(("08", "us", LOST), ("29", "eu", LOST)),
        )
    ]
    rows = [replace(row, status="present", final=True) for row in ROWS]
    sheet = opened(report_of(rows, (), days))["Policy and open questions"]
    _, shown = table_in(sheet, "From")
    assert [row[:4] for row in shown] == [
        ["2026-09-08", "2026-09-08", "us", LOST],
        ["2026-09-28", "2026-09-29", "us", LOST],
        ["2026-09-29", "2026-09-29", "eu", LOST],
        ["2026-09-30", "2026-09-30", "us", "The day is not over."],
    ]
    assert "None: the files" not in str(cells(sheet))
    last = {row[-1] for row in table_in(opened(report_of(rows, (), days))["BIO-101"], "User")[1]}
    assert {text.split(", ")[-1] for text in last} <= {
        *("known until 2026-09-27", "known until 2026-09-07", "provisional"),
    }
    assert "known until 2026-09-27" in str(last)


def test_a_class_that_is_cut_off_has_a_column_for_each_of_its_days() -> None:
    row = replace(ROWS[0], dt="2026-09-07", minutes=600.0, status="no_data")
    rows = [row, replace(row, dt="2026-09-13", minutes=30.0)]
    header, (person,) = table_in(opened(report_of(rows))[row.course_id], "User")
    assert [label.split("\n")[0] for label in header[2:-5]] == ["Mon 2026-09-07", "Sun 2026-09-13"]
    assert person[2:-5] == ["No data 600:00", "No data 30:00"]


def test_all_rows_are_there_with_their_types() -> None:
    sheet = opened(report_of(ROWS))["All rows"]
    header, *rows = cells(sheet)
    assert header == list(COLUMNS)
    assert len(rows) == len(ROWS)
    for shown, row in zip(rows, ROWS, strict=True):
        values = dict(zip(header, shown, strict=True))
        assert row.class_start is not None
        assert values["minutes"] == row.minutes
        assert values["share"] == pytest.approx(row.share, rel=1e-15)
        assert values["dt"] == datetime.fromisoformat(row.dt)
        assert values["class_start"] == row.class_start.astimezone(ZONE).replace(tzinfo=None)
        assert values["final"] == ("yes" if row.final else "no")
        assert values["reason"] == row.reason
    assert sheet.auto_filter.ref == f"A1:R{len(ROWS) + 1}"


def test_courses_without_a_class_are_named() -> None:
    text = str(cells(opened(report_of(ROWS, ("BIO-101", "gone")))["Summary"]))
    assert "'gone', 'no class in these days'" in text


def test_a_person_who_was_not_on_the_roster_has_an_empty_cell() -> None:
    rows = [
        row for row in ROWS if not (row.user_id.startswith("Person1@") and row.dt == "2026-09-07")
    ]
    _, people = table_in(opened(report_of(rows))["BIO-101"], "User")
    assert [row[2] for row in people if row[0].startswith("Person1@")] == [None]


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=range(len(HOSTILE_TEXTS)))
def test_what_users_typed_is_a_text_and_never_a_formula_or_a_link(text: str) -> None:
    rows = [
        replace(row, user_id=text, course_name=text, role=text, reason=text, status="partial")
        for row in ROWS[:1]
    ]
    out = io.BytesIO()
    write_workbook(report_of([replace(row, course_id=text) for row in rows], (text,)), out)
    book = openpyxl.load_workbook(io.BytesIO(out.getvalue()))
    shown = cell_text(text)
    found = 0
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f", cell
                assert cell.hyperlink is None, cell
                if cell.data_type == "s":
                    assert cell.quotePrefix or cell.style_id == 0, cell
                found += cell.value == shown.replace("\r", "\n") or cell.value == shown
    assert found >= 4
    with zipfile.ZipFile(io.BytesIO(out.getvalue())) as parts:
        sheets = [parts.read(name).decode() for name in parts.namelist() if "worksheets/" in name]
        assert not any("<f>" in each or "<f " in each or "hyperlink" in each for each in sheets)
        assert not [name for name in parts.namelist() if "externalLink" in name or "vba" in name]


def test_a_report_that_excel_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "_MOST_CLASSES", 3)
    with pytest.raises(InputError, match="4 classes"):
        write_workbook(report_of(ROWS), io.BytesIO())


def test_the_command_starts_without_the_package_for_workbooks() -> None:
    code = (
        "import sys, room_reports_command.app as _; assert 'xlsxwriter' not in sys.modules; "
        "import room_reports_command.attendance.workbook as _; assert 'xlsxwriter' in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


@given(st.floats(0, 10_000).map(lambda minutes: round(minutes * 60) / 60))
def test_a_duration_has_exact_seconds(minutes: float) -> None:
    whole, _, seconds = duration(minutes).partition(":")
    assert int(whole) * 60 + int(seconds) == round(minutes * 60)


def test_the_last_attendance_is_final_if_no_later_class_is_open() -> None:
    def row(day: str, minutes: float, status: str, user: str = "a") -> AttendanceRow:
        return replace(ROWS[0], dt=day, minutes=minutes, status=status, user_id=user, user_key=user)

    rows = [
        row("2026-09-01", 0, "no_data"),
        row("2026-09-02", 5, "partial"),
        row("2026-09-03", 0, "not_seen"),
        row("2026-09-02", 5, "partial", "b"),
        row("2026-09-03", 0, "provisional", "b"),
        row("2026-09-03", 5, "provisional", "c"),
        row("2026-09-03", 0, "not_seen", "d"),
        replace(row("2026-09-03", 0, "no_data", "E"), user_key=""),
    ]

    def found(*days: str) -> dict[str, LastSeen]:
        open_days = [OpenDay(day, "us", LOST) for day in days]
        last = last_attendance_of(rows, "2026-09-01", "2026-09-05", open_days)
        return {key: value for (_, key), value in last.items()}

    assert found() == {
        "a": ("2026-09-02", "2026-09-04", True),
        "b": ("2026-09-02", "2026-09-02", False),
        "c": ("2026-09-03", "", False),
        "d": ("", "2026-09-04", True),
        "\0E": ("", "2026-09-02", False),
    }
    assert found("2026-09-04", "2026-09-01") == {
        "a": ("2026-09-02", "2026-09-03", False),
        "b": ("2026-09-02", "2026-09-02", False),
        "c": ("2026-09-03", "", False),
        "d": ("", "", False),
        "\0E": ("", "", False),
    }
    assert found("2026-09-02")["a"] == ("2026-09-02", "", False)


# Names of sheets

names = st.lists(st.text(max_size=40), max_size=12)


@given(names)
def test_names_of_sheets_are_allowed_and_different(wanted: list[str]) -> None:
    found = sheet_names([*wanted, *wanted], ("Summary",))
    assert len({name.lower() for name in [*found, "Summary", "History"]}) == len(found) + 2
    for name in found:
        assert 1 <= len(name.encode("utf-16-le")) / 2 <= 31
        assert not re.search(r"[\[\]:*?/\\\x00-\x1f]", name)
        assert name.strip("'") == name


@settings(max_examples=25, deadline=None)
@given(names)
def test_a_workbook_takes_the_names(wanted: list[str]) -> None:
    rows = [replace(ROWS[0], course_id=f"{name}") for name in sorted(set(wanted))] or [ROWS[0]]
    assert len(opened(report_of(rows)).sheetnames) == len({row.course_id for row in rows}) + 3


@given(st.text(st.characters(exclude_categories=()), max_size=20))
def test_a_cell_holds_every_text(text: str) -> None:
    kept = cell_text(text)
    assert len(kept) == len(text.replace("\r\n", "\n"))
    assert cell_text(kept) == kept
    kept.encode()


# CSV


def as_csv(rows: Sequence[AttendanceRow]) -> list[dict[str, str]]:
    out = io.BytesIO()
    write_attendance_csv(rows, out)
    return list(csv.DictReader(io.StringIO(out.getvalue().decode(), newline="")))


def test_csv_has_every_value() -> None:
    for shown, row in zip(as_csv(ROWS), ROWS, strict=True):
        assert list(shown) == list(COLUMNS)
        assert float(shown["minutes"]) == row.minutes
        assert shown["final"] == str(row.final).lower()
        assert datetime.fromisoformat(shown["class_start"]) == row.class_start
        assert shown["user_id"] == row.user_id


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=range(len(HOSTILE_TEXTS)))
def test_csv_has_an_apostrophe_before_what_would_run(text: str) -> None:
    (shown,) = as_csv([replace(ROWS[0], user_id=text, course_name=text, reason=text)])
    for name in ("user_id", "course_name", "reason"):
        assert shown[name][:1] not in ("=", "+", "-", "@", "\t", "\r")
        one_line = re.sub(r"\r\n|\r|\n", " ", text)
        assert shown[name] == (f"'{one_line}" if text[:1] in "=+-@\t\r" else one_line)


def test_csv_without_rows_has_the_header() -> None:
    out = io.BytesIO()
    write_attendance_csv([], out)
    assert out.getvalue().decode() == ",".join(COLUMNS) + "\n"
