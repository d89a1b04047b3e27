"""``make bench``: run every ``bench_*.py``, print its table and write all to RESULTS.md."""

import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from os import cpu_count
from pathlib import Path
from typing import Protocol, cast

RESULTS = Path(__file__).with_name("RESULTS.md")


class Bench(Protocol):
    """What each benchmark module defines."""

    TITLE: str
    COLUMNS: Sequence[str]

    def rows(self) -> Iterable[Sequence[str]]:
        """Yield the rows of the table."""


def main() -> None:
    """Run all benchmarks."""
    machine = f"Python {platform.python_version()}, {cpu_count()} cores, {platform.machine()}"
    parts = [
        f"# Measurements\n\nMade by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {machine}.\n"
    ]
    for path in sorted(RESULTS.parent.glob("bench_*.py")):
        bench = cast("Bench", import_module(f"tests.bench.{path.stem}"))
        print(f"\n{bench.TITLE}")
        table = [list(bench.COLUMNS)]
        for row in bench.rows():
            table.append(list(row))
            print("  " + "  ".join(row), flush=True)
        parts.append(f"\n## {bench.TITLE}\n\n{_markdown(table)}")
    RESULTS.write_text("".join(parts), encoding="utf-8")
    print(f"\nWritten to {RESULTS.relative_to(Path.cwd())}")


def _markdown(table: list[list[str]]) -> str:
    header, *rows = table
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
