"""Erased tables: no value of a person in the suppression list is left, and all others are."""

import csv
import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.model.reports import ATTENDEES, REPORTS, ROOM_DATA, Report
from room_reports.model.suppression import Suppression, ValueHash, parse_list
from room_reports.storage.csv_file import CsvSummary, normalise, write_csv
from room_reports.storage.erased import ErasedTable
from tests.support.privacy import UNKNOWN
from tests.support.suppression import KEY, Erased, erased, folded, list_text
from tests.support.tables import BOM, Table, chunk_sizes, chunked, tables

TOKENS = ("erased_0123456789ab", "erased_ba9876543210")
PLACEHOLDERS = {folded(value) for value in UNKNOWN}


def suppression_of(people: Sequence[Erased]) -> Suppression:
    return Suppression(parse_list(list_text(people)).people, ValueHash(KEY))


@st.composite
def tables_with_people(draw: st.DrawFn) -> tuple[Table, list[Erased]]:
    """Draw a table, and people with some of its values or with others."""
    table = draw(tables(st.sampled_from(REPORTS)))
    places = [table.header.index(column.name) for column in table.report.columns if column.personal]
    values = sorted({row[place] for row in table.rows for place in places} | {"anna", "b@c.d"})
    values = [value for value in values if folded(value) not in PLACEHOLDERS]
    chosen = draw(st.lists(st.sampled_from(values), max_size=4, unique_by=folded))
    groups = [chosen[::2], chosen[1::2]]
    return table, [
        Erased(tuple(group), token) for group, token in zip(groups, TOKENS, strict=True) if group
    ]


def written(
    chunks: Sequence[bytes], report: Report, people: Sequence[Erased]
) -> tuple[bytes, CsvSummary]:
    table = ErasedTable(KalturaCsvReader(chunks, report), report, suppression_of(people))
    out = io.BytesIO()
    summary = normalise(table, report, out)
    return out.getvalue(), summary


def rows_of(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline="")))


@given(tables_with_people(), chunk_sizes)
def test_a_person_is_erased_and_everything_else_stays(
    drawn: tuple[Table, list[Erased]], sizes: list[int]
) -> None:
    table, people = drawn
    body, summary = written(list(chunked(table.rendered(), sizes)), table.report, people)
    assert rows_of(body) == erased(table.published(), people, remove=False)
    assert summary.rows == len(table.rows), "none is left out before the report is complete"


@given(tables_with_people())
def test_many_lines_at_once_are_as_each_row_by_itself(drawn: tuple[Table, list[Erased]]) -> None:
    table, people = drawn
    many = Table(table.report, table.header, table.rows * 40, table.quoted)
    body, summary = written([many.rendered()], table.report, people)
    source = KalturaCsvReader([many.rendered()], table.report)
    by_row = ErasedTable(source, table.report, suppression_of(people))
    out = io.BytesIO()
    assert write_csv(by_row.header, by_row, table.report, out) == summary
    assert out.getvalue() == body


def attendees(*rows: str) -> bytes:
    header = ",".join(column.name for column in ATTENDEES.columns)
    return BOM + "".join(f"{line}\n" for line in (header, *rows)).encode()


ANNA = Erased(("anna", "anna@uni.example"))


@pytest.mark.parametrize(
    ("sent", "published"),
    [
        ("r,c,ANNA,Anna A,x@y.z,host,1,0.5", f"r,c,{ANNA.token},,,host,1,0.5"),
        ("r,c,a.1,Anna A,Anna@Uni.example,host,1,0.5", f"r,c,{ANNA.token},,,host,1,0.5"),
        ("r,c,Unknown,Anna A,anna@uni.example,,1,0.5", "r,c,Unknown,,,,1,0.5"),
        ("r,c,ben,Anna,ben@uni.example,,1,0.5", "r,c,ben,Anna,ben@uni.example,,1,0.5"),
        ("r,c,ben,anna@uni.example,0,,1,0.5", "r,c,ben,,0,,1,0.5"),
        ("r,anna,ben,Ben,0,anna,1,0.5", "r,anna,ben,Ben,0,anna,1,0.5"),
        ("r,c,Unknown,Unknown,0,,1,0.5", "r,c,Unknown,Unknown,0,,1,0.5"),
    ],
)
def test_rows_of_attendees(sent: str, published: str) -> None:
    strict = "r,c,carla,Carla,c@uni.example,host,2,0.5"
    body, _ = written([attendees(strict, sent, strict)], ATTENDEES, [ANNA])
    assert body.decode().split("\n")[1:] == [strict, published, strict, ""]


@pytest.mark.parametrize(
    ("header", "sent", "published"),
    [
        ("user_id,user_name,user_email,n", "anna,A,a@b.c,3", f"{ANNA.token},,,3"),
        ("user_id,full_name,n", "ben,anna,3", "ben,,3"),
        ("owner,email_of_owner,n", "ben,anna@uni.example,3", "ben,,3"),
        ("room_name,text,n", "Anna,about anna,3", f"{ANNA.token},,3"),
        (
            "entry_id,user_id,participant_name,contact,nickname,minutes",
            "1_abc,anna,Anna A,anna@uni.example,An,1.5",
            f"1_abc,{ANNA.token},,{ANNA.token},,1.5",
        ),
        ("participant,surname,n", "5001,A,3", f"{ANNA.token},,3"),
        ("participant,surname,n", "5002,B,3", "5002,B,3"),
        ("user_id,n,users", "5001,5001,5001", f"{ANNA.token},5001,5001"),
    ],
)
def test_rows_of_a_report_outside_the_catalogue(header: str, sent: str, published: str) -> None:
    person = Erased((*ANNA.values, "5001"))
    report = Report(id=9000, slug="report_9000")
    body, _ = written([BOM + f"{header}\n{sent}\n".encode()], report, [person])
    assert body.decode().split("\n")[1] == published


def test_columns_that_the_catalogue_does_not_know() -> None:
    header = ",".join([*(column.name for column in ATTENDEES.columns), "nickname", "helped_by"])
    rows = ["r,c,anna,A,0,,1,0.5,An,ben", "r,c,ben,B,0,,1,0.5,Be,anna"]
    data = BOM + "".join(f"{line}\n" for line in (header, *rows)).encode()
    body, _ = written([data], ATTENDEES, [ANNA])
    assert body.decode().split("\n")[1:3] == [
        f"r,c,{ANNA.token},,,,1,0.5,,",
        f"r,c,ben,B,0,,1,0.5,Be,{ANNA.token}",
    ]


def test_a_session_keeps_everything_but_its_host() -> None:
    header = ",".join(column.name for column in ROOM_DATA.columns)
    data = BOM + f"{header}\nr,Anna,0,c,1,2,Anna,3,0.5\n".encode()
    body, _ = written([data], ROOM_DATA, [ANNA])
    assert body.decode().split("\n")[1] == f"r,Anna,0,c,1,2,{ANNA.token},3,0.5"
