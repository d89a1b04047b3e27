"""The fast path against the reference: the same bytes, errors and counts for any report.

With LONG=1, a million rows are generated, else 20,000.
"""

import gzip
import hashlib
import io
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.kaltura.errors import KalturaError
from room_reports.model.reports import REPORTS, Report, report_with_id
from room_reports.storage.csv_file import normalise, write_csv
from room_reports.storage.strict_lines import StrictLines
from tests.support.extent import extent
from tests.support.reference_csv import RefusedError, reference
from tests.support.tables import BOM, Table, chunk_sizes, chunked, tables, unknown_report

ROWS = extent(20_000, 1_000_000)
RECORDED = Path(__file__).parents[2] / "recorded" / "kaltura.json"
PLAIN = ("", "0", "a", "1_room", "Unknown", "u1@example.edu", "x-y", "1=1", "12.5", "Zoë", "教室")
ODD = (
    *(
        "=1",
        "+4",
        "-5",
        "@x",
        "\tx",
        "\rx",
        "a\rb",
        "a\r\nb",
        '"',
        '5" pipe',
        '"a"',
        '"a""b"',
        '""',
    ),
    *("a\nb", "\n", "\n\n", "=\n=", "\ue000", "\ue001", "x\ufffd", "\ufeff", "\u2028", "\0", "'"),
)
BROKEN = (b"\xff", b"\xee\x80", b"\xed\xa0\x80", b"\xc3", b"\xee\x80\x80\x80")


def outcome(
    data: bytes, report: Report, sizes: Sequence[int], *, neutralise: bool
) -> tuple[object, ...]:
    """Return what the library makes of a report, in a form that can be compared."""
    results: list[tuple[object, ...]] = []
    for compress in (False, True):
        out = io.BytesIO()
        try:
            reader = KalturaCsvReader(chunked(data, sizes), report)
            summary = normalise(reader, report, out, neutralise=neutralise, compress=compress)
        except KalturaError as error:
            results.append((type(error), error.reason))
            continue
        stored = out.getvalue()
        plain = gzip.decompress(stored) if compress else stored
        assert summary.sha256 == hashlib.sha256(plain).hexdigest()
        assert summary.stored_sha256 == hashlib.sha256(stored).hexdigest()
        assert summary.size == len(plain)
        results.append((plain, summary.rows, reader.replaced))
    assert results[0] == results[1]
    return results[0]


def by_rows(data: bytes, report: Report, *, neutralise: bool) -> tuple[object, ...]:
    """Return the same without the fast path."""
    out = io.BytesIO()
    try:
        reader = KalturaCsvReader([data], report)
        summary = write_csv(reader.header, reader, report, out, neutralise=neutralise)
    except KalturaError as error:
        return type(error), error.reason
    return out.getvalue(), summary.rows, reader.replaced


def check(data: bytes, report: Report, sizes: Sequence[int] = (), *, neutralise: bool) -> None:
    found = outcome(data, report, sizes, neutralise=neutralise)
    assert found == by_rows(data, report, neutralise=neutralise)
    try:
        expected: object = reference(data, report, neutralise=neutralise)
    except RefusedError as error:
        expected, found = (str(error),), found[1:]
    assert found == expected


@given(tables(), chunk_sizes, st.booleans())
def test_any_table_is_normalised_as_by_the_reference(
    table: Table, sizes: list[int], neutralise: bool
) -> None:
    check(table.rendered(), table.report, sizes, neutralise=neutralise)


@given(
    st.sampled_from([*REPORTS, unknown_report]),
    st.lists(st.sampled_from([*PLAIN, *ODD, ",", ",", ",", "\n", "\n", ",,,,,,,\n"]), max_size=60),
    chunk_sizes,
    st.booleans(),
)
def test_any_lines_are_rows_or_errors_as_in_the_reference(
    report: Report, parts: list[str], sizes: list[int], neutralise: bool
) -> None:
    header = ",".join(column.name for column in report.columns) or "id,name,text"
    check(BOM + f"{header}\n{''.join(parts)}".encode(), report, sizes, neutralise=neutralise)


def generated(
    rng: random.Random, report: Report, rows: int, awkward: float, *, malformed: bool
) -> bytes:
    """Return a report of which a share of the rows is awkward, and some lines belong nowhere."""
    names = [column.name for column in report.columns] or ["id", "name", "text"]
    if rng.random() < 0.2:
        names.append("new")
    if rng.random() < 0.1:
        rng.shuffle(names)
    lines = [",".join(names).encode()]
    for number in range(rows):
        cells = [rng.choice(PLAIN).encode() for _ in names]
        cells[0] = b"1_%d" % number
        if rng.random() < awkward:
            for _ in range(rng.choice((1, 1, 1, 3))):
                place = rng.randrange(len(cells))
                odd = rng.choice((*(each.encode() for each in ODD), *BROKEN))
                if malformed or 0 < place < len(cells) - 1 or b"\n" not in odd:
                    cells[place] = odd
        lines.append(b",".join(cells))
        if malformed and rng.random() < 2 / rows:
            lines.append(rng.choice((b"", b"stray", b",", b"," * len(names))))
    return BOM + b"\n".join(lines) + b"\n"


def seeds() -> Iterator[Any]:
    rows = 0
    for seed in range(10_000_000):
        size = (40, 400, 2500)[seed % 3]
        yield pytest.param(seed, size, id=f"seed {seed}")
        rows += size
        if rows > min(ROWS, 100_000):
            return


@pytest.mark.parametrize(("seed", "size"), list(seeds()))
def test_generated_reports_are_normalised_as_by_the_reference(seed: int, size: int) -> None:
    for again in range(max(1, ROWS // 100_000)):
        rng = random.Random(f"{seed} {again}")
        report = rng.choice((*REPORTS, unknown_report))
        awkward = rng.choice((0, 0.002, 0.05, 0.3, 1))
        data = generated(rng, report, size, awkward, malformed=rng.random() < 0.15)
        sizes = rng.choice(((), (1000,), (65536,), (17, 4096)))
        check(data, report, sizes, neutralise=rng.random() < 0.8)


@pytest.mark.parametrize("neutralise", [True, False])
def test_recorded_reports_are_normalised_as_by_the_reference(neutralise: bool) -> None:
    compared = 0
    for recording in json.loads(RECORDED.read_text("utf-8")):
        body = recording["response"]["body"].encode()
        form = recording["request"]["form"] or {}
        if body.startswith(BOM) and body != BOM + b"\n":
            header = body[len(BOM) :].partition(b"\n")[0].decode().split(",")
            report = report_with_id(int(form.get("id", 6000)))
            if not {column.name for column in report.columns} <= set(header):
                report = unknown_report
            check(body, report, neutralise=neutralise)
            compared += 1
    assert compared >= 9


def test_strict_lines_are_not_parsed() -> None:
    rows = [b"1_%d,name %d,Zo\xc3\xab-%d@x\n" % (number, number, number) for number in range(99)]
    rows[20:22] = [b'1_a,5" pipe,x\n', b"1_b,two\n", b"lines,x\n"]
    segments = list(StrictLines(3, neutralise=True)(b"".join(rows)))

    before = len(b"".join(rows[:20]))
    quoted = before, before + len(rows[20])
    assert segments == [
        (b"".join(rows[:21]), 21, [quoted]),
        (b"".join(rows[21:23]), 0, []),
        (b"".join(rows[23:]), len(rows) - 23, []),
    ]


@pytest.mark.parametrize(
    "line",
    [
        *(b"a,%c,c\n" % sign for sign in b"=+-@\t"),
        *(b"%c,b,c\n" % sign for sign in b"=+-@\t\r"),
        *(b"a,b\n", b"a,b,c,d\n", b"a\n", b"\n", b'a,"b",c\n', b"a,b,c\r\n", b"a,\xee\x80\x80,c\n"),
        *(b"a,\xff,c\n", b"a,b,\xc3\n"),
    ],
)
@pytest.mark.parametrize("before", [0, 1, 700])
@pytest.mark.parametrize("after", [0, 1, 700])
def test_awkward_lines_are_found(line: bytes, before: int, after: int) -> None:
    good = b"1_a,name,x\n"
    segments = list(StrictLines(3, neutralise=True)(good * before + line + good * after))

    assert b"".join(lines for lines, _, _ in segments) == good * before + line + good * after
    strict = [
        lines[start:end]
        for lines, rows, spans in segments
        if rows
        for start, end in zip(
            [0, *(end for _, end in spans)], [*(start for start, _ in spans), None], strict=True
        )
    ]
    assert b"".join(strict) in (good * (before + after), b"")
    if before + after > 1:
        assert b"".join(strict) == good * (before + after)
        assert sum(rows - len(spans) for _, rows, spans in segments) == before + after
