"""The differences between two exports of one window."""

import csv
import gzip
import io
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.export.changes import Change, compare
from room_reports.storage.errors import UnreadableCsvError

HEADER = ["entry_id", "user_id", "minutes"]
KEY = ("entry_id", "user_id")
ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y", 'z"', ""]), st.sampled_from("123")),
    max_size=12,
)
Row = tuple[str, ...]


def file(rows: list[Row], *, compressed: bool = False) -> io.BytesIO:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([HEADER, *rows])
    data = text.getvalue().encode()
    return io.BytesIO(gzip.compress(data) if compressed else data)


@given(ROWS, ROWS, st.booleans())
def test_compare_counts_added_removed_and_altered_rows(
    old: list[Row], new: list[Row], packed: bool
) -> None:
    change = compare(
        file(old, compressed=packed), file(new, compressed=packed), KEY, compressed=packed
    )
    gone, come = Counter(old) - Counter(new), Counter(new) - Counter(old)
    names_gone = Counter(row[:2] for row in gone.elements())
    names_come = Counter(row[:2] for row in come.elements())
    altered = (names_gone & names_come).total()
    assert change == Change(
        added=come.total() - altered, removed=gone.total() - altered, altered=altered
    )
    assert change.added - change.removed == len(new) - len(old)


@given(ROWS, ROWS)
def test_rows_in_which_only_names_differ_are_counted(old: list[Row], new: list[Row]) -> None:
    """The minutes play the name, and a fourth column the figure."""

    def with_figure(rows: list[Row], figure: str) -> io.BytesIO:
        text = io.StringIO(newline="")
        named = [[*row, figure] for row in rows]
        csv.writer(text, lineterminator="\n").writerows([[*HEADER, "figure"], *named])
        return io.BytesIO(text.getvalue().encode())

    same = compare(
        with_figure(old, "1"), with_figure(new, "1"), KEY, compressed=False, names={"minutes"}
    )
    assert same.renamed == same.altered
    assert same.in_names_only is (not same.added and not same.removed)
    other = compare(
        with_figure(old, "1"), with_figure(new, "2"), KEY, compressed=False, names={"minutes"}
    )
    assert other.renamed == 0
    assert other.in_names_only is (not old and not new)


@given(st.permutations([("a", "x", "1"), ("a", "y", "2"), ("b", "x", "3"), ("b", "x", "3")]))
def test_order_of_rows_does_not_matter(rows: list[Row]) -> None:
    assert compare(file(sorted(rows)), file(rows), KEY, compressed=False) == Change()


@given(ROWS, ROWS)
def test_without_a_key_no_row_counts_as_altered(old: list[Row], new: list[Row]) -> None:
    change = compare(file(old), file(new), (), compressed=False)
    assert change.altered == 0
    assert change.removed == (Counter(old) - Counter(new)).total()


@pytest.mark.parametrize("content", [b"\xff\xfe", b'entry_id\n"open', b"\x00\xff"])
def test_invalid_csv_is_rejected(content: bytes) -> None:
    with pytest.raises(UnreadableCsvError):
        compare(io.BytesIO(content), file([]), KEY, compressed=False)
    with pytest.raises(UnreadableCsvError):
        compare(io.BytesIO(content), file([], compressed=True), KEY, compressed=True)


def test_an_empty_object_has_no_rows() -> None:
    assert compare(io.BytesIO(b""), file([("a", "x", "1")]), KEY, compressed=False).added == 1
