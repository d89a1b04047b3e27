"""What the project has set itself, and whether the last measurements reach it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_DIGITS = {"×": 2, "ms": 0, "MiB": 0, "MB": 1}


@dataclass(frozen=True)
class Target:
    """A figure, what it was before the work on speed, and what it has to be."""

    text: str
    figure: str
    """Its name in the figures of a section."""
    before: str
    bound: float
    unit: str = "×"
    at_most: bool = False

    def row(self, value: float) -> tuple[str, ...]:
        """Return a row of the table for a measured value."""
        met = value <= self.bound if self.at_most else value >= self.bound
        sign = "≤" if self.at_most else "≥"
        return (
            *(self.text, self.before, f"{sign} {self.bound:g} {self.unit}"),
            *(f"{value:.{_DIGITS[self.unit]}f} {self.unit}", "yes" if met else "**no**"),
        )


COLUMNS = ("figure", "before", "target", "measured", "met")
_PLAIN = "against the plain script"
TARGETS = (
    Target("normaliser, clean 20 MB, against `csv`", "normalise.clean.csv", "0.5 ×", 6.5),
    Target("the same per CPU second, against polars", "normalise.clean.polars.cpu", "", 1),
    Target("the same per CPU second, against DuckDB", "normalise.clean.duckdb.cpu", "", 1),
    Target("normaliser, 5 % awkward rows, against `csv`", "normalise.some.csv", "0.45 ×", 3),
    Target("normaliser, all rows awkward, against `csv`", "normalise.all.csv", "", 0.9),
    Target(f"20 MB, inside, {_PLAIN}", "20 MB.inside.plain", "0.48 ×", 2),
    Target(f"20 MB, inside, {_PLAIN} with csv", "20 MB.inside.csv", "", 2),
    Target(f"20 MB, whole process, {_PLAIN}", "20 MB.whole.plain", "0.43 ×", 1.3),
    Target(f"20 MB, whole process, {_PLAIN} with csv", "20 MB.whole.csv", "", 1.3),
    Target("20 MB, against `curl \\| aws s3 cp -`", "20 MB.whole.curl", "0.41 ×", 1.1),
    Target("200 MB, against `curl \\| aws s3 cp -`", "200 MB.whole.curl", "0.15 ×", 0.9),
    Target(f"6 × 1 MB, 300 ms, inside, {_PLAIN}", "6 × 1 MB, 300 ms.inside.plain", "0.80 ×", 1.35),
    Target(f"6 × 1 MB, 300 ms, inside, {_PLAIN} with csv", "6 × 1 MB, 300 ms.inside.csv", "", 1.35),
    Target(f"210 × 100 kB, 200 ms, {_PLAIN}", "210 × 100 kB, 200 ms.whole.plain", "0.77 ×", 1.05),
    Target(f"210 × 100 kB, {_PLAIN} with csv", "210 × 100 kB, 200 ms.whole.csv", "", 1.05),
    Target("peak memory for 200 MB", "200 MB.mib", "82 MiB", 72, "MiB", at_most=True),
    Target(
        "import of the exporter, against the naive handler",
        "cold.exporter.import",
        "2.5 ×",
        0.75,
        at_most=True,
    ),
    Target(
        "import of the downloads, against the naive handler",
        "cold.downloads.import",
        "2.4 ×",
        0.65,
        at_most=True,
    ),
    Target(
        "first use of the exporter after import",
        "cold.exporter.first",
        "182 ms",
        90,
        "ms",
        at_most=True,
    ),
    Target(
        "first use of the downloads after import",
        "cold.downloads.first",
        "111 ms",
        60,
        "ms",
        at_most=True,
    ),
    Target(
        "one link, warm, against LIST, HEAD and signing", "api.link", "2.6 ×", 1.5, at_most=True
    ),
    Target("the same for an export of a year ago", "api.old_link", "15 ×", 1.5, at_most=True),
    Target("`/exports?limit=1`", "api.limit1", "340 ms", 60, "ms", at_most=True),
    Target("`/coverage` of a year of days", "api.coverage_year", "", 250, "ms", at_most=True),
    Target("layer, zipped", "cold.layer", "19 MB", 5, "MB", at_most=True),
)


def rows(figures: Mapping[str, float]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each target that was measured."""
    for target in TARGETS:
        if target.figure in figures:
            yield target.row(figures[target.figure])
