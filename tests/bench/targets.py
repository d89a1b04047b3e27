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
    reason: str = ""
    """Why it may not be reached."""

    def row(self, value: float) -> tuple[str, ...]:
        """Return a row of the table for a measured value."""
        met = self.is_met(value)
        sign = "≤" if self.at_most else "≥"
        return (
            *(self.text, self.before, f"{sign} {self.bound:g} {self.unit}"),
            *(f"{value:.{_DIGITS[self.unit]}f} {self.unit}", "yes" if met else "**no**"),
        )

    def is_met(self, value: float) -> bool:
        """Return whether a measured value reaches the target."""
        return value <= self.bound if self.at_most else value >= self.bound


COLUMNS = ("figure", "before", "target", "measured", "met")
_CSV = "against the plain script with csv"
_ROUNDS = (
    "Kaltura's latency is most of the time and the same for every program with four requests at "
    "once: {floor}. Of what is left, the exporter spends a part on counting what is in each file "
    "and on the index of day files, which the script does not have. Done for it: the next report "
    "is fetched while one is published."
)
_AFTER_EACH_OTHER = (
    "The exporter uploads a report only after it has proven that it is complete, so that the "
    "download and the upload take place one after the other; the pipe does both at once, in two "
    "processes on two cores. The plain script, which does one after the other as well but never "
    "looks at the bytes, is slower than the pipe too (column *seconds*). A multipart upload of the "
    "checked file, four parts of 8 MiB at once, was tried. SeaweedFS needs as long for it as for "
    "one request. One during the download was not tried: it would put bytes into S3 that nothing "
    "has checked yet."
)
_IMPORTS = (
    "Importing botocore alone takes 0.66 of the naive handler's imports, and with requests and "
    "Powertools' logger and metrics 0.79; the rest is our own modules. "
    "[Few imports](../../docs/decisions/lean-imports.md) says what was tried."
)
_HEADS = (
    "What an hour's export is made of is metadata of its object, so that each takes a request "
    "(HEAD). botocore needs 1.3 ms of CPU time for each of them, which is half of "
    "the time, and S3 on the same machine needs most of the rest. Days have an index, which takes "
    "one request for a month. Requests that bypass botocore would need code that signs them."
)
_FIGURES = (
    "The exporter counts what is in a file before it publishes it: sessions, users, minutes and "
    "duplicate keys, about 0.8 µs a row, which the script does not. Half of that is to split the "
    "lines into values. Without the figures, it was 2.57 times as fast (1.76 times as a whole "
    "process). Done for it: hashes of whole columns, one reading of each published file instead of "
    "each response, none of a file that has not changed, and no second hash of the body to sign "
    "it. The figures are metadata of the object, so that the upload cannot begin before they are "
    "known."
)
_FLOOR_6, _FLOOR_210 = "two rounds of 0.3 s", "53 rounds of 0.2 s"
TARGETS = (
    Target("normaliser, clean 20 MB, against `csv`", "normalise.clean.csv", "0.5 ×", 6.5),
    Target("the same per CPU second, against polars", "normalise.clean.polars.cpu", "", 1),
    Target("the same per CPU second, against DuckDB", "normalise.clean.duckdb.cpu", "", 1),
    Target("normaliser, 5 % awkward rows, against `csv`", "normalise.some.csv", "0.45 ×", 3),
    Target("normaliser, all rows awkward, against `csv`", "normalise.all.csv", "", 0.9),
    Target(f"20 MB, inside, {_CSV}", "20 MB.inside.csv", "0.48 ×", 2, reason=_FIGURES),
    Target(f"20 MB, whole process, {_CSV}", "20 MB.whole.csv", "0.43 ×", 1.3, reason=_FIGURES),
    Target(
        "20 MB, against `curl | aws s3 cp -`",
        "20 MB.whole.curl",
        "0.41 ×",
        1.1,
        reason=_AFTER_EACH_OTHER,
    ),
    Target(
        "200 MB, against `curl | aws s3 cp -`",
        "200 MB.whole.curl",
        "0.15 ×",
        0.9,
        reason=_AFTER_EACH_OTHER,
    ),
    Target(
        f"6 × 1 MB, 300 ms, inside, {_CSV}",
        "6 × 1 MB, 300 ms.inside.csv",
        "0.80 ×",
        1.35,
        reason=_ROUNDS.format(floor=_FLOOR_6),
    ),
    Target(
        f"210 × 100 kB, 200 ms, {_CSV}",
        "210 × 100 kB, 200 ms.whole.csv",
        "0.77 ×",
        1.05,
        reason=_ROUNDS.format(floor=_FLOOR_210),
    ),
    Target("peak memory for 200 MB", "200 MB.mib", "82 MiB", 72, "MiB", at_most=True),
    Target(
        "import of the exporter, against the naive handler",
        "cold.exporter.import",
        "2.5 ×",
        0.75,
        at_most=True,
        reason=_IMPORTS,
    ),
    Target(
        "import of the downloads, against the naive handler",
        "cold.downloads.import",
        "2.4 ×",
        0.65,
        at_most=True,
        reason=_IMPORTS,
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
    Target(
        "`/exports?limit=200`, days",
        "api.limit200_days",
        "",
        385,
        "ms",
        at_most=True,
    ),
    Target(
        "`/exports?limit=200`, nine of ten are hours",
        "api.limit200",
        "770 ms",
        385,
        "ms",
        at_most=True,
        reason=_HEADS,
    ),
    Target("`/coverage` of a year of days", "api.coverage_year", "", 250, "ms", at_most=True),
    Target("layer, zipped", "cold.layer", "19 MB", 5, "MB", at_most=True),
)
NOTES = (
    "The figures before and the targets were measured with a plain script that parses the reports "
    "(its peak memory for 200 MB was 1,363 MB), as the *plain script with csv* does. The *plain "
    "script* in the tables below copies the bytes without a look at them."
)


def rows(figures: Mapping[str, float]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each target that was measured."""
    for target in TARGETS:
        if target.figure in figures:
            yield target.row(figures[target.figure])


def reasons(figures: Mapping[str, float]) -> Iterator[str]:
    """Yield why each target that was measured and not reached was not, each reason once."""
    missed: dict[str, list[str]] = {}
    for target in TARGETS:
        if target.figure in figures and not target.is_met(figures[target.figure]):
            missed.setdefault(target.reason or "The reason is not known.", []).append(target.text)
    for reason, texts in missed.items():
        yield f"- **{'; '.join(texts)}**: {reason}"
