"""The generated university is reproducible, additive, and covers all that a report may hold."""

import unicodedata
from collections import Counter
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.kaltura import ks
from local.kaltura.campus import Size
from local.kaltura.csv_format import php_number, render
from local.kaltura.truth import HEADERS, Row, UniversityTruth
from local.kaltura.university import University

HOUR, DAY = 3600, 86_400
SUNDAY = int(datetime(2026, 3, 29, tzinfo=UTC).timestamp())
"""A Sunday with a clock change in Europe."""
UNIVERSITY = University(11, "eu", Size(rooms=10))
TRUTH = UniversityTruth(UNIVERSITY)

instants = st.integers(SUNDAY - 7 * DAY, SUNDAY + 7 * DAY)
windows = st.tuples(instants, st.integers(1, 2 * DAY)).map(lambda pair: (pair[0], sum(pair)))
reports = st.sampled_from(sorted(HEADERS))


def ticks(rows: list[Row]) -> Counter[Row]:
    """Count the view events of each attendee in each session."""
    return Counter({row[:3]: round(float(row[6]) * 6) for row in rows})


@given(windows, st.lists(instants, max_size=4))
def test_view_minutes_add_up_over_any_split(window: tuple[int, int], cuts: list[int]) -> None:
    start, end = window
    edges = sorted({start, end, *(cut for cut in cuts if start < cut < end)})
    parts: Counter[Row] = Counter()
    for left, right in pairwise(edges):
        parts += ticks(TRUTH.rows(6001, left, right))
    assert parts == ticks(TRUTH.rows(6001, start, end))


@given(reports, windows)
def test_the_same_seed_gives_the_same_rows(report: int, window: tuple[int, int]) -> None:
    fresh = UniversityTruth(University(11, "eu", Size(rooms=10)))
    assert fresh.rows(report, *window) == TRUTH.rows(report, *window)


@given(reports, windows)
def test_rows_are_unique_counted_and_ordered(report: int, window: tuple[int, int]) -> None:
    rows = TRUTH.rows(report, *window)
    header = HEADERS[report]
    metric = header.index(
        {6000: "meeting_view_period_unique_users", 6001: "meeting_view_time"}.get(
            report, "participant_count"
        )
    )
    metrics = [float(row[metric]) for row in rows]
    assert all(value > 0 for value in metrics)
    assert metrics == sorted(metrics, reverse=True)
    assert all(0 <= float(row[-1]) <= 1 for row in rows)
    keys = [(row[0], row[1], row[2], row[4]) if report == 6002 else row[:4] for row in rows]
    assert len(set(keys)) == len(keys)


@given(windows)
def test_reports_agree_on_the_number_of_users(window: tuple[int, int]) -> None:
    attendees = Counter(row[1] for row in TRUTH.rows(6001, *window))
    assert attendees == {row[3]: int(row[7]) for row in TRUTH.rows(6000, *window)}


@given(windows, st.integers(0, 60 * HOUR))
def test_visible_rows_only_grow_with_time(window: tuple[int, int], later: int) -> None:
    late = UniversityTruth(University(11, "eu", Size(rooms=10, lag_hours=47)))
    start, end = window
    early = ticks(late.rows(6001, start, end, as_of=end))
    assert early <= ticks(late.rows(6001, start, end, as_of=end + later))
    assert late.rows(6001, start, end, as_of=end + 54 * HOUR) == TRUTH.rows(6001, start, end)


@pytest.mark.parametrize("name", ["entry_ids", "cue_point_ids", "user_ids"])
def test_filters_select_whole_rows(name: str) -> None:
    window = (SUNDAY - 5 * DAY, SUNDAY - 4 * DAY)
    rows = TRUTH.rows(6001, *window)
    place = {"entry_ids": 0, "cue_point_ids": 1, "user_ids": 2}[name]
    wanted = {rows[0][place], rows[-1][place]}
    kept = TRUTH.rows(6001, *window, filters={name: wanted})
    assert kept == [row for row in rows if row[place] in wanted]
    assert TRUTH.rows(6001, *window, filters={name: {"none"}}) == []


def test_sessions_cross_every_kind_of_boundary() -> None:
    sessions = list(UNIVERSITY.sessions(SUNDAY - 28 * DAY, SUNDAY + 7 * DAY))
    zone = UNIVERSITY.zone
    assert any(s.start // DAY != s.end // DAY for s in sessions)
    assert any(
        datetime.fromtimestamp(s.start, zone).date() != datetime.fromtimestamp(s.end, zone).date()
        for s in sessions
    )
    assert any(
        datetime.fromtimestamp(s.start, zone).utcoffset()
        != datetime.fromtimestamp(s.end, zone).utcoffset()
        for s in sessions
    )
    assert any(s.never_ended for s in sessions)
    assert any(s.breakouts for s in sessions)
    assert any(TRUTH.rows(6000, h, h + HOUR) == [] for h in range(SUNDAY, SUNDAY + DAY, HOUR))


def test_names_have_many_scripts_and_special_characters() -> None:
    university = University(1, "us", Size(rooms=200, special_names=0.3))
    names = [university.user(index).name for index in range(1, university.population)]
    scripts = {unicodedata.name(char, "?").split()[0] for name in names for char in name}
    assert scripts >= {"LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "CJK", "DEVANAGARI"}
    text = "".join(names)
    assert all(char in text for char in ',\n\r"\\;=\t\u2028\x85\x0b\x0c\u200d\u0301')
    assert "" in names
    ids = {university.user(index).id for index in range(university.population)}
    assert len(ids) == university.population


def test_a_busy_day_has_the_requested_attendees() -> None:
    day = date(2026, 9, 8)
    university = University(1, "us", Size(rooms=20, busy={day.isoformat(): 5000}))
    start = int(datetime(2026, 9, 8, 4, tzinfo=UTC).timestamp())
    rows = UniversityTruth(university).rows(6001, start, start + DAY)
    assert 5000 <= len(rows) < 5500


@given(st.lists(st.tuples(st.just("1_x"), st.text(), st.just("7")), max_size=5))
def test_rendering_loses_only_commas(rows: list[Row]) -> None:
    clean = [tuple(cell.encode(errors="replace").decode() for cell in row) for row in rows]
    text = render(("a", "b", "c"), clean).decode()
    assert text == "\ufeffa,b,c\n" + "".join(
        f"1_x,{name.replace(',', ' ')},7\n" for _, name, _ in clean
    )
    assert render(("a", "b", "c"), [("1", 'a "b",\r\nc', "2")], quoted={"b"}) == (
        b'\xef\xbb\xbfa,b,c\n1,"a ""b""  c",2\n'
    )


@pytest.mark.parametrize(
    ("number", "printed"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1, "1"),
        (1.0, "1"),
        (5 / 6, "0.83333333333333"),
        (2e-7, "2.0E-7"),
        (1e25, "1.0E+25"),
        (0.0001, "0.0001"),
        (0.00001, "1.0E-5"),
        (123456.789, "123456.789"),
        (1 / 60, "0.016666666666667"),
        (-2.5e-10, "-2.5E-10"),
        (1e14, "1.0E+14"),
    ],
)
def test_numbers_are_formatted_as_in_php(number: float, printed: str) -> None:
    assert php_number(number) == printed


@given(st.fractions(0, 1))
def test_numbers_keep_fourteen_digits(number: Fraction) -> None:
    assert float(php_number(float(number))) == pytest.approx(float(number), rel=1e-13)


privileges = st.lists(
    st.tuples(
        st.from_regex(r"[a-z][a-z0-9]{0,12}", fullmatch=True),
        st.text(st.characters(codec="utf-8", exclude_characters=",:\0"), max_size=20),
    ),
    max_size=4,
).map(tuple)


@given(st.integers(1, 10**9), st.integers(0, 2**33), st.sampled_from([0, 2]), privileges)
def test_a_ks_round_trips(partner: int, expires_at: int, kind: int, asked: ks.Privileges) -> None:
    text = ks.generate(partner, "secret", expires_at, type=kind, user_id="ü+ 1", privileges=asked)
    read = ks.parse(text, lambda _: ("other", "secret"))
    assert (read.partner_id, read.expires_at, read.type) == (partner, expires_at, kind)
    assert (read.user_id, read.privileges, read.text) == ("ü+ 1", asked, text)
    with pytest.raises(ks.InvalidKsError):
        ks.parse(text, lambda _: ("other",))
