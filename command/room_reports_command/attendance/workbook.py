"""The workbook: a sheet per course, and what people need to read it rightly."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import IO

from xlsxwriter import Workbook

from room_reports_command.attendance.days import stretches
from room_reports_command.attendance.report import AttendanceReport
from room_reports_command.attendance.rows import COLUMNS, AttendanceRow, LastSeen, person_key
from room_reports_command.attendance.sheet_names import sheet_names
from room_reports_command.attendance.statuses import STATUSES, status_of
from room_reports_command.attendance.styles import OPTIONS, Sheet, Styles
from room_reports_command.attendance.summary import Class, CourseAttendance, Person
from room_reports_command.errors import InputError
from room_reports_command.reference.policy import SETTINGS

_SUMMARY, _POLICY, _ALL = "Summary", "Policy and open questions", "All rows"
_MOST_CLASSES, _MOST_ROWS = 16_000, 1_048_000
"""What Excel's sheets hold, less some for headings."""
_PERSON = ("User", "Role")
_TOTALS = ("Present", "Partly", "Not seen", "Undecided")
_CONCLUSIONS = (
    "A room tells when an account was connected, not whether a person paid attention.",
    "Browsers and networks that block Kaltura's analytics make people invisible.",
    "People who joined without their account are not matched, and count as not seen.",
    "Ask the person before you conclude anything from Not seen.",
)


def write_workbook(report: AttendanceReport, out: IO[bytes]) -> None:
    """Write a report as an Excel workbook.

    Raises:
        InputError: If it is larger than Excel allows.
    """
    courses = report.courses()
    _check_size(report, courses)
    with Workbook(out, OPTIONS) as workbook:
        workbook.set_properties({"title": "Attendance", "created": report.made_at})
        styles = Styles(workbook)
        names = sheet_names((course.id for course in courses), (_SUMMARY, _POLICY, _ALL))
        sheets = [
            Sheet(workbook.add_worksheet(name), styles)
            for name in (_SUMMARY, _POLICY, *names, _ALL)
        ]
        _summary(sheets[0], report, courses, names)
        _policy(sheets[1], report, courses)
        for sheet, course in zip(sheets[2:-1], courses, strict=True):
            _course(sheet, report, course)
        _all_rows(sheets[-1], report)


def duration(minutes: float | None) -> str:
    """Return minutes with their seconds, such as ``74:30``."""
    seconds = round((minutes or 0) * 60)
    return f"{seconds // 60}:{seconds % 60:02}"


def _check_size(report: AttendanceReport, courses: Sequence[CourseAttendance]) -> None:
    most = max((len(course.classes) for course in courses), default=0)
    if most > _MOST_CLASSES or len(report.rows) > _MOST_ROWS:
        raise InputError(
            f"{len(report.rows):,} rows and {most:,} classes in a course are too many for Excel.",
            "Ask for fewer days or courses, or write CSV: -o attendance.csv.",
        )


def _summary(
    sheet: Sheet,
    report: AttendanceReport,
    courses: Sequence[CourseAttendance],
    names: Sequence[str],
) -> None:
    bold = sheet.styles.bold
    sheet.widths(18, 40, 12, 12, 12, 12, 12, 12, 12)
    sheet.add("Attendance", style=sheet.styles.title)
    sheet.add("From", report.first)
    sheet.add("To, without the day itself", report.last)
    sheet.add("Times are in", str(report.zone))
    sheet.add("Made at", report.local(report.made_at))
    sheet.row += 1
    sheet.add("Legend", style=bold)
    for status in STATUSES:
        sheet.write(0, status.word, sheet.styles.status(status.name))
        sheet.write(1, status.meaning)
        sheet.row += 1
    sheet.add(
        "(empty)", "The person was not on the roster on that day, or the role does not count."
    )
    sheet.row += 1
    sheet.add("Before you conclude anything", style=bold)
    for line in _CONCLUSIONS:
        sheet.add(line)
    sheet.row += 1
    sheet.add(
        *("Sheet", "Course", "Classes", "People", *(status.word for status in STATUSES)),
        style=sheet.styles.header,
    )
    for course, name in zip(courses, names, strict=True):
        counts = [course.counts[status.name] for status in STATUSES]
        numbers = (len(course.classes), len(course.people), *counts)
        sheet.add(name, f"{course.id} {course.name}".strip(), *numbers)
    for missing in report.without_classes():
        sheet.add(None, missing, "no class in these days")


def _policy(sheet: Sheet, report: AttendanceReport, courses: Sequence[CourseAttendance]) -> None:
    sheet.widths(24, 24, 50, 20, 14, 80)
    sheet.add("Policy", style=sheet.styles.title)
    sheet.add("Setting", "Value", "Meaning", style=sheet.styles.header)
    for setting in SETTINGS:
        sheet.add(setting.name, report.policy.get(setting.name, "?"), setting.meaning)
    sheet.row += 1
    sheet.add("Provisional or without data", style=sheet.styles.title)
    sheet.add(*("Course", "Class", "Room", "Status", "People", "Why"), style=sheet.styles.header)
    open_questions = 0
    for course in courses:
        for each, rows in course.undecided():
            reasons = Counter((row.status, row.reason) for row in rows)
            for (status, reason), number in sorted(reasons.items()):
                sheet.write(0, course.id)
                sheet.write(1, report.local(each.start) or each.dt)
                sheet.write(2, each.entry_id)
                sheet.write(3, status_of(status).word, sheet.styles.status(status))
                sheet.write(4, number)
                sheet.write(5, reason, sheet.styles.wrapped)
                sheet.row += 1
                open_questions += 1
    if not open_questions:
        sheet.add("None: the data of all classes in this workbook are there and final.")
    sheet.row += 1
    sheet.add("Days of which classes may be missing", style=sheet.styles.title)
    sheet.add("From", "To, inclusive", "Region", "Why", style=sheet.styles.header)
    for day, last in stretches(report.open_days):
        sheet.add(day.dt, last, day.region, day.why)
    if not report.open_days:
        sheet.add("None: the files of all days are there and settled.")


def _course(sheet: Sheet, report: AttendanceReport, course: CourseAttendance) -> None:
    sheet.widths(24, 16, *[15] * len(course.classes), *[11] * len(_TOTALS), 24)
    sheet.add(f"{course.id} {course.name}".strip(), style=sheet.styles.title)
    sheet.add(f"{report.first} to {report.last}, without the last day; times in {report.zone}")
    for place, status in enumerate(STATUSES):
        sheet.write(place, status.word, sheet.styles.status(status.name))
    sheet.row += 2
    header = sheet.row
    labels = [_class_label(report, each) for each in course.classes]
    last = f"Last seen, {'of all days' if report.of_all_days else 'in these days'}"
    sheet.add(*_PERSON, *labels, *_TOTALS, last, style=sheet.styles.header)
    for person in course.people:
        _person(sheet, report, course, person)
    sheet.worksheet.freeze_panes(header + 1, len(_PERSON))
    sheet.worksheet.repeat_rows(header)
    sheet.worksheet.set_landscape()


def _class_label(report: AttendanceReport, each: Class) -> str:
    start = report.local(each.start)
    day = date.fromisoformat(each.dt)
    lines = [f"{day:%a} {each.dt}", f"{start:%H:%M}" if start else "", each.entry_id, each.region]
    length = f"{duration(each.minutes)} min" if each.minutes is not None else ""
    return "\n".join(line for line in (*lines, length) if line)


def _person(
    sheet: Sheet, report: AttendanceReport, course: CourseAttendance, person: Person
) -> None:
    user, role = person
    sheet.write(0, user)
    sheet.write(1, role)
    for place, each in enumerate(course.classes, len(_PERSON)):
        row = course.rows.get((person, each.key))
        if row:
            sheet.write(place, _cell(row), sheet.styles.status(row.status))
    rows = course.of_person(person)
    counts = Counter(row.status for row in rows)
    undecided = sum(number for name, number in counts.items() if not status_of(name).decided)
    place = len(_PERSON) + len(course.classes)
    for number in (counts["present"], counts["partial"], counts["not_seen"], undecided):
        sheet.write(place, number)
        place += 1
    key = person_key(rows[0].user_key, user)
    sheet.write(place, _last_seen(report.last_attendance.get((course.id, key))))
    sheet.row += 1


def _last_seen(last: LastSeen | None) -> str:
    if last is None:
        return "?"
    day = last.day or "not seen"
    if last.final:
        return day
    return f"{day}, known until {last.known_until}" if last.known_until else f"{day}, provisional"


def _cell(row: AttendanceRow) -> str:
    word = status_of(row.status).word
    return f"{word} {duration(row.minutes)}" if row.minutes else word


def _all_rows(sheet: Sheet, report: AttendanceReport) -> None:
    sheet.widths(8, 16, 24, 24, 24, 14, 36, 14, 12, 20, 20, 12, 12, 10, 14, 60, 8, 20)
    sheet.add(*COLUMNS, style=sheet.styles.header)
    for row in report.rows:
        for column, each in enumerate(fields(row)):
            value = getattr(row, each.name)
            if each.name == "dt":
                value = date.fromisoformat(value)
            elif isinstance(value, datetime):
                value = report.local(value)
            style = {"share": sheet.styles.share, "status": sheet.styles.status(row.status)}
            sheet.write(column, value, style.get(each.name))
        sheet.row += 1
    sheet.worksheet.freeze_panes(1, 0)
    sheet.worksheet.autofilter(0, 0, max(len(report.rows), 1), len(COLUMNS) - 1)
