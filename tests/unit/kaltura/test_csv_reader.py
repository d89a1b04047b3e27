import re
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from room_reports.kaltura.csv_reader import KalturaCsvReader, unquoted
from room_reports.kaltura.errors import CutReportError, KalturaError, MalformedReportError
from room_reports.model.reports import ROOM_DATA
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
    with pytest.raises(MalformedReportError, match=r"line 2 ends a row of 1 values where .* 0"):
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

    assert f"line {rows_before + 2} ends a row of {3 + extra} values" in str(caught.value)


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


@pytest.mark.parametrize("start", [b"1_a,", b"1_a,name,"])
def test_length_of_a_row_is_limited(start: bytes) -> None:
    def endless() -> Iterator[bytes]:
        yield BOM + b"id,name,text\n" + start
        while True:
            yield b"x\n" * 32768

    tracemalloc.start()
    try:
        with pytest.raises(MalformedReportError, match="longer than"):
            list(KalturaCsvReader(endless()))
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


ROOM_HEADER = ",".join(column.name for column in ROOM_DATA.columns).encode()
ROOM_ROW = b"1_a,Room,,1_c,1,2,host,3,0.5\n"


@given(
    st.lists(st.tuples(*[st.lists(st.sampled_from(["", "a", "b c", "d"]), min_size=1)] * 2)),
    chunk_sizes,
)
def test_line_breaks_in_the_last_column_stay_in_their_row(
    values: list[tuple[list[str], list[str]]], sizes: list[int]
) -> None:
    # An empty line after a row that has all its commas is rejected: see the test for that.
    texts = [
        ("\n".join(name), "\n".join([*last[:1], *filter(None, last[1:])])) for name, last in values
    ]
    rows = [[f"1_{place}", name, last] for place, (name, last) in enumerate(texts)]
    data = BOM + b"id,name,text\n" + "".join(",".join(row) + "\n" for row in rows).encode()

    assert list(KalturaCsvReader(chunked(data, sizes))) == rows


@pytest.mark.parametrize("before", [b"", ROOM_ROW])
@pytest.mark.parametrize("after", [b"", ROOM_ROW])
def test_a_line_without_commas_is_no_part_of_an_id(before: bytes, after: bytes) -> None:
    data = BOM + ROOM_HEADER + b"\n" + before + b"stray\n" + after

    with pytest.raises(MalformedReportError, match="has no comma, and no row before it"):
        list(KalturaCsvReader([data], ROOM_DATA))


def test_a_first_line_without_commas_belongs_to_no_row() -> None:
    with pytest.raises(MalformedReportError, match="line 2 has no comma"):
        read(BOM + b"id,name\nstray\n1_a,b\n")


@pytest.mark.parametrize("bad", [b"1_b,a,b,c\n", b"1_b,a\nb,c,d\n"])
@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_error_carries_the_bytes_around_the_line(bad: bytes, size: int) -> None:
    row = b"1_a,name,1\n"
    data = BOM + b"id,name,n\n" + row * 6_000 + bad + row * 6_000

    with pytest.raises(MalformedReportError) as caught:
        read(*chunked(data, [size]))

    excerpt, line = caught.value.excerpt, data.index(bad) + len(bad) - len(bad.split(b"\n")[-2]) - 1
    start = data.index(excerpt)
    assert excerpt.startswith(row)
    assert 32_000 < line - start <= 32_768
    assert len(excerpt) == line - start + 32_768


def test_error_for_an_endless_line_carries_its_start() -> None:
    with pytest.raises(MalformedReportError) as caught:
        read(BOM + b"id,name,n\n1_a,name,1\n1_b,", *[b"x" * 65536] * 100)

    assert caught.value.excerpt.startswith(BOM + b"id,name,n\n1_a,name,1\n1_b,xxx")
    assert len(caught.value.excerpt) < 65536


def test_an_excerpt_never_begins_within_a_line() -> None:
    long = b"1_a," + b"x" * 40_000 + b",1\n"

    with pytest.raises(MalformedReportError) as caught:
        read(BOM + b"id,name,n\n" + long + b"1_b,a,b,c\n")

    assert caught.value.excerpt == b"1_b,a,b,c\n"
