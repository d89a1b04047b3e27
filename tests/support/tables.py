"""Generated report tables: as stored by Kaltura, as sent, and as they must be published.

The expected values are written from the description of the API and of the files alone; they
share no code with the library or with the simulated server.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from local.kaltura.published import published_value
from room_reports.model.reports import REPORTS, Kind, Report

BOM = b"\xef\xbb\xbf"
SPECIAL = (
    *('"', '""', ",", "\n", "\r", "\r\n", "\\", "\\n", '\\"', "'", ";", "\t", " ", "\0", "\ue000"),
    *("=", "+", "-", "@", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\ufeff", "\ufffd"),
    *("\x01", "\x1a", "\x7f", "\u200b", "\u202e", "\U0010ffff", "𝕏", "é", "e\u0301", "\\N", "NULL"),
)
_WRAPPED = re.compile(r'"((?:[^"]|"")*)"', re.DOTALL)

texts = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.lists(
        st.one_of(st.sampled_from(SPECIAL), st.text(st.characters(codec="utf-8"), max_size=3)),
        max_size=8,
    ).map("".join),
)
one_line_texts = texts.map(lambda text: text.replace("\n", ""))
numbers = st.one_of(
    st.integers(-5, 2**40).map(str),
    st.floats(0, 1e6, allow_nan=False).map(lambda value: f"{value:.14g}"),
    st.sampled_from(("", "0", "2.0E-7", "1.0E+25", "0.83333333333333")),
)
unknown_report = Report(id=9000, slug="report_9000")


@dataclass(frozen=True)
class Table:
    """A report's values as Kaltura's database holds them."""

    report: Report
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    quoted: frozenset[str]
    """The columns that Kaltura's server quotes."""

    def rendered(self) -> bytes:
        """Return the table as Kaltura sends it."""
        lines = [",".join(self.header)]
        for row in self.rows:
            cells = zip(self.header, row, strict=True)
            lines.append(
                ",".join(
                    (_server_quoted(cell) if name in self.quoted else cell).replace(",", " ")
                    for name, cell in cells
                )
            )
        return BOM + "".join(f"{line}\n" for line in lines).encode()

    def row_ends(self) -> list[int]:
        """Return the lengths at which ``rendered`` is a complete, shorter report."""
        return [
            len(Table(self.report, self.header, self.rows[:count], self.quoted).rendered())
            for count in range(len(self.rows) + 1)
        ]

    def received(self) -> list[list[str]]:
        """Return the rows that can be recovered from ``rendered``, with their line breaks."""
        return [
            [
                _received(cell, quoted=name in self.quoted)
                for name, cell in zip(self.header, row, strict=True)
            ]
            for row in self.rows
        ]

    def published(self, *, neutralise: bool = True) -> list[list[str]]:
        """Return the header and the rows that the published file must hold."""
        known = [column.name for column in self.report.columns]
        columns = known + [name for name in self.header if name not in known]
        numeric = {column.name for column in self.report.columns if column.kind is not Kind.TEXT}
        rows = [dict(zip(self.header, row, strict=True)) for row in self.received()]
        return [columns] + [
            [
                published_value(row[name], is_text=neutralise and name not in numeric)
                for name in columns
            ]
            for row in rows
        ]


def _server_quoted(value: str) -> str:
    return '"' + value.replace("\r", "").replace("\n", " ").replace('"', '""') + '"'


def _received(value: str, *, quoted: bool) -> str:
    if quoted:
        return value.replace("\r", "").replace("\n", " ").replace(",", " ")
    value = value.replace(",", " ")
    wrapped = _WRAPPED.fullmatch(value)
    return wrapped[1].replace('""', '"') if wrapped else value


@st.composite
def tables(
    draw: st.DrawFn,
    reports: st.SearchStrategy[Report] = st.sampled_from((*REPORTS, unknown_report)),  # noqa: B008
    max_rows: int = 6,
) -> Table:
    """Generate any table of a report; its first column has no line break, its last is a number."""
    report = draw(reports)
    columns = [(column.name, column.kind) for column in report.columns] or [
        (f"column_{place}", Kind.TEXT) for place in range(draw(st.integers(2, 5)))
    ]
    values = [texts if kind is Kind.TEXT else numbers for _, kind in columns]
    values[0], values[-1] = one_line_texts, numbers
    header = tuple(name for name, _ in columns)
    rows = draw(st.lists(st.tuples(*values), max_size=max_rows))
    inner = [name for name, kind in columns[1:-1] if kind is Kind.TEXT]
    quoted = draw(st.frozensets(st.sampled_from(inner), max_size=2)) if inner else frozenset()
    return Table(report, header, tuple(rows), quoted)


def chunked(data: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """Yield ``data`` in pieces of these sizes, repeatedly; empty pieces are left out."""
    start, turn = 0, 0
    while start < len(data):
        size = max(sizes[turn % len(sizes)], 1) if sizes else len(data)
        yield data[start : start + size]
        start, turn = start + size, turn + 1


chunk_sizes = st.lists(st.integers(1, 200), max_size=5)
