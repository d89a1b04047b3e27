"""The exporter beside the programs that people would use instead, as whole processes."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local.stack.deployment import build
from room_reports.model.reports import ATTENDEES
from tests.bench.bodies import MB, write_bodies
from tests.bench.figures import QUICK, RUNS, Sample, alternate, sample
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
from tests.bench.section import Section
from tests.bench.servers import endpoints, s3_server

TITLE = "Whole processes: from Kaltura to S3"
COLUMNS = ("work", "awkward rows", "program", "seconds", "exporter is", "inside, s", "CPU s", "MiB")


_NOTES = (
    "Every program gets the same bodies from a simulated Kaltura with this latency and puts them "
    "into the same SeaweedFS. *Exporter is* says how many times as fast the exporter is; *inside* "
    "leaves out the start of Python and the imports; CPU seconds are those of the program; MiB is "
    "the peak of its largest process. The plain script copies the bytes of `requests` with "
    "`put_object` and four threads: a BOM and broken lines stay in them. The second one parses "
    "them with `csv`. curl runs four times at once. curl's pipes copy bytes, so that awkward rows "
    "change nothing for them. dlt is not run with 200 MB."
)


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
    Workload("210 × 100 kB, 200 ms", 21 if QUICK else 210, MB // 10, 0.2, slow=1),
    Workload("20 MB", 1, 20 * MB, 0.0),
    Workload("200 MB", 1, (40 if QUICK else 200) * MB, 0.0, slow=1),
)
_SHARES = (0.0, 0.05)
"""Of awkward rows."""


def programs(workload: Workload, share: float) -> tuple[str, ...]:
    """Return the programs that take part.

    Those that copy bytes without looking at them take as long with awkward rows as without.
    """
    if share:
        return (EXPORTER, PLAIN, CSV_SCRIPT, PANDAS)
    dlt = () if workload.size > 20 * MB else (DLT,)
    return (EXPORTER, PLAIN, CSV_SCRIPT, CURL_AWS, CURL_S5CMD, *dlt, PANDAS)


def run(
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
            work = Work(s3, kaltura, workload.files, workload.size, scratch, reports)
            slow = (DLT, PANDAS, CSV_SCRIPT, *((CURL_AWS,) if workload.files > 100 else ()))
            turns = {name: min(runs, workload.slow) if name in slow else runs for name in names}
            return alternate({name: partial(work.run, name) for name in names}, turns)


def warm_up() -> None:
    """Run each program once, so that all have bytecode and their files are in memory."""
    build()
    run(Workload("", 1, 1000, 0.0), 0.0, programs(WORKLOADS[0], 0.0), runs=1)


def measure() -> Section:
    """Measure each workload, without and with awkward rows."""
    warm_up()
    rows: list[tuple[str, ...]] = []
    figures: dict[str, float] = {}
    for workload in WORKLOADS:
        for share in _SHARES:
            found = run(workload, share, programs(workload, share))
            print(f"  {workload.name}, {share:.0%} awkward: done", flush=True)
            rows += [
                (workload.name, f"{share:.0%}", *_cells(program, used, found[EXPORTER]))
                for program, used in found.items()
            ]
            if not share:
                figures |= _figures(workload.name, found)
    return Section(COLUMNS, rows, _NOTES, figures)


def _cells(program: str, used: Sequence[Used], ours: Sequence[Used]) -> tuple[str, ...]:
    seconds = _seconds(used)
    inside = [each.inside for each in used if each.inside is not None]
    return (
        *(program, seconds.text(), f"{seconds.median / _seconds(ours).median:.2f} ×"),
        sample(inside).text() if inside else "",
        sample([each.cpu for each in used]).text(),
        sample([each.mib for each in used]).text(digits=0),
    )


def _figures(name: str, found: Mapping[str, Sequence[Used]]) -> dict[str, float]:
    """Return seconds and how many times as fast the exporter is, for targets and plots."""
    seconds = {program: _seconds(used).median for program, used in found.items()}
    inside = {
        program: sample([each.inside for each in used if each.inside]).median
        for program, used in found.items()
        if used[0].inside
    }
    short = {PLAIN: "plain", CSV_SCRIPT: "csv", CURL_AWS: "curl"}
    figures = {f"{name}.seconds.{program}": value for program, value in seconds.items()}
    for program, key in short.items():
        figures[f"{name}.whole.{key}"] = seconds[program] / seconds[EXPORTER]
        if program in inside:
            figures[f"{name}.inside.{key}"] = inside[program] / inside[EXPORTER]
    figures[f"{name}.mib"] = sample([each.mib for each in found[EXPORTER]]).median
    return figures


def _seconds(used: Sequence[Used]) -> Sample:
    return sample([each.seconds for each in used])
