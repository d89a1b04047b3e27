"""Growth of each cost over four sizes."""

import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from room_reports.api.exports import describe_listed
from room_reports.api.listing import result_page
from room_reports.api.params import exports_query
from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.model.reports import ATTENDEES
from room_reports.storage.bucket import Bucket
from room_reports.storage.csv_file import normalise
from tests.bench import bench_listing
from tests.bench.bench_whole_process import Workload, run
from tests.bench.bodies import MB, body
from tests.bench.figures import QUICK, RUNS, sample
from tests.bench.growth import exponent
from tests.bench.processes import EXPORTER
from tests.bench.section import Section
from tests.support.listing_server import listing_server

if TYPE_CHECKING:
    from tests.bench.processes import Used

TITLE = "Growth"
COLUMNS = ("cost", "sizes", "measured", "grows with size to the power of")
_MEGABYTES = (1, 2, 4, 8) if QUICK else (2, 10, 50, 250)
_OBJECTS = (1_000, 10_000, 100_000) if QUICK else (1_000, 10_000, 100_000, 1_000_000)
_NOTES = (
    "The slope of a straight line through the logarithms: 1 is proportional to the size, 0 is the "
    "same for every size. CPU seconds are those of the program without the servers'."
)


def measure() -> Section:
    """Measure the normaliser, an export as a whole process, and a result page of the listing."""
    processes = [_process(size) for size in _MEGABYTES]
    inside = [_median(used, lambda each: each.inside or 0.0) for used in processes]
    memory = [_median(used, lambda each: each.mib) for used in processes]
    rows = [
        _row("normalising, CPU s", _MEGABYTES, "MB", [_normalise(size) for size in _MEGABYTES]),
        _row("an export, inside the handler, s", _MEGABYTES, "MB", inside),
        _row("an export, peak memory of the process, MiB", _MEGABYTES, "MB", memory),
        _row("a result page of 200 exports, ms", _OBJECTS, "objects", _listing()),
    ]
    return Section(COLUMNS, rows, _NOTES)


def _row(name: str, sizes: Sequence[int], unit: str, costs: Sequence[float]) -> tuple[str, ...]:
    digits = 0 if min(costs) >= 10 else 3
    return (
        *(name, f"{', '.join(f'{size:,}' for size in sizes)} {unit}"),
        ", ".join(f"{cost:.{digits}f}" for cost in costs),
        f"{exponent(sizes, costs):.2f}",
    )


def _process(size: int) -> "list[Used]":
    """Run the exporter for one file."""
    work = Workload("", 1, size * MB, 0.0)
    return run(work, 0.0, (EXPORTER,), min(RUNS, 3))[EXPORTER]


def _median(used: "list[Used]", figure: "Callable[[Used], float]") -> float:
    return sample([figure(each) for each in used]).median


def _normalise(size: int) -> float:
    """Return the CPU seconds for one report."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.csv"
        path.write_bytes(body(ATTENDEES, size * MB, 0.0))

        def once() -> float:
            with path.open("rb") as source, tempfile.TemporaryFile() as out:
                begun = _cpu()
                chunks = iter(partial(source.read, 1 << 16), b"")
                normalise(KalturaCsvReader(chunks, ATTENDEES), ATTENDEES, out)
                return _cpu() - begun

        return sample([once() for _ in range(min(RUNS, 3))]).median


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _listing() -> list[float]:
    """Return the milliseconds of one result page, by the size of the bucket."""
    settings = bench_listing.settings()
    costs = []
    for size in _OBJECTS:
        with listing_server(bench_listing.keys(settings, size)) as server:
            server.write_index()
            bucket = Bucket(server.client, settings.exporter.bucket)

            def once(bucket: Bucket = bucket) -> float:
                begun = time.perf_counter()
                query = exports_query({"limit": ["200"]}, settings, bench_listing.NOW)
                found = result_page(bucket, query, settings).exports
                describe_listed(bucket, bucket, settings.exporter, found)
                return (time.perf_counter() - begun) * 1000

            costs.append(sample([once() for _ in range(min(RUNS, 3))]).median)
    return costs
