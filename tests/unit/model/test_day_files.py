import csv
import io
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from room_reports.model.day_files import (
    COLUMNS,
    DayFile,
    finding_codes,
    findings_text,
    format_rows,
    merged,
    months_before,
    outdated,
    parse_rows,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=8)
DAYS = st.dates(date(2026, 8, 30), date(2026, 9, 3)).map(date.isoformat)
MOMENTS = st.integers(0, 9).map(lambda second: f"2026-09-09T00:00:0{second}Z")
ROWS = st.builds(
    DayFile,
    report=st.sampled_from(["attendees", "room_data", "report_4021"]),
    dt=DAYS,
    state=st.sampled_from(["open", "settling", "settled", ""]),
    exported_at=TEXT,
    window_start=TEXT,
    window_end=TEXT,
    rows=TEXT,
    sessions=TEXT,
    users=TEXT,
    minutes=TEXT,
    findings=TEXT,
    last_modified=MOMENTS,
    other_findings=TEXT,
    acknowledged=TEXT,
    unpaired=TEXT,
    session_users=TEXT,
    unknown_rows=TEXT,
    user_forms=TEXT,
    etag=st.sampled_from(['"0"', '"1"']),
    sha256=TEXT,
    filters=TEXT,
    privacy=TEXT,
)
INDEX = st.lists(ROWS, max_size=8).map(lambda rows: {row.key: row for row in rows})


def test_the_columns_are_those_of_the_contract() -> None:
    assert ",".join(COLUMNS) == (
        "report,dt,state,exported_at,window_start,window_end,rows,sessions,users,minutes,findings,"
        "last_modified,other_findings,acknowledged,unpaired,session_users,unknown_rows,user_forms,"
        "etag,sha256,filters,privacy"
    )


@given(INDEX)
def test_an_index_is_read_as_it_was_written_and_is_sorted(index: dict[tuple[str, str], DayFile]):  # type: ignore[no-untyped-def]
    text = format_rows(index).decode()
    assert parse_rows(text) == index
    header, *lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert tuple(header) == COLUMNS
    keys = [(line[1], line[0]) for line in lines]
    assert keys == sorted(keys)


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    assert all(row.dt for row in parse_rows(text).values())
    assert parse_rows(",".join(COLUMNS) + "\nattendees,yesterday,,,,,,,,,,x\n") == {}


@given(INDEX, INDEX, st.lists(st.sampled_from(["attendees", "room_data"]), unique=True))
def test_an_index_equals_the_files_after_what_is_outdated_was_made_again(
    index: dict[tuple[str, str], DayFile],
    files: dict[tuple[str, str], DayFile],
    reports: list[str],
) -> None:
    days = ("2026-08-31", "2026-09-02")
    listed = {
        key: row.last_modified
        for key, row in files.items()
        if row.report in reports and days[0] <= row.dt <= days[1]
    }
    make, gone = outdated(index, listed, dict.fromkeys(reports, days))
    # A row of the index can be of a later write than the listing.
    later = {key for key in make if key in index and index[key].last_modified > listed[key]}
    result = merged(index, (files[key] for key in make - later), gone)
    in_scope = {
        key: row.last_modified
        for key, row in result.items()
        if row.report in reports and days[0] <= row.dt <= days[1] and key not in later
    }
    assert in_scope == {key: moment for key, moment in listed.items() if key not in later}
    others = {key for key in index if key not in listed and key not in gone}
    assert all(result[key] == index[key] for key in others)
    assert outdated(result, {k: result[k].last_modified for k in listed}, {}) == (set(), set())


def test_a_row_of_an_earlier_version_is_made_again_once() -> None:
    at = "2026-09-09T00:00:00Z"
    known = {"report": "attendees", "dt": "2026-09-01", "last_modified": at}
    row = DayFile(**{**dict.fromkeys(COLUMNS, ""), **known})
    listed = {row.key: at}
    assert outdated({row.key: row}, listed, {}) == ({row.key}, set())
    assert outdated({row.key: replace(row, etag='"x"')}, listed, {}) == (set(), set())


@given(ROWS, ROWS)
def test_the_row_of_the_later_write_counts(one: DayFile, other: DayFile) -> None:
    other = replace(other, report=one.report, dt=one.dt)
    result = merged({one.key: one}, [other], ())[one.key]
    assert result.last_modified == max(one.last_modified, other.last_modified)
    assert merged({one.key: one}, [], {one.key}) == {}


@given(st.dates(date(1, 6, 1), date(9998, 1, 1)), st.integers(0, 5))
def test_months_before_a_month(day: date, count: int) -> None:
    expected: list[str] = []
    first = day.replace(day=1)
    for _ in range(count):
        first = (first - timedelta(days=1)).replace(day=1)
        expected.insert(0, first.isoformat()[:7])
    assert months_before(day.isoformat()[:7], count) == expected


def test_findings_in_one_value() -> None:
    text = findings_text([("FEW_ROWS", "3 rows, where 40 are usual"), ("DUPLICATE_KEYS", "x: y")])
    assert text == "FEW_ROWS: 3 rows, where 40 are usual | DUPLICATE_KEYS: x: y"
    assert finding_codes(text) == {"FEW_ROWS", "DUPLICATE_KEYS"}
    assert finding_codes("") == set()
