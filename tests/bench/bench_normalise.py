"""Time and memory of normalising a report, compared with Python's csv module."""

import csv
import io
import time
import tracemalloc
from collections.abc import Callable, Iterator
from statistics import median
from tempfile import TemporaryFile

from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.model.reports import ATTENDEES
from room_reports.storage.csv_file import write_csv

TITLE = "Normalising attendees, from Kaltura's bytes to strict CSV on disk"
COLUMNS = ("rows", "MB", "time, csv module = 1", "peak memory, KiB")
SIZES = (1_000, 10_000, 100_000, 1_000_000)
_RUNS = 5
_CHUNK = 1 << 16
_ROW = '1_room{0},1_cue{0},u{0},Zażółć "{0}" Øre,u{0}@example.edu,attendee,{0}.5,0.83333333333333\n'


def rows() -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table; the time is the median of the ratios of alternating runs."""
    for size in SIZES:
        header = ",".join(column.name for column in ATTENDEES.columns)
        text = f"\ufeff{header}\n" + "".join(_ROW.format(number) for number in range(size))
        kaltura = text.encode()
        runs = max(1, min(_RUNS, 1_000_000 // size))
        ratios = [_seconds(_normalise, kaltura) / _seconds(_copy, kaltura) for _ in range(runs)]
        yield f"{size:,}", f"{len(kaltura) / 1e6:.1f}", f"{median(ratios):.2f}", _peak(kaltura)


def _chunks(data: bytes) -> Iterator[bytes]:
    return (data[place : place + _CHUNK] for place in range(0, len(data), _CHUNK))


def _normalise(data: bytes) -> None:
    with TemporaryFile() as out:
        reader = KalturaCsvReader(_chunks(data))
        write_csv(reader.header, reader, ATTENDEES, out)


def _copy(data: bytes) -> None:
    with TemporaryFile() as out:
        target = io.TextIOWrapper(out, encoding="utf-8", newline="")
        lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
        csv.writer(target, lineterminator="\n").writerows(csv.reader(lines))
        target.detach()


def _seconds(work: Callable[[bytes], None], data: bytes) -> float:
    begun = time.perf_counter()
    work(data)
    return time.perf_counter() - begun


def _peak(data: bytes) -> str:
    tracemalloc.start()
    _normalise(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return f"{peak / 1024:,.0f}"
