"""Speed and memory of normalising a report, compared with Python's csv module.

The shares of awkward rows are those of which a value must be changed or put together.
"""

import csv
import io
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator
from statistics import median
from tempfile import TemporaryFile

from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.model.reports import ATTENDEES
from room_reports.storage.csv_file import normalise

TITLE = "Normalising attendees, from Kaltura's bytes to strict CSV on disk"
COLUMNS = ("awkward rows", "MB", "speed, csv module = 1", "MB/s", "peak memory, KiB")
SIZES = (1, 5, 20, 100)
"""In MB."""
SHARES = (0.0, 0.05, 1.0)
_RUNS = 5
_CHUNK = 1 << 16
_ROW = "1_room{0},1_cue{0},u{0},{1},u{0}@example.edu,attendee,{0}.5,0.83333333333333\n"
_NAMES = ("Zażółć {0}", "User {0} Øre", "User {0}")
_AWKWARD = (
    *('Zo "Zed" {0}', '"Quoted {0}"', "=cmd {0}", "-dash {0}", "+49 {0}", "@at {0}"),
    *("two\nlines {0}", "cr\r\nlf {0}", "private \ue000 {0}"),
)


def rows() -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table; the speed is the median of alternating runs."""
    for share in SHARES:
        for size in SIZES if share == 0 else (20,):
            kaltura = _report(size, share)
            ratios, seconds = [], []
            for _ in range(_RUNS):
                seconds.append(_seconds(_normalise, kaltura))
                ratios.append(_seconds(_copy, kaltura) / seconds[-1])
            speed = len(kaltura) / 1e6 / median(seconds)
            yield f"{share:.0%}", str(size), f"{median(ratios):.2f}", f"{speed:.0f}", _peak(kaltura)


def _report(megabytes: int, share: float) -> bytes:
    rng = random.Random(megabytes)
    parts = ["\ufeff" + ",".join(column.name for column in ATTENDEES.columns) + "\n"]
    size = number = 0
    while size < megabytes * 1_000_000:
        name = rng.choice(_AWKWARD if rng.random() < share else _NAMES).format(number)
        parts.append(_ROW.format(number, name))
        size += len(parts[-1].encode())
        number += 1
    return "".join(parts).encode()


def _chunks(data: bytes) -> Iterator[bytes]:
    return (data[place : place + _CHUNK] for place in range(0, len(data), _CHUNK))


def _normalise(data: bytes) -> None:
    with TemporaryFile() as out:
        normalise(KalturaCsvReader(_chunks(data), ATTENDEES), ATTENDEES, out)


def _copy(data: bytes) -> None:
    with TemporaryFile() as out:
        target = io.TextIOWrapper(out, encoding="utf-8", newline="")
        lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
        # Without quoting, because Kaltura's quotes are ordinary characters.
        source = csv.reader(lines, quoting=csv.QUOTE_NONE)
        csv.writer(target, lineterminator="\n").writerows(source)
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
