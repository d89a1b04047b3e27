"""The normaliser alone, from Kaltura's bytes to strict CSV in a file, beside what parses CSV."""

import csv
import hashlib
import io
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb
import pandas as pd
import polars as pl

from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.kaltura.response import BOM
from room_reports.model.keyed_hash import KEY_BYTES
from room_reports.model.privacy import parse_privacy
from room_reports.model.reports import ATTENDEES, REPORTS
from room_reports.storage.csv_file import normalise, write_csv
from room_reports.storage.protected import ProtectedTable
from tests.bench.bodies import MB, body
from tests.bench.figures import QUICK, alternate, sample
from tests.bench.section import Section

TITLE = "Normalising attendees"
COLUMNS = (
    *("awkward rows", "MB", "program", "MB/s", "normaliser is", "MB per CPU second"),
    *("same file", "peak memory, KiB"),
)
_MEMORY = "/dev/shm"
"""A file system in memory, so that the disk is not measured as well."""
SHARES = {"clean": 0.0, "some": 0.05, "all": 1.0}
_OURS = "normaliser"
_PRIVACY_COLUMNS = ",".join(
    f"attendees.{column.name}=pseudonym" for column in ATTENDEES.columns if column.personal
)
_NOTES = (
    "From bytes in memory (DuckDB: from a file) to a file, both in memory. *Same file* says "
    "whether the result equals the normaliser's: with awkward rows, the other programs lose, break "
    "or change some. *pseudonyms* is the normaliser with `PrivacyColumns` for three columns, whose "
    "file must differ. *csv* is Python's module without quoting, the copy only adds a SHA-256. The "
    "peak is that of Python's allocations."
)


class _Run(NamedTuple):
    seconds: float
    cpu: float


def measure() -> Section:
    """Measure the normaliser and its peers at 20 MB, and the normaliser at other sizes."""
    rows: list[tuple[str, ...]] = []
    figures: dict[str, float] = {}
    for name, share in SHARES.items():
        for size in (1, 5, 20, 100) if name == "clean" else (20,):
            if QUICK and size > 20:
                continue
            programs = _PROGRAMS if size == 20 else {key: _PROGRAMS[key] for key in (_OURS, "csv")}
            with TemporaryDirectory(dir=_MEMORY) as folder:
                data = body(ATTENDEES, size * MB, share)
                source = Path(folder) / "source.csv"
                source.write_bytes(data)
                found = list(_compare(data, source, programs, f"{share:.0%}"))
            rows += [row for row, _ in found]
            if size == 20:
                figures |= {
                    f"normalise.{name}.{key}": value
                    for _, part in found
                    for key, value in part.items()
                }
    return Section(COLUMNS, rows, _NOTES, figures)


Program = Callable[[bytes, Path, Path], None]


def _compare(
    data: bytes, source: Path, programs: Mapping[str, Program], share: str
) -> Iterator[tuple[tuple[str, ...], dict[str, float]]]:
    """Yield the row and the figures of each program."""
    out = source.with_name("out.csv")
    digests: dict[str, bytes] = {}

    def run(name: str) -> _Run:
        begun, cpu = time.perf_counter(), time.process_time()
        programs[name](data, source, out)
        used = _Run(time.perf_counter() - begun, time.process_time() - cpu)
        digests[name] = hashlib.sha256(out.read_bytes()).digest()
        out.unlink()
        return used

    runs = alternate({name: partial(run, name) for name in programs})
    megabytes = len(data) / MB
    for name, used in runs.items():
        speed = sample([megabytes / each.seconds for each in used])
        per_cpu = sample([megabytes / each.cpu for each in used])
        pairs = list(zip(runs[_OURS], used, strict=True))
        ratio = sample([each.seconds / ours.seconds for ours, each in pairs])
        cpu = sample([each.cpu / ours.cpu for ours, each in pairs])
        key = name.lower()
        yield (
            (
                *(share, f"{megabytes:.0f}", name, speed.text(digits=0), f"{ratio.text()} ×"),
                *(per_cpu.text(digits=0), "yes" if digests[name] == digests[_OURS] else "no"),
                _peak(data, source, out) if name == _OURS else "",
            ),
            {key: ratio.median, f"{key}.cpu": cpu.median, f"{key}.speed": per_cpu.median},
        )


def _normalise(data: bytes, _source: Path, out: Path) -> None:
    view = memoryview(data)
    chunks = (bytes(view[place : place + (1 << 16)]) for place in range(0, len(data), 1 << 16))
    with out.open("wb") as file:
        normalise(KalturaCsvReader(chunks, ATTENDEES), ATTENDEES, file)


def _csv(data: bytes, _source: Path, out: Path) -> None:
    with out.open("w", encoding="utf-8", newline="") as file:
        source = io.BytesIO(data)
        source.seek(len(BOM))
        lines = io.TextIOWrapper(source, encoding="utf-8", newline="")
        # Without quoting, because Kaltura's quotes are ordinary characters.
        csv.writer(file, lineterminator="\n").writerows(csv.reader(lines, quoting=csv.QUOTE_NONE))


def _pandas(data: bytes, _source: Path, out: Path) -> None:
    table = pd.read_csv(
        io.BytesIO(data),
        dtype=str,
        keep_default_na=False,
        quoting=csv.QUOTE_NONE,
        on_bad_lines="skip",
        encoding="utf-8-sig",
    )
    table.to_csv(out, index=False, lineterminator="\n")


def _polars(data: bytes, _source: Path, out: Path) -> None:
    pl.read_csv(data, infer_schema=False, quote_char=None, truncate_ragged_lines=True).write_csv(
        out
    )


def _duckdb(_data: bytes, source: Path, out: Path) -> None:
    with duckdb.connect() as database:
        database.execute(
            "COPY (SELECT * FROM read_csv(?, all_varchar=true, quote='', escape='', header=true, "
            f"delim=',', null_padding=true, strict_mode=false)) TO '{out}' (HEADER, DELIMITER ',')",
            [str(source)],
        )


def _copy(data: bytes, _source: Path, out: Path) -> None:
    hashlib.sha256(data)
    out.write_bytes(data)


def _pseudonyms(data: bytes, _source: Path, out: Path) -> None:
    view = memoryview(data)
    chunks = (bytes(view[place : place + (1 << 16)]) for place in range(0, len(data), 1 << 16))
    privacy = parse_privacy(_PRIVACY_COLUMNS, REPORTS).with_key(bytes(KEY_BYTES))
    table = ProtectedTable(KalturaCsvReader(chunks, ATTENDEES), ATTENDEES, privacy)
    with out.open("wb") as file:
        write_csv(table.header, table, ATTENDEES, file)


_PROGRAMS: Mapping[str, Program] = {
    _OURS: _normalise,
    "pseudonyms": _pseudonyms,
    "csv": _csv,
    "pandas": _pandas,
    "polars": _polars,
    "DuckDB": _duckdb,
    "copy": _copy,
}


def _peak(data: bytes, source: Path, out: Path) -> str:
    tracemalloc.start()
    _normalise(data, source, out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return f"{peak / 1024:,.0f}"
