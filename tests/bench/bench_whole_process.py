"""The exporter beside the programs that people would use instead, as whole processes."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from room_reports.model.reports import ATTENDEES
from tests.bench.bodies import MB, write_bodies
from tests.bench.figures import RUNS, Sample, alternate, sample
from tests.bench.processes import (
    CSV_SCRIPT,
    CURL_AWS,
    CURL_S5CMD,
    DLT,
    EXPORTER,
    PANDAS,
    PLAIN,
    REPORT_IDS,
    Used,
    Work,
)
from tests.bench.servers import endpoints, s3_server

TITLE = "Whole processes: from Kaltura to S3"
COLUMNS = ("work", "awkward rows", "program", "seconds", "exporter is", "inside, s", "CPU s", "MiB")


@dataclass(frozen=True)
class Workload:
    """Some reports of one size."""

    name: str
    files: int
    size: int
    latency: float
    slow: int = 3
    """How often the slow programs run."""


WORKLOADS = (
    Workload("6 × 1 MB, 300 ms", 6, MB, 0.3),
    Workload("210 × 100 kB, 200 ms", 210, MB // 10, 0.2, slow=1),
    Workload("20 MB", 1, 20 * MB, 0.0),
    Workload("200 MB", 1, 200 * MB, 0.0, slow=1),
)
_SHARES = (0.0, 0.05)
"""Of awkward rows."""


def programs(workload: Workload, share: float) -> tuple[str, ...]:
    """Return the programs that take part.

    Those that copy bytes without looking at them take as long with awkward rows as without.
    """
    if share:
        return (EXPORTER, PLAIN, CSV_SCRIPT, PANDAS)
    dlt = () if workload.size > 50 * MB else (DLT,)
    return (EXPORTER, PLAIN, CSV_SCRIPT, CURL_AWS, CURL_S5CMD, *dlt, PANDAS)


def measure(
    workload: Workload, share: float, names: Sequence[str], runs: int = RUNS
) -> dict[str, list[Used]]:
    """Run the programs in turn."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        scratch = Path(name)
        write_bodies(scratch / "bodies", workload.size, share)
        with (
            s3_server(scratch / "s3") as s3,
            endpoints(scratch / "bodies", workload.latency) as kaltura,
        ):
            reports = REPORT_IDS if workload.files > 1 else (ATTENDEES.id,)
            work = Work(s3, kaltura, workload.files, scratch, reports)
            slow = (DLT, PANDAS, CSV_SCRIPT, *((CURL_AWS,) if workload.files > 100 else ()))
            turns = {name: min(runs, workload.slow) if name in slow else runs for name in names}
            return alternate({name: partial(work.run, name) for name in names}, turns)


def warm_up() -> None:
    """Run each program once, so that all have bytecode and their files are in memory."""
    measure(Workload("", 1, 1000, 0.0), 0.0, programs(WORKLOADS[0], 0.0), runs=1)


def rows() -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table."""
    warm_up()
    for workload in WORKLOADS:
        for share in _SHARES:
            found = measure(workload, share, programs(workload, share))
            ours = _seconds(found[EXPORTER]).median
            for program, used in found.items():
                seconds = _seconds(used)
                inside = [each.inside for each in used if each.inside is not None]
                yield (
                    *(workload.name, f"{share:.0%}", program, seconds.text()),
                    f"{seconds.median / ours:.2f} ×",
                    sample(inside).text() if inside else "",
                    sample([each.cpu for each in used]).text(),
                    sample([each.mib for each in used]).text(digits=0),
                )


def _seconds(used: Sequence[Used]) -> Sample:
    return sample([each.seconds for each in used])
