"""The index of day files: what each file holds, as the exporter counted it.

One object for each region and month names every day file, with its counts and the findings of the
quality checks. Reading it costs one request for a month; without it, each file would cost one.
"""

import io
import re
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from room_reports.model.day_files import DayFile, parse_findings, parse_rows
from room_reports.model.windows import iso
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import StorageError
from room_reports.storage.keys import Series, day_index_key
from room_reports.storage.objects import StoredObject
from room_reports.telemetry import logger

COUNTS = ("rows", "sessions", "users", "minutes")
"""What the index counts in each file; empty where the exporter did not count it."""
_CONCURRENT_READS = 8
_NUMBER = re.compile(r"\d{1,15}(\.\d{1,20})?", re.ASCII)

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
    written = {each.parsed.label: iso(each.last_modified) for each in stored}
    months = sorted({label[:7] for label in written})
    if not months:
        return {}
    with ThreadPoolExecutor(min(_CONCURRENT_READS, len(months)), "index") as pool:
        texts = list(pool.map(lambda month: _read(bucket, series.region, month), months))
    unread = [month for month, text in zip(months, texts, strict=True) if text is None]
    if unread:
        logger.info("No index of day files", region=series.region, months=unread)
    return {
        label: facts
        for text in texts
        for label, last_modified, facts in _entries(text or "", series.slug)
        if written.get(label) == last_modified
    }


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


def _entries(text: str, slug: str) -> Iterator[tuple[str, str, Facts]]:
    """Yield label, LastModified and facts of each file of a report that an index names."""
    for row in parse_rows(text).values():
        if row.report == slug:
            yield row.dt, row.last_modified, _facts(row)


def _facts(row: DayFile) -> Facts:
    counts = {name: _number(getattr(row, name)) for name in COUNTS}
    found = [*parse_findings(row.findings), *parse_findings(row.other_findings)]
    findings = [{"code": code, "text": text} for code, text in found]
    return {**counts, "findings": findings}


def _number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)
