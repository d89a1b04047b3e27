"""The checks of Glue and Athena, as the real ones have them."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from room_reports.api.listing import newest
from room_reports.model.windows import Granularity, iso
from room_reports.storage.csv_file import HIVE_ESCAPE
from room_reports.storage.keys import Series
from room_reports_command.doctor.check import Area, Check, Outcome, finding, not_checked, ok
from room_reports_command.doctor.examination import Examination
from room_reports_command.errors import CommandError

_MOMENT = 1_700_000_000
"""2023-11-14 22:13:20 in UTC: the next day in Asia/Kolkata."""
_ZONE = "Asia/Kolkata"
_HIDDEN = "$file_modified_time"
_SLOW_PLANNING = timedelta(seconds=10)
_PRECISION = re.compile(r"\(\d+(,\d+)?\)")
_DUCKDB = "its Athena runs DuckDB, which has no views and few of Athena's functions"


def _tables(given: Examination) -> list[Mapping[str, Any]]:
    pages = given.stack.glue.get_paginator("get_tables").paginate(
        DatabaseName=given.stack.outputs["GlueDatabase"]
    )
    return [dict(table) for page in pages for table in page["TableList"]]


def _views(given: Examination) -> list[Mapping[str, Any]]:
    return [table for table in _tables(given) if table.get("TableType") == "VIRTUAL_VIEW"]


def _escape(given: Examination) -> Iterator[Outcome]:
    seen = 0
    for table in _tables(given):
        serde = table.get("StorageDescriptor", {}).get("SerdeInfo", {})
        if "OpenCSVSerde" not in serde.get("SerializationLibrary", ""):
            continue
        seen += 1
        character = serde.get("Parameters", {}).get("escapeChar", "")
        if character == HIVE_ESCAPE:
            yield ok("U+E000", table["Name"])
        else:
            found = " ".join(f"U+{ord(each):04X}" for each in character) or "nothing"
            yield finding(f"Glue gives back {found} and not U+E000", table["Name"])
    if not seen:
        yield finding(
            "there is no table of CSV files",
            cure="docs/first-deployment.md#changed-outside-the-stack",
        )


def _views_respond(given: Examination) -> Iterator[Outcome]:
    for view in _views(given):
        try:
            given.query(_sample(given, view))
        except CommandError as error:
            yield finding(error.cause, view["Name"])
        else:
            yield ok("can be queried", view["Name"])


def _view_types(given: Examination) -> Iterator[Outcome]:
    for view in _views(given):
        declared = declared_types(view.get("ViewOriginalText", ""))
        try:
            found = given.query(_sample(given, view)).types
        except CommandError:
            yield not_checked("the view cannot be queried", view["Name"])
            continue
        yield judge_types(view["Name"], declared, found)


def judge_types(view: str, declared: Mapping[str, str], found: Mapping[str, str]) -> Outcome:
    """Return whether a view's columns have the types that its definition declares."""
    wrong = [
        f"{name} is {found.get(name, 'missing')} and not {kind}"
        for name, kind in declared.items()
        if found.get(name) != kind
    ]
    if wrong or not declared:
        return finding("; ".join(wrong) or "the view declares no columns", view)
    return ok(f"{len(declared)} columns", view)


def declared_types(text: str) -> dict[str, str]:
    """Return the types of a view's columns from its definition in Glue, without precisions."""
    match = re.search(r"/\* Presto View: (\S+) \*/", text)
    try:
        definition = json.loads(base64.b64decode(match[1])) if match else {}
        return {
            column["name"]: _PRECISION.sub("", column["type"]) for column in definition["columns"]
        }
    except (ValueError, KeyError, TypeError, binascii.Error):
        return {}


def _sample(given: Examination, view: Mapping[str, Any]) -> str:
    """Return a query that reads little of a view."""
    names = [column["Name"] for column in view["StorageDescriptor"]["Columns"]]
    yesterday = given.now - timedelta(days=1)
    condition = f" WHERE dt = '{yesterday:%Y-%m-%d}'" if "dt" in names else ""
    if "log_day" in names:
        condition = f" WHERE log_day = '{yesterday:%Y/%m/%d}'"
    return f'SELECT * FROM "{view["Name"]}"{condition} LIMIT 1'  # noqa: S608 - names of Glue


def _time_zone(given: Examination) -> Iterator[Outcome]:
    for name in dict.fromkeys((_ZONE, given.stack.settings.zone.key)):
        sql = f"SELECT date_format(from_unixtime({_MOMENT}, '{name}'), '%Y-%m-%d %H:%i')"
        expected = (
            f"{datetime.fromtimestamp(_MOMENT, UTC).astimezone(ZoneInfo(name)):%Y-%m-%d %H:%M}"
        )
        try:
            found = given.query(sql).rows[0][0]
        except CommandError as error:
            yield finding(error.cause, name)
            continue
        yield judge_time(name, found, expected)


def judge_time(zone: str, found: str | None, expected: str) -> Outcome:
    """Return whether Athena converted a time correctly."""
    if found == expected:
        return ok(expected, zone)
    return finding(f"Athena says {found}, and it is {expected}", zone)


def _pruning(given: Examination) -> Iterator[Outcome]:
    settings = given.stack.settings
    report = settings.reports[0].slug
    today = f"{given.now.date()}"
    candidates = [
        item
        for region in settings.regions
        if (
            item := newest(
                given.stack.bucket,
                Series(report, region.name, Granularity.DAY),
                "2000-01-01",
                today,
                today,
            )
        )
    ]
    if not candidates:
        yield not_checked("no day has been exported yet")
        return
    day = max(item.parsed.label for item in candidates)
    sizes = _sizes(given, report)
    if len(sizes) < 2:
        yield not_checked("only one day has been exported")
        return
    result = given.query(
        f"SELECT count(*) FROM {report} WHERE granularity = 'day' AND dt = '{day}'"  # noqa: S608
    )
    yield from judge_pruning(result.scanned, day, sizes, result.planning)


def judge_pruning(
    scanned: int, day: str, sizes: Mapping[str, int], planning: timedelta
) -> Iterator[Outcome]:
    """Yield whether a query of one day scanned only its bytes, and was planned quickly.

    Args:
        scanned: Bytes.
        sizes: The bytes of each day.
    """
    text = f"{scanned:,} bytes scanned of {sizes[day]:,} on {day}, {sum(sizes.values()):,} in all"
    yield finding(text) if scanned > sizes[day] else ok(text)
    text = f"planning took {planning.total_seconds():.1f} s"
    if planning > _SLOW_PLANNING:
        yield finding(text, cure="docs/cost.md#set-startdate")
    else:
        yield ok(text)


def _modified_time(given: Examination) -> Iterator[Outcome]:
    settings = given.stack.settings
    report, today = settings.reports[0].slug, f"{given.now.date()}"
    first = f"{(given.now - timedelta(days=60)).date()}"
    exported = [
        item
        for region in settings.regions
        for item in given.stack.bucket.exports(
            Series(report, region.name, Granularity.DAY), first, today
        )
    ]
    if not exported:
        yield not_checked("no day has been exported yet")
        return
    largest = max(exported, key=lambda item: item.size)
    name = largest.parsed
    try:
        rows = given.query(
            f'SELECT max(to_unixtime("{_HIDDEN}")) FROM {report} '  # noqa: S608 - names of ours
            f"WHERE granularity = 'day' AND region = '{name.series.region}' "
            f"AND dt = '{name.label}'"
        ).rows
    except CommandError as error:
        yield finding(error.cause)
        return
    yield judge_modified(rows[0][0] if rows else None, largest.last_modified)


def judge_modified(found: str | None, expected: datetime) -> Outcome:
    """Return whether Athena knows when a file was written.

    Args:
        found: Unix seconds; None if the file has no rows.
        expected: As S3 says.
    """
    if found is None:
        return not_checked("no file with rows has been exported yet")
    if abs(float(found) - expected.timestamp()) < 1:
        return ok(iso(expected))
    return finding(f"Athena says {found}, and S3 says {expected.timestamp():.0f}")


def _sizes(given: Examination, report: str) -> dict[str, int]:
    """Return the bytes of each of the last days, of all regions."""
    found: dict[str, int] = {}
    first = f"{(given.now - timedelta(days=60)).date()}"
    for region in given.stack.settings.regions:
        series = Series(report, region.name, Granularity.DAY)
        for item in given.stack.bucket.exports(series, first, f"{given.now.date()}"):
            found[item.parsed.label] = found.get(item.parsed.label, 0) + item.size
    return found


CHECKS = (
    Check(
        "escape-character",
        Area.AWS,
        "Glue gives back the tables' escape character as it was deployed, U+E000.",
        "Athena removes or changes characters in names: with `?`, every question mark.",
        "docs/first-deployment.md#escape-character",
        _escape,
    ),
    Check(
        "views",
        Area.AWS,
        "Athena can query each view.",
        "Analysts cannot use the view.",
        "docs/first-deployment.md#views",
        _views_respond,
        not_local=_DUCKDB,
    ),
    Check(
        "view-types",
        Area.AWS,
        "Each view's columns have the types of the data dictionary.",
        "Queries of analysts fail, or compare texts instead of numbers.",
        "docs/first-deployment.md#view-types",
        _view_types,
        not_local=_DUCKDB,
    ),
    Check(
        "time-zone",
        Area.AWS,
        "Athena knows the time zone, and converts a time in it correctly.",
        "Sessions are put into the wrong day, or the views fail.",
        "docs/first-deployment.md#time-zone",
        _time_zone,
        not_local=_DUCKDB,
    ),
    Check(
        "partition-pruning",
        Area.AWS,
        "A condition on dt scans only the bytes of that day, and planning is quick.",
        "Queries cost more than they need to.",
        "docs/first-deployment.md#partition-pruning",
        _pruning,
        not_local="its statistics of a query are not those of Athena",
    ),
    Check(
        "modified-time",
        Area.AWS,
        'Athena has the hidden column "$file_modified_time", with the time that S3 has.',
        "Queries cannot tell from a file itself when it was written.",
        "docs/first-deployment.md#modified-time",
        _modified_time,
        not_local="its Athena runs DuckDB, which has no such column",
    ),
)
