import csv
import gc
import gzip
import hashlib
import io
import re
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.kaltura.errors import CutReportError
from room_reports.model.reports import ATTENDEES, REPORTS, ROOM_DATA, Report
from room_reports.storage import csv_file
from room_reports.storage.csv_file import read_csv, write_csv
from room_reports.storage.errors import HeaderError, UnreadableCsvError
from tests.support.csv_files import publish, strict_rows
from tests.support.tables import (
    BOM,
    Table,
    chunk_sizes,
    tables,
    unknown_report,
)


@given(tables(), chunk_sizes, st.booleans())
def test_python_reads_any_published_table(table: Table, sizes: list[int], neutralise: bool) -> None:
    data, summary = publish(table, sizes, neutralise=neutralise)

    assert strict_rows(data) == table.published(neutralise=neutralise)
    assert data.count(b"\n") == 1 + len(table.rows) == 1 + summary.rows
    assert data.endswith(b"\n")
    assert not data.startswith(BOM)
    assert b"\r" not in data
    assert b"\xee\x80\x80" not in data


@settings(max_examples=60)
@given(tables(), chunk_sizes)
def test_duckdb_reads_any_published_table(table: Table, sizes: list[int]) -> None:
    data, _ = publish(table, sizes)
    header, *rows = table.published()

    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(data)
        file.flush()
        columns = dict.fromkeys(header, "VARCHAR")
        found = duckdb.connect().execute(
            "SELECT * FROM read_csv(?, header=true, auto_detect=false, strict_mode=true, "
            "delim=',', quote='\"', escape='\"', new_line='\\n', nullstr='unused', columns=?)",
            [file.name, columns],
        )

        assert [list(row) for row in found.fetchall()] == rows


@given(tables(), chunk_sizes, st.booleans())
def test_summary_describes_the_file(table: Table, sizes: list[int], compress: bool) -> None:
    data, summary = publish(table, sizes, compress=compress)
    plain = gzip.decompress(data) if compress else data

    assert summary.rows == len(table.rows)
    assert summary.size == len(plain)
    assert summary.sha256 == hashlib.sha256(plain).hexdigest()
    assert list(summary.columns) == table.published()[0]


@given(tables(), chunk_sizes)
def test_equal_tables_give_equal_bytes_even_compressed(table: Table, sizes: list[int]) -> None:
    assert publish(table, sizes, compress=True) == publish(table, [], compress=True)


@given(tables(), st.data())
def test_columns_have_the_catalogues_order_with_unknown_ones_last(
    table: Table, data: st.DataObject
) -> None:
    names = [*table.header, "new_1", "new_2"]
    rows = [[*row, "=a", "b"] for row in table.received()]
    places = data.draw(st.permutations(range(len(names))))
    known = [column.name for column in table.report.columns]
    out = io.BytesIO()

    summary = write_csv(
        [names[place] for place in places],
        ([row[place] for place in places] for row in rows),
        table.report,
        out,
    )

    expected_columns = known + [names[place] for place in places if names[place] not in known]
    assert list(summary.columns) == expected_columns
    assert set(summary.unknown_columns) == ({"new_1", "new_2"} if known else set())
    published = [dict(zip(table.published()[0], row, strict=True)) for row in table.published()]
    expected_rows = [{**row, "new_1": "'=a", "new_2": "b"} for row in published[1:]]
    assert strict_rows(out.getvalue()) == [
        expected_columns,
        *([row[name] for name in expected_columns] for row in expected_rows),
    ]


@given(st.sampled_from(REPORTS), st.data())
def test_error_names_missing_columns(report: Report, data: st.DataObject) -> None:
    known = [column.name for column in report.columns]
    missing = data.draw(st.sets(st.sampled_from(known), min_size=1, max_size=len(known) - 1))

    with pytest.raises(HeaderError) as caught:
        write_csv([name for name in known if name not in missing], [], report, io.BytesIO())

    named = (
        str(caught.value).split(";")[0].removeprefix(f"the report {report.slug} lacks the columns ")
    )
    assert set(named.split(", ")) == missing


@pytest.mark.parametrize("header", [["a", "b", "a"], ["a", "", "b"]])
def test_duplicate_and_empty_column_names_are_rejected(header: list[str]) -> None:
    with pytest.raises(HeaderError, match="has no name or the name of another"):
        write_csv(header, [], unknown_report, io.BytesIO())


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.slug)
@pytest.mark.parametrize("empty", ["a byte order mark and a line end", "a header"])
def test_a_response_without_data_gives_a_header_only(report: Report, empty: str) -> None:
    header = ",".join(column.name for column in report.columns)
    source = KalturaCsvReader([BOM + b"\n" if "mark" in empty else BOM + header.encode() + b"\n"])
    out = io.BytesIO()

    summary = write_csv(source.header, source, report, out)

    assert out.getvalue().decode() == header + "\n"
    assert summary.rows == 0


@pytest.mark.parametrize(
    ("value", "published"),
    [
        ("=HYPERLINK(0)", "'=HYPERLINK(0)"),
        ("+49 170", "'+49 170"),
        ("-5", "'-5"),
        ("@SUM", "'@SUM"),
        ("\tx", "'\tx"),
        ("\rx", "' x"),
        ("\r\nx", "' x"),
        ("a\r\nb\rc\nd", "a b c d"),
        ("\n=1", " =1"),
        ("\ue000", "\ufffd"),
        ("a\u2028b\x85c\x0bd\x0ce", "a\u2028b\x85c\x0bd\x0ce"),
        ("back\\slash", "back\\slash"),
        ("nul\0", "nul\0"),
    ],
)
def test_special_characters_in_text(value: str, published: str) -> None:
    out = io.BytesIO()
    write_csv(["a", "b"], [[value, "1"]], unknown_report, out)

    assert strict_rows(out.getvalue())[1] == [published, "1"]


def test_numbers_keep_their_sign() -> None:
    header = [column.name for column in ROOM_DATA.columns]
    out = io.BytesIO()
    write_csv(header, [["-1"] * len(header)], ROOM_DATA, out)

    row = dict(zip(header, strict_rows(out.getvalue())[1], strict=True))
    assert row["entry_name"] == "'-1"
    assert row["meeting_view_period_unique_users"] == "-1"


def test_schema_depends_only_on_the_header() -> None:
    def schema(header: list[str], rows: list[list[str]]) -> str:
        return write_csv(header, rows, unknown_report, io.BytesIO()).schema

    assert schema(["a", "b"], []) == schema(["a", "b"], [["1", "2"]])
    assert schema(["a", "b"], []) != schema(["a", "c"], [])


@given(tables(), st.booleans())
def test_read_csv_reads_what_write_csv_wrote(table: Table, compress: bool) -> None:
    data, _ = publish(table, [], compress=compress)

    assert list(read_csv(io.BytesIO(data), compressed=compress)) == table.published()


@pytest.mark.parametrize("compress", [False, True])
def test_a_truncated_report_leaves_no_open_writer(compress: bool) -> None:
    source = KalturaCsvReader([BOM + b"a,b\n1,2\n3"])
    with pytest.raises(CutReportError), tempfile.SpooledTemporaryFile() as out:
        write_csv(source.header, source, unknown_report, out, compress=compress)
    # A writer that is still open would fail to close now, which pytest turns into an error.
    gc.collect()


def test_memory_does_not_grow_with_the_report() -> None:
    header = ",".join(column.name for column in ATTENDEES.columns)
    name = "é" * 600 + '"'
    row = f"1_room,1_session,user,{name},user@example.edu,attendee,12.5,0.5\n".encode()
    block = row * 50
    blocks = (50 << 20) // len(block)

    def stream() -> Iterator[bytes]:
        yield BOM + header.encode() + b"\n"
        for _ in range(blocks):
            yield block

    with Path("/dev/null").open("wb") as out:
        tracemalloc.start()
        try:
            source = KalturaCsvReader(stream())
            summary = write_csv(source.header, source, ATTENDEES, out)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert summary.rows == blocks * 50
    assert summary.size > 50 << 20
    assert peak < 20 << 20


CSV_PARTS = st.lists(
    st.sampled_from(["a", ",", "\n", '"', '""', '"a,b"', '"a\nb"', "\r", "é", "\0", "a,b,c\n"]),
    max_size=25,
)


@given(CSV_PARTS, st.integers(1, 20), st.booleans())
def test_read_csv_reads_what_the_csv_module_reads(
    parts: list[str], size: int, compress: bool
) -> None:
    text = "".join(parts)
    data = gzip.compress(text.encode()) if compress else text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_file, "_READ_AT_ONCE", size)
        try:
            expected = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        except csv.Error as error:
            with pytest.raises(UnreadableCsvError, match=re.escape(str(error))):
                list(read_csv(io.BytesIO(data), compressed=compress))
        else:
            assert list(read_csv(io.BytesIO(data), compressed=compress)) == expected
