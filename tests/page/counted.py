"""The index of the year's day files, as the exporter would have counted them."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import date

from local.stack.stack import Stack
from room_reports.model.windows import iso
from room_reports.storage.keys import day_index_key, parse_key
from tests.page.year import Year

COLUMNS = (
    *("report", "dt", "state", "exported_at", "window_start", "window_end"),
    *("rows", "sessions", "users", "minutes", "findings", "last_modified"),
)
UNCOUNTED, REWRITTEN, UNATTENDED = 10, 12, 13
"""The ages of days that the index does not have, had before they were written, and of zeros."""
FINDINGS = {
    17: "NO_ATTENDEES: 2 of 11 sessions have no attendees",
    40: "LOW_ROWS: 9 rows; Tuesdays have 55 | LOW_MINUTES: 80 minutes; Tuesdays have 2100",
}
"""What the quality checks have found in the files of attendees in us, by their age in days."""
TEXTS = {
    age: [each.partition(": ")[2] for each in text.split(" | ")] for age, text in FINDINGS.items()
}


def counts(slug: str, day: str, year: Year) -> Mapping[str, float]:
    """Return what a file holds. Sessions are those of rooms; attendees saw one fewer of them."""
    if day == year.ago(UNATTENDED):
        return {"sessions": 0, "users": 0, "minutes": 0}
    number = date.fromisoformat(day).toordinal()
    quiet = date.fromisoformat(day).weekday() >= 5
    sessions = (2 if quiet else 20) + number % 7
    if slug == "room_data":
        return {"sessions": sessions}
    users = (3 if quiet else 90) + number * 13 % 47
    return {"sessions": sessions - 1, "users": users, "minutes": users * 41.5}


def write_index(stack: Stack, year: Year) -> None:
    """Write the index of all day files that are in the bucket."""
    months: dict[str, list[Mapping[str, object]]] = {}
    for key, row in _rows(stack, year):
        months.setdefault(key, []).append(row)
    for key, rows in months.items():
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        stack.aws.s3.put_object(Bucket=stack.bucket, Key=key, Body=text.getvalue().encode())


def _rows(stack: Stack, year: Year) -> Iterator[tuple[str, Mapping[str, object]]]:
    findings = {year.ago(age): text for age, text in FINDINGS.items()}
    pages = stack.aws.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.bucket)
    for stored in (each for page in pages for each in page.get("Contents", ())):
        parsed = parse_key(stored["Key"])
        if parsed is None or len(parsed.label) > len("2026-11-22"):
            continue
        series, day = parsed.series, parsed.label
        if day == year.ago(UNCOUNTED):
            continue
        rewritten = day == year.ago(REWRITTEN)
        found = findings.get(day, "") if (series.slug, series.region) == ("attendees", "us") else ""
        yield (
            day_index_key(series.region, day[:7]),
            {
                "report": series.slug,
                "dt": day,
                "last_modified": "2020-01-01T00:00:00Z"
                if rewritten
                else iso(stored["LastModified"]),
                "findings": found,
                **counts(series.slug, day, year),
            },
        )
