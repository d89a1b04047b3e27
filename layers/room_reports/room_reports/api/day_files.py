"""The index of day files: what each file holds, as the exporter counted it.

One object for each region and month names every day file, with its counts and the findings of the
quality checks. Reading it costs one request for a month; without it, each file would cost one.
"""

import io
import re
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from room_reports.model.day_files import DayFile, Rows, month_of, parse_findings, parse_rows
from room_reports.model.windows import Granularity, iso
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import StorageError
from room_reports.storage.keys import Series, day_index_key
from room_reports.storage.objects import ObjectHead, StoredObject
from room_reports.telemetry import logger

COUNTS = ("rows", "sessions", "users", "minutes")
"""What the index counts in each file; empty where the exporter did not count it."""
_METADATA = (
    *("state", "rows", "exported-at", "window-start", "window-end"),
    *("sha256", "filters", "privacy"),
)
"""The metadata of a file that the index has, beside the counts."""
_WORTH_READING = 4
"""How many files of a month have to be wanted for its index to be read instead of their heads."""
_CONCURRENT_READS = 8
_NUMBER = re.compile(r"\d{1,15}(\.\d{1,20})?", re.ASCII)

Month = tuple[str, str]
"""A region, and a month such as ``2026-11``."""
Facts = dict[str, Any]
"""``COUNTS``, each a number or None, and ``findings``, a list of objects with code and text."""


def nothing_known() -> Facts:
    """Return the facts of a file that the index does not have."""
    return {**dict.fromkeys(COUNTS), "findings": []}


def day_facts(bucket: Bucket, series: Series, stored: Collection[StoredObject]) -> dict[str, Facts]:
    """Return what the index says of a series' files, by label.

    A file is left out if the index does not have it, if the index has it as it was before it was
    last written, or if its month cannot be read. This is no error: the index is derived from the
    files, and the exporter writes it anew.

    Args:
        stored: The files, as a listing shows them now. S3 gets one request for each of their
            months, eight at a time.
    """
    files = {each.parsed.label: each for each in stored}
    months = sorted({(series.region, month_of(label)) for label in files})
    return {
        row.dt: _facts(row)
        for rows in _read_months(bucket, months)
        for row in rows.values()
        if row.report == series.slug and row.dt in files and _describes(row, files[row.dt])
    }


def known_heads(bucket: Bucket, stored: Iterable[StoredObject]) -> dict[str, ObjectHead]:
    """Return what a HEAD of each file would, by key, for the day files that the index knows.

    They have no version, and of the metadata only what the index has. A file is left out as in
    ``day_facts``, and if so few files of its month are wanted that a HEAD of each costs less.

    Args:
        stored: The files, as a listing shows them now.
    """
    files: dict[Month, list[StoredObject]] = {}
    for each in stored:
        series, label = each.parsed.series, each.parsed.label
        if series.granularity is Granularity.DAY:
            files.setdefault((series.region, month_of(label)), []).append(each)
    months = [month for month, wanted in files.items() if len(wanted) >= _WORTH_READING]
    found: dict[str, ObjectHead] = {}
    for month, rows in zip(months, _read_months(bucket, months), strict=True):
        for each in files[month]:
            row = rows.get((each.parsed.label, each.parsed.series.slug))
            # Two writes within a second have the same LastModified, but seldom the same content.
            if row and row.etag == each.etag and _describes(row, each):
                found[each.key] = ObjectHead(
                    row.etag, each.last_modified, _metadata(row), each.size, None
                )
    return found


def _describes(row: DayFile, stored: StoredObject) -> bool:
    return row.last_modified == iso(stored.last_modified)


def _metadata(row: DayFile) -> dict[str, str]:
    values = {name: getattr(row, name.replace("-", "_")) for name in _METADATA}
    return {name: value for name, value in values.items() if value}


def _read_months(bucket: Bucket, months: Sequence[Month]) -> list[Rows]:
    """Return the rows of each month, which are none if it cannot be read."""
    if not months:
        return []
    with ThreadPoolExecutor(min(_CONCURRENT_READS, len(months)), "index") as pool:
        texts = list(pool.map(lambda month: _read(bucket, *month), months))
    unread = [month for month, text in zip(months, texts, strict=True) if text is None]
    if unread:
        logger.info("No index of day files", months=unread)
    return [parse_rows(text or "") for text in texts]


def _read(bucket: Bucket, region: str, month: str) -> str | None:
    """Return the index of one month, or None if it cannot be read.

    The function may read the index but not list it, and S3 responds to such a read of a missing
    key as to a forbidden one.
    """
    content = io.BytesIO()
    try:
        found = bucket.read(day_index_key(region, month), content)
    except StorageError as error:
        logger.debug("An index of day files cannot be read", error=str(error))
        return None
    return content.getvalue().decode(errors="replace") if found else None


def _facts(row: DayFile) -> Facts:
    counts = {name: _number(getattr(row, name)) for name in COUNTS}
    found = [*parse_findings(row.findings), *parse_findings(row.other_findings)]
    findings = [{"code": code, "text": text} for code, text in found]
    return {**counts, "findings": findings}


def _number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)
