"""Protected tables: no value of a column in PrivacyColumns is left, and all others are."""

import csv
import io

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.model.privacy import parse_privacy
from room_reports.model.reports import ATTENDEES, REPORTS, Report
from room_reports.storage.csv_file import CsvSummary, normalise, write_csv
from room_reports.storage.errors import HeaderError
from room_reports.storage.protected import ProtectedTable
from tests.support.privacy import (
    ALL_PSEUDONYMS,
    AS_LITTLE_AS_POSSIBLE,
    KEY,
    actions,
    protected,
)
from tests.support.tables import BOM, Table, tables

settings = st.sampled_from(
    (
        ALL_PSEUDONYMS,
        AS_LITTLE_AS_POSSIBLE,
        "attendees.user_email=drop",
        "attendees.user_name=pseudonym,room_data.session_host_user_id=drop",
    )
)


def written(body: bytes, report: Report, setting: str) -> tuple[list[list[str]], CsvSummary]:
    reader = KalturaCsvReader([body], report)
    privacy = parse_privacy(setting, REPORTS).with_key(KEY)
    table = ProtectedTable(reader, report, privacy)
    out = io.BytesIO()
    summary = write_csv(table.header, table, report, out)
    return list(csv.reader(io.StringIO(out.getvalue().decode(), newline=""))), summary


def without(table: Table, names: set[str]) -> Table:
    """Return a table as Kaltura sends it without some columns."""
    places = [place for place, name in enumerate(table.header) if name not in names]
    return Table(
        table.report,
        tuple(table.header[place] for place in places),
        tuple(tuple(row[place] for place in places) for row in table.rows),
        table.quoted,
    )


@given(tables(st.sampled_from(REPORTS)), settings)
def test_every_other_value_stays_as_it_was(table: Table, setting: str) -> None:
    rows, summary = written(table.rendered(), table.report, setting)
    assert rows == protected(table.published(), setting, table.report.slug)
    assert summary.rows == len(table.rows)


@given(tables(st.sampled_from(REPORTS)), settings)
def test_a_dropped_column_that_was_not_sent_is_in_its_place_and_empty(
    table: Table, setting: str
) -> None:
    chosen = actions(setting, table.report.slug)
    dropped = {name for name, action in chosen.items() if action == "drop"}
    sent = without(table, dropped)
    assert written(sent.rendered(), table.report, setting) == written(
        table.rendered(), table.report, setting
    )


@given(tables(st.sampled_from(REPORTS)))
def test_without_a_setting_the_bytes_are_those_of_normalise(table: Table) -> None:
    out = io.BytesIO()
    normalise(KalturaCsvReader([table.rendered()], table.report), table.report, out)
    plain = csv.reader(io.StringIO(out.getvalue().decode(), newline=""))
    assert written(table.rendered(), table.report, "")[0] == list(plain)


@given(tables(st.sampled_from(REPORTS)), settings)
def test_a_column_that_the_catalogue_does_not_know_is_emptied(table: Table, setting: str) -> None:
    assume(table.rows)
    wider = Table(
        table.report,
        (*table.header[:1], "nickname", *table.header[1:]),
        tuple((*row[:1], "Bob", *row[1:]) for row in table.rows),
        table.quoted,
    )
    rows, summary = written(wider.rendered(), table.report, setting)
    assert summary.unknown_columns == ("nickname",)
    assert [row[-1] for row in rows] == ["nickname"] + [""] * len(table.rows)


def test_a_response_without_a_header_has_no_rows() -> None:
    rows, summary = written(BOM + b"\n", ATTENDEES, AS_LITTLE_AS_POSSIBLE)
    assert rows == [[column.name for column in ATTENDEES.columns]]
    assert summary.rows == 0


def test_a_custom_report_must_have_the_column_that_gets_pseudonyms() -> None:
    custom = Report(id=9000, slug="report_9000")
    privacy = parse_privacy("report_9000.user=pseudonym", (custom,)).with_key(KEY)
    reader = KalturaCsvReader([BOM + b"name,views\nJane,3\n"], custom)
    with pytest.raises(HeaderError, match=r"lacks the columns user$"):
        ProtectedTable(reader, custom, privacy)


def test_without_a_key_nothing_plain_is_left() -> None:
    privacy = parse_privacy("attendees.user_name=pseudonym", REPORTS)
    header = ",".join(column.name for column in ATTENDEES.columns).encode()
    reader = KalturaCsvReader([BOM + header + b"\n1_a,1_b,jane,Jane,0,host,1,1\n"], ATTENDEES)
    (row,) = ProtectedTable(reader, ATTENDEES, privacy)
    assert row == ["1_a", "1_b", "jane", "", "0", "host", "1", "1"]
