import csv
import gzip
import io
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.model.reports import (
    ATTENDEES,
    BREAKOUT_SESSIONS,
    REPORTS,
    ROOM_DATA,
    report_with_id,
)
from room_reports.model.user_ids import UNKNOWN_USERS, form_of, form_shares
from room_reports.storage import figures
from room_reports.storage.csv_file import write_csv
from room_reports.storage.figures import Distinct, FigureCounter, Figures, Repeated, count_figures
from room_reports.storage.session_bits import bits_text, toggled

IDS = st.sampled_from(["1_a", "1_b", 'q"uote', "0", "", "Zoë", "=1"])
USERS = st.one_of(st.sampled_from(UNKNOWN_USERS), st.sampled_from(["ann", 'b"ob', "'x", "ö"]))
MINUTES = st.one_of(
    st.floats(0, 2000).map(lambda number: f"{number:.14g}"),
    st.sampled_from(["", "0", "nan", "inf", "-", "1e-05"]),
)
ROW = st.tuples(
    IDS, IDS, USERS, st.text(max_size=4), st.just(""), st.just("host"), MINUTES, MINUTES
)


def counted(report_rows: list[list[str]], report=ATTENDEES, pieces: int = 1) -> Figures:  # type: ignore[no-untyped-def]
    out = io.BytesIO()
    columns = [column.name for column in report.columns]
    write_csv(columns, report_rows, report, out)
    lines = out.getvalue().split(b"\n")[:-1]
    counter = FigureCounter(columns, report)
    step = max(1, len(lines) // pieces)
    for start in range(0, len(lines), step):
        counter.add(b"".join(line + b"\n" for line in lines[start : start + step]))
    return counter.figures()


def number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if abs(value) < 1e300 else 0.0


@given(st.lists(ROW.map(list), max_size=60), st.integers(1, 8))
def test_figures_equal_an_independent_count(rows: list[list[str]], pieces: int) -> None:
    found = counted(rows, pieces=pieces)
    # Compared as published: formulas have an apostrophe, line breaks are spaces.
    out = io.BytesIO()
    write_csv([column.name for column in ATTENDEES.columns], rows, ATTENDEES, out)
    _, *published = csv.reader(io.StringIO(out.getvalue().decode(), newline=""))
    known = [row for row in published if row[2] not in UNKNOWN_USERS]
    assert found.sessions == len({(row[0], row[1]) for row in published})
    sessions = {(row[0].encode(), row[1].encode()) for row in published}
    assert found.session_bits == toggled(0, sessions)
    assert found.users == len({row[2] for row in known})
    assert found.unknown_rows == len(published) - len(known)
    assert found.duplicates == len(known) - len({tuple(row[:3]) for row in known})
    assert found.minutes is not None
    assert isclose(found.minutes, sum(number(row[6]) for row in published), abs_tol=1e-6)
    assert found.user_forms == form_shares({row[2] for row in known})


@pytest.mark.parametrize("report", REPORTS)
def test_a_file_without_rows_has_nothing_of_each(report) -> None:  # type: ignore[no-untyped-def]
    found = counted([], report)
    assert (found.sessions, found.duplicates) == (0, 0)
    assert (found.users, found.minutes) == ((0, 0) if report == ATTENDEES else (None, None))


def test_the_users_of_the_sessions_are_added_up() -> None:
    users = ["7", "12", "", "none", "30"]
    rows = [["1_a", "A", "0", f"c{n}", "1", "2", "h", each, "1"] for n, each in enumerate(users)]
    found = counted(rows, ROOM_DATA, pieces=2)
    assert (found.session_users, found.users) == (49, None)
    assert Figures.of(found.metadata()) == found
    assert counted([], ATTENDEES).session_users is None


def test_without_kalturas_count_of_users_there_is_no_sum() -> None:
    columns = [each.name for each in ROOM_DATA.columns if each.name != ROOM_DATA.user_count_column]
    counter = FigureCounter(columns, ROOM_DATA)
    counter.add((",".join(columns) + "\n1_a,A,0,c,1,2,h,1\n").encode())
    assert (counter.figures().sessions, counter.figures().session_users) == (1, None)


def test_breakout_sessions_are_told_apart_by_their_cue_point() -> None:
    rows = [["1_p", "P", f"1_b{n % 3}", "B", f"1_c{n % 2}", *"uuuuuu"] for n in range(12)]
    found = counted(rows, BREAKOUT_SESSIONS)
    assert (found.sessions, found.duplicates) == (2, 6)


def test_a_report_outside_the_catalogue_has_no_figures() -> None:
    report = report_with_id(4021)
    counter = FigureCounter(["user_id", "entry_id"], report)
    counter.add(b"user_id,entry_id\na,b\n")
    assert counter.figures() == Figures()
    assert counter.figures().metadata() == {}


def test_columns_that_kaltura_adds_do_not_matter() -> None:
    columns = [*(column.name for column in ATTENDEES.columns), "extra"]
    counter = FigureCounter(columns, ATTENDEES)
    counter.add((",".join(columns) + "\n1,2,u,n,e,t,1.5,0.5,x\n1,2,v,n,e,t,2,0.5,y\n").encode())
    found = counter.figures()
    assert (found.sessions, found.users, found.minutes) == (1, 2, 3.5)
    assert found.metadata() == {
        "sessions": "1",
        "users": "2",
        "minutes": "3.5",
        "unknown-rows": "0",
        "duplicates": "0",
        "user-forms": "word=100",
        "session-bits": bits_text(toggled(0, [(b"1", b"2")])),
    }


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.integers(1, 40))
def test_distinct_values_are_counted_exactly_up_to_a_bound(values: list[int], most: int) -> None:
    distinct = Distinct(most)
    for start in range(0, len(values), 7):
        distinct.add(values[start : start + 7])
    if len(set(values)) <= most:
        assert distinct.count() == len(set(values))
    assert distinct.count(values) == 0


@pytest.mark.parametrize("count", [1 << 15, 200_000, 1_000_000])
def test_more_distinct_users_are_estimated_within_three_percent(count: int) -> None:
    distinct = Distinct(figures.MOST_USERS)
    for start in range(0, count, 1000):
        distinct.add([hash(f"user {number}") for number in range(start, min(start + 1000, count))])
    # The standard error is below 0.8 %, with half of the bound kept.
    assert abs(distinct.count() - count) <= (0.03 * count if count > 1 << 15 else 0)


@given(st.lists(st.integers(0, 50)), st.integers(1, 60))
def test_repeated_values_are_counted(values: list[int], most: int) -> None:
    repeated = Repeated(most)
    for start in range(0, len(values), 5):
        repeated.add(values[start : start + 5])
    true = len(values) - len(set(values))
    assert repeated.count == true if len(set(values)) < most else repeated.count <= true


@pytest.mark.parametrize(
    ("user_id", "form"),
    [
        ("ann@example.edu", "email"),
        ("7d444840-9dc0-11d1-b245-5ffdce74fad2", "uuid"),
        ("{7D4448409DC011D1B2455FFDCE74FAD2}", "uuid"),
        ("d41d8cd98f00b204e9800998ecf8", "hash"),
        ("p_0123456789abcdef0123", "hash"),
        ("100234", "number"),
        ("CORP\\ann", "domain"),
        ("O'Neil  Pat", "name"),
        ("s000123", "code"),
        ("jsmith2", "word"),
        ("", "word"),
        ("two\nlines", "name"),
    ],
)
def test_forms_of_user_ids(user_id: str, form: str) -> None:
    assert form_of(user_id) == form


@pytest.mark.parametrize("compressed", [False, True])
@given(st.lists(st.tuples(*[st.sampled_from(["", "0", "x", 'a "quote"', "1.5", "b, c"])] * 8)))
def test_a_file_is_counted_as_its_pieces_are(compressed: bool, rows: list[list[str]]) -> None:
    columns = [column.name for column in ATTENDEES.columns]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    data = text.getvalue().encode()
    counter = FigureCounter(columns, ATTENDEES)
    counter.add(data)
    file = io.BytesIO(gzip.compress(data) if compressed else data)
    found = count_figures(file, columns, ATTENDEES, compressed=compressed)
    assert found == counter.figures()
    assert Figures.of(found.metadata()) == found


@pytest.mark.parametrize("metadata", [{}, {"sessions": "3"}, {"sessions": "x", "duplicates": "0"}])
def test_metadata_without_figures_are_none(metadata: dict[str, str]) -> None:
    assert Figures.of(metadata) is None
