"""A person's rows in all reports and rosters, for that person."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from room_reports.model.reports import REPORTS
from room_reports.runtime import ThreadRuntime, map_concurrently
from room_reports.storage.errors import UnreadableCsvError
from room_reports.storage.keys import parse_key
from room_reports_command.erasure.csv_rows import raw_rows
from room_reports_command.erasure.places import Kind, place_of
from room_reports_command.erasure.rewrite import roster_without_person, rows_of
from room_reports_command.erasure.subject import Subject
from room_reports_command.erasure.survey import Progress, text_of
from room_reports_command.erasure.versions import VersionedBucket

FIRST_COLUMNS = ("region", "granularity", "window_start", "window_end")
"""Columns before those of the report."""
_ROSTER_FIRST = ("file",)
_THREADS = 8


@dataclass
class PersonCopy:
    """The rows of a person, by the name of the file that they go into."""

    tables: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    """Keys of files that are not CSV."""


def copy_of(bucket: VersionedBucket, subject: Subject, progress: Progress) -> PersonCopy:
    """Return the rows of a person in the latest version of each file, in the order of the keys."""
    keys = [key for key in bucket.latest() if (place := place_of(key)) and _has_people(place.kind)]
    done: list[None] = []

    def rows(key: str) -> list[tuple[str, dict[str, str]]] | None:
        try:
            found = list(_rows(bucket, key, subject))
        except UnreadableCsvError:
            found = None
        done.append(None)
        progress("files", len(done), len(keys))
        return found

    result = PersonCopy()
    for key, found in zip(
        keys, map_concurrently(ThreadRuntime(_THREADS), rows, keys, _THREADS), strict=True
    ):
        if found is None:
            result.unreadable.append(key)
        for name, row in found or ():
            result.tables.setdefault(name, []).append(row)
    return result


def write_copy(copy: PersonCopy, folder: Path) -> list[Path]:
    """Write a file for each table, and a text that says what each is; return their paths.

    Raises:
        OSError: If a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, rows in sorted(copy.tables.items()):
        paths.append(folder / f"{name}.csv")
        with paths[-1].open("w", encoding="utf-8", newline="") as file:
            _write_table(file, rows)
    paths.append(folder / "README.txt")
    paths[-1].write_text("\n".join(_text(copy)) + "\n", encoding="utf-8")
    return paths


def _has_people(kind: Kind) -> bool:
    return kind in (Kind.REPORT, Kind.ROSTER)


def _rows(
    bucket: VersionedBucket, key: str, subject: Subject
) -> Iterator[tuple[str, dict[str, str]]]:
    content, parsed = bucket.read(key), parse_key(key)
    if content is None or not content.body:
        return
    text = text_of(content.body)
    if parsed is None:
        header = next(raw_rows(text), ("", []))[1]
        for row in roster_without_person(text, subject)[1]:
            yield "rosters", dict(zip((*_ROSTER_FIRST, *header), (key, *row), strict=False))
        return
    bounds = (content.metadata.get("window-start", ""), content.metadata.get("window-end", ""))
    first = (parsed.series.region, parsed.series.granularity.value, *bounds)
    for header, row in rows_of(text, parsed.series.slug, subject):
        yield parsed.series.slug, dict(zip((*FIRST_COLUMNS, *header), (*first, *row), strict=True))


def _write_table(file: IO[str], rows: list[dict[str, str]]) -> None:
    names = dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(file, list(names), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _text(copy: PersonCopy) -> Iterator[str]:
    yield "This folder has the rows about one person that the Room reports held."
    yield "Each file is CSV in UTF-8. A value that begins with = + - or @ has an apostrophe first."
    if not copy.tables:
        yield ""
        yield "There were no rows about this person."
    for name, rows in sorted(copy.tables.items()):
        yield ""
        yield f"{name}.csv: {len(rows):,} rows. {_MEANINGS.get(name, 'A report of its own.')}"
        columns = {
            column.name: column
            for report in REPORTS
            if report.slug == name
            for column in report.columns
        }
        for column in dict.fromkeys(each for row in rows for each in row):
            meaning = _COLUMNS.get(column) or (columns[column].meaning if column in columns else "")
            yield f"  {column}: {meaning}" if meaning else f"  {column}"
    yield ""
    yield "Not in here, although they can have data about the person:"
    yield from (f"  {each}" for each in LEFT_OUT)
    if copy.unreadable:
        yield ""
        yield f"{len(copy.unreadable):,} files could not be read as CSV, and are not in here."


LEFT_OUT = (
    "former versions of these files, and other reference data than rosters",
    "pieces of reports, and parts of responses that could not be read (quarantine)",
    "results of queries in Athena, and the history of queries",
    "the list of readers, which names the holders of API keys",
    "the access log, and the logs of the API: who read what",
    "run records, and documents of backfills",
    "texts of others, such as the name of a room with the person's name",
    "rows with pseudonyms of a former key",
)
"""What a copy does not have."""
_MEANINGS: Mapping[str, str] = {
    "attendees": "Sessions that the person was in, a row for each user, session and window.",
    "room_data": "Sessions that the person hosted.",
    "breakout_sessions": "Breakout sessions that the person started.",
    "rosters": "Courses whose roster has the person.",
}
_COLUMNS: Mapping[str, str] = {
    "region": "Region of Kaltura that the row comes from.",
    "granularity": "The window is a day or an hour. Both have the same time, so do not add up.",
    "window_start": "Begin of the window that the row is about, in UTC.",
    "window_end": "End of that window, in UTC.",
    "file": "The roster's file.",
}
