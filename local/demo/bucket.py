"""The files that must be in the bucket, those that are there, and the tree that they make."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rich.text import Text
from rich.tree import Tree

from local.kaltura.control_client import ControlClient
from local.kaltura.published import published_file
from local.stack.stack import Stack
from room_reports.model.reports import REPORTS, Report

REGIONS = ("us", "eu")
MONDAY = datetime(2025, 3, 24, tzinfo=UTC)
"""A date in the past, so that every event of the week has happened by this machine's clock."""
_LENGTHS = {"day": timedelta(days=1), "hour": timedelta(hours=1)}


@dataclass(frozen=True)
class File:
    """A file that must be there: one report of one region for one window."""

    report: Report
    region: str
    granularity: str
    start: datetime

    @property
    def window(self) -> tuple[int, int]:
        """The start and the end of its window, in Unix seconds."""
        end = self.start + _LENGTHS[self.granularity]
        return int(self.start.timestamp()), int(end.timestamp())

    @property
    def key(self) -> str:
        """The key that it must have; written from the contract, not with the library."""
        label = f"{self.start:%F}" if self.granularity == "day" else f"{self.start:%FT%HZ}"
        folder = f"granularity={self.granularity}/region={self.region}/dt={self.start:%F}"
        return f"{self.report.slug}/{folder}/{self.report.slug}_{self.region}_{label}.csv"


def files(now: datetime) -> list[File]:
    """Return the files of every window that begins on Monday or later and has ended."""
    return [
        File(report, region, granularity, MONDAY + number * length)
        for granularity, length in _LENGTHS.items()
        for number in range((now - MONDAY) // length)
        for region in REGIONS
        for report in REPORTS
    ]


@dataclass(frozen=True)
class Stored:
    """A file in the bucket that equals the truth."""

    file: File
    rows: list[list[str]]
    body: bytes


def read_all(stack: Stack, wanted: list[File], kaltura: dict[str, ControlClient]) -> list[Stored]:
    """Read the files, and raise a WrongFileError if one does not equal the truth."""

    def read(file: File) -> Stored:
        found = stack.aws.s3.get_object(Bucket=stack.bucket, Key=file.key)
        body, described = found["Body"].read(), found["Metadata"]
        report, truth = file.report, kaltura[file.region].truth(file.report.id, *file.window)
        rows = published_file(file.key, report, file.window, truth, body=body, metadata=described)
        return Stored(file, rows, body)

    with ThreadPoolExecutor(6) as pool:
        return list(pool.map(read, wanted))


def tree(bucket: str, stored: list[Stored], opened: str) -> Tree:
    """Return the tree of the folders, with the regions and the files only where ``opened`` is."""
    inside: dict[str, list[Stored]] = defaultdict(list)
    for item in stored:
        # The folder of a day holds one file, so the two share a line.
        parts = item.file.key.split("/", 3)
        for depth in range(1, 5 if item.file.key.startswith(opened) else 4):
            inside["/".join(parts[:depth])].append(item)
    branches = {"": Tree(_label(bucket, stored, 0), guide_style="dim")}
    for path, items in sorted(inside.items()):
        *folders, name = path.split("/", 3)
        parent = "/".join(folders)
        if len(folders) < 2 or opened.startswith(parent):
            branches[path] = branches[parent].add(_label(name, items, len(folders) + 1))
    return branches[""]


def _label(name: str, stored: list[Stored], depth: int) -> Text:
    rows, size = sum(len(item.rows) for item in stored), sum(len(item.body) for item in stored)
    count = f"{len(stored):,}" if len(stored) > 1 else ""
    line = f"{name:<{57 - 4 * depth}}{count:>7}{rows:>8,}{size / 1000:>11,.1f} kB"
    return Text(line, no_wrap=True, overflow="ellipsis")
