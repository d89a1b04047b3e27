"""Every file in the bucket, compared row for row with the truth, and the tree they make."""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest

from local.demo.checks import CheckError
from local.demo.kaltura import SimulatedRegion
from local.demo.screen import Screen, size
from local.demo.week import File
from local.stack.stack import Stack

_AT_ONCE = 6
Rows = list[list[str]]


@dataclass(frozen=True)
class Stored:
    """A file as it lies in the bucket, found to be right."""

    file: File
    rows: Rows
    size: int
    """Bytes."""
    sha256: str


def versions(stack: Stack) -> list[str]:
    """The key of every version of every object but the run records, sorted."""
    pages = stack.aws.s3.get_paginator("list_object_versions").paginate(Bucket=stack.bucket)
    keys = [version["Key"] for page in pages for version in page.get("Versions", [])]
    return sorted(key for key in keys if not key.startswith("runs/"))


def read_all(
    stack: Stack, files: Sequence[File], regions: Mapping[str, SimulatedRegion], screen: Screen
) -> list[Stored]:
    """Every one of ``files``, its rows and its metadata compared with the truth.

    Raises:
        CheckError: naming the file that differs.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool, screen.bars() as bars:
        task = bars.add_task("files compared", total=len(files))
        stored: list[Stored] = []
        for item in pool.map(lambda file: _read(stack, file, regions[file.region]), files):
            stored.append(item)
            bars.advance(task)
        return stored


def _read(stack: Stack, file: File, region: SimulatedRegion) -> Stored:
    answer = stack.aws.s3.get_object(Bucket=stack.bucket, Key=file.key)
    body, metadata = answer["Body"].read(), answer["Metadata"]
    header, *rows = csv.reader(io.StringIO(body.decode(), newline=""), strict=True)
    expected = region.rows(file)
    count = len(expected)
    sha256 = hashlib.sha256(body).hexdigest()
    described = {
        "rows": str(count),
        "sha256": sha256,
        "window-start": f"{file.start:%FT%TZ}",
        "window-end": f"{file.end:%FT%TZ}",
    }
    expected.insert(0, [column.name for column in file.report.columns])
    for line, (row, truth) in enumerate(zip_longest([header, *rows], expected), start=1):
        if row != truth:
            raise CheckError(f"{file.key} has {row} in line {line} where Kaltura has {truth}")
    if body.count(b"\n") != count + 1:
        raise CheckError(f"{file.key} has a line break inside a value")
    if any(metadata.get(name) != value for name, value in described.items()):
        raise CheckError(f"{file.key} has wrong metadata: {metadata}")
    return Stored(file, rows, len(body), sha256)


def tree(bucket: str, stored: Sequence[Stored], opened: tuple[str, str, str]) -> list[list[str]]:
    """The bucket's tree, as rows of name, files, rows and size.

    Args:
        opened: the slug, granularity and region whose files are listed one by one.
    """
    return [_line(bucket, stored), *_branches("", stored, (), opened)]


def _branches(
    indent: str, stored: Sequence[Stored], path: tuple[str, ...], opened: tuple[str, ...]
) -> Iterator[list[str]]:
    groups: dict[str, list[Stored]] = {}
    for item in stored:
        parts = item.file.key.split("/")
        # A day's partition holds one file, so that the two share a line.
        name = parts[len(path)] if len(path) < len(opened) else "/".join(parts[len(path) :])
        groups.setdefault(name, []).append(item)
    for place, (name, items) in enumerate(sorted(groups.items())):
        last = place == len(groups) - 1
        inner = (*path, name.partition("=")[2] or name)
        yield _line(f"{indent}{'└─ ' if last else '├─ '}{name}", items)
        if len(inner) < len(opened) or inner == opened:
            yield from _branches(indent + ("   " if last else "│  "), items, inner, opened)


def _line(name: str, stored: Sequence[Stored]) -> list[str]:
    rows = sum(len(item.rows) for item in stored)
    count = f"{len(stored):,}" if len(stored) > 1 else ""
    return [name, count, f"{rows:,}", size(sum(item.size for item in stored))]
