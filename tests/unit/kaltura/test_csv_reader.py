import re
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from room_reports.kaltura.csv_reader import KalturaCsvReader, unquoted
from room_reports.kaltura.errors import CutReportError, KalturaError, MalformedReportError
from tests.support.tables import BOM, Table, chunk_sizes, chunked, tables, texts


def read(*chunks: bytes) -> tuple[list[str], list[list[str]]]:
    report = KalturaCsvReader(chunks)
    return report.header, list(report)


@given(tables(), chunk_sizes)
def test_any_table_is_read_back_in_any_chunks(table: Table, sizes: list[int]) -> None:
    report = KalturaCsvReader(chunked(table.rendered(), sizes))

    assert report.header == list(table.header)
    assert list(report) == table.received()
    assert report.replaced == 0


@settings(max_examples=40)
@given(tables(max_rows=3))
def test_truncation_is_detected_except_at_row_ends(table: Table) -> None:
    whole, ends = table.rendered(), table.row_ends()

    for length in range(len(whole)):
        if length in ends:
            assert read(whole[:length])[1] == table.received()[: ends.index(length)]
        else:
            with pytest.raises(CutReportError):
                read(whole[:length])


def test_a_response_of_only_a_byte_order_mark_and_line_end_is_empty() -> None:
    assert read(BOM + b"\n") == ([], [])


def test_a_row_without_a_header_is_rejected() -> None:
    with pytest.raises(MalformedReportError, match=r"line 2 makes a row of 1 values where .* 0"):
        read(BOM + b"\n1_abc\n")


def test_one_column_may_hold_empty_values() -> None:
    assert read(BOM + b"name\na\n\nb\n") == (["name"], [["a"], [""], ["b"]])


def test_an_empty_line_between_rows_is_rejected() -> None:
    with pytest.raises(MalformedReportError, match="line 3"):
        read(BOM + b"a,b\n1,2\n\n3,4\n")


@given(st.integers(0, 20), st.integers(1, 5))
def test_error_names_the_line_with_too_many_values(rows_before: int, extra: int) -> None:
    good, bad = b"1_a,name,1\n" * rows_before, b"1_b,a,b" + b",c" * extra + b"\n"

    with pytest.raises(MalformedReportError) as caught:
        read(BOM + b"id,name,n\n" + good + bad + good)

    assert f"line {rows_before + 2} makes a row of {3 + extra} values" in str(caught.value)


def test_a_missing_byte_order_mark_is_rejected() -> None:
    with pytest.raises(MalformedReportError, match="byte order mark"):
        read(b"id,name\n")


@given(
    st.lists(
        st.sampled_from([b"\xff", b"\xc0", b"\xed\xa0\x80", b"\xf5", b"\xc3", b"\xe2\x82"]),
        max_size=9,
    )
)
def test_invalid_utf8_is_replaced_and_counted(bad: list[bytes]) -> None:
    # A surrogate in UTF-8 is three invalid sequences; a truncated sequence is one.
    expected = sum(3 if sequence == b"\xed\xa0\x80" else 1 for sequence in bad)
    name = b"|".join([*bad, "kept \ufffd".encode()])

    report = KalturaCsvReader([BOM + b"id,name,n\n1_a," + name + b",1\n"])
    rows = list(report)

    assert report.replaced == expected
    assert [len(row) for row in rows] == [3]
    assert rows[0][1].count("\ufffd") == expected + 1


@pytest.mark.parametrize("separator", list("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\r"))
def test_only_a_line_feed_ends_a_line(separator: str) -> None:
    name = f"a{separator}b"

    assert read(BOM + f"id,name,n\n1_a,{name},1\n".encode())[1] == [["1_a", name, "1"]]


@given(texts)
def test_quoted_values_are_unquoted(value: str) -> None:
    assert unquoted('"' + value.replace('"', '""') + '"') == value


@given(texts)
def test_unquoted_values_are_unchanged(value: str) -> None:
    if not re.fullmatch('"([^"]|"")*"', value):
        assert unquoted(value) == value


@given(st.binary(max_size=300), chunk_sizes)
def test_any_bytes_are_rows_or_a_typed_error(garbage: bytes, sizes: list[int]) -> None:
    for data in (garbage, BOM + garbage, BOM + b"a,b\n" + garbage):
        try:
            report = KalturaCsvReader(chunked(data, sizes))
            assert all(len(row) == len(report.header) for row in report)
        except KalturaError:
            pass


def test_length_of_a_line_is_limited() -> None:
    def endless() -> Iterator[bytes]:
        yield BOM + b"id,name,n\n"
        while True:
            yield b"x" * 65536

    with pytest.raises(MalformedReportError, match="longer than"):
        list(KalturaCsvReader(endless()))


def test_length_of_a_row_is_limited() -> None:
    def endless() -> Iterator[bytes]:
        yield BOM + b"id,name,n\n"
        while True:
            yield b"x\n" * 32768

    tracemalloc.start()
    try:
        with pytest.raises(MalformedReportError, match="longer than"):
            list(KalturaCsvReader(endless()))
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()
