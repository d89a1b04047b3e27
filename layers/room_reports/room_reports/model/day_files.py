"""The index of day files: one row for each day file of a region, a month at a time.

The index is derived from the files and decides nothing. It tells readers in one request what else
would take one for each file, and it is the history that the quality checks compare a file with.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, fields, replace

from room_reports.model.errors import WindowError
from room_reports.model.findings import INCOMPLETE, with_reason, without_reason
from room_reports.model.retention import EXPIRED
from room_reports.model.windows import parse_date

_BETWEEN_FINDINGS = " | "
_SPLIT = re.compile(r" \| (?=[A-Z][A-Z0-9_]*: )", re.ASCII)


@dataclass(frozen=True)
class DayFile:
    """One row; every value is a text as it stands in the file, empty if it is not known."""

    report: str
    """The report's slug."""
    dt: str
    state: str
    exported_at: str
    window_start: str
    window_end: str
    rows: str
    sessions: str
    users: str
    minutes: str
    findings: str
    """The findings by which people or their minutes are missing, as ``findings_text`` has them."""
    last_modified: str
    """S3's LastModified of the file that the row describes."""
    other_findings: str = ""
    """The other findings."""
    acknowledged: str = ""
    """The findings that the operator has acknowledged, each with the reason."""
    unpaired: str = ""
    """Sessions of room_data that attendees does not have on that day, or the other way round."""
    session_users: str = ""
    """The users of all sessions of room_data, as Kaltura counts them."""
    unknown_rows: str = ""
    """Rows of attendees of users whom Kaltura does not know."""
    user_forms: str = ""
    """The share of each form of user ids, as ``shares_text`` has them."""
    etag: str = ""
    """S3's ETag of the file that the row describes; empty in rows of earlier versions."""
    sha256: str = ""
    """SHA-256 of the file, uncompressed, in hexadecimal digits."""
    filters: str = ""
    """Digest of the filters of the file; empty if it has none."""
    privacy: str = ""
    """Digest of what was done to columns that identify people; empty if nothing."""

    @property
    def key(self) -> tuple[str, str]:
        """What the rows are ordered by, and told apart."""
        return self.dt, self.report


COLUMNS = tuple(field.name for field in fields(DayFile))
Rows = Mapping[tuple[str, str], DayFile]
"""Rows by their ``key``."""
Pair = tuple[str, str]
"""The code and the sentence of a finding."""


def expired_row(report: str, dt: str, at: str) -> DayFile:
    """Return the row of a day whose file is not kept any more, which has no counts.

    Args:
        at: ISO 8601; when the file expired.
    """
    known = {"report": report, "dt": dt, "state": EXPIRED, "last_modified": at}
    return DayFile(**{**dict.fromkeys(COLUMNS, ""), **known})


def month_of(dt: str) -> str:
    """Return the month of a day, such as ``2026-11``."""
    return dt[:7]


def months_before(month: str, count: int) -> list[str]:
    """Return as many months before a month, oldest first."""
    year, number = int(month[:4]), int(month[5:])
    places = range(12 * year + number - 1 - count, 12 * year + number - 1)
    return [f"{place // 12:04}-{place % 12 + 1:02}" for place in places if place >= 12]


def format_rows(rows: Rows) -> bytes:
    """Return the index file with these rows, as strict CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(astuple(rows[key]) for key in sorted(rows))
    return text.getvalue().encode()


def parse_rows(text: str) -> dict[tuple[str, str], DayFile]:
    """Return the rows of an index file.

    What is no row of it is left out, so that it is made again: an unreadable index heals itself.
    """
    return {row.key: row for row in _rows(text)}


def _rows(text: str) -> Iterator[DayFile]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    try:
        for values in reader:
            row = DayFile(*(values.get(name) or "" for name in COLUMNS))
            if row.report and row.last_modified and is_date(row.dt):
                yield row
    except csv.Error:
        return


def is_date(text: str) -> bool:
    """Return whether a text is a date, such as ``2026-11-22``."""
    try:
        parse_date(text)
    except WindowError:
        return False
    return True


def outdated(
    rows: Rows, stored: Mapping[tuple[str, str], str], scope: Mapping[str, tuple[str, str]]
) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return which rows have to be made again, and which have no file any more.

    A row that an earlier version wrote is made again once.

    Args:
        rows: The rows of one month.
        stored: The LastModified of each day file that was listed, by the key of its row.
        scope: The first and the last day that were listed, by report.
    """
    make = {key for key, moment in stored.items() if _moment(rows, key) != moment}
    gone = {
        key
        for key, row in rows.items()
        if key not in stored and row.report in scope and _lies_in(row.dt, scope[row.report])
    }
    return make, gone


def _moment(rows: Rows, key: tuple[str, str]) -> str | None:
    return rows[key].last_modified if key in rows and rows[key].etag else None


def _lies_in(dt: str, days: tuple[str, str]) -> bool:
    return days[0] <= dt <= days[1]


def merged(
    rows: Rows, made: Iterable[DayFile], gone: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], DayFile]:
    """Return the rows with those that were made, and without those that are gone.

    Of two rows of one file, that of the later write counts: another run may have made it.
    """
    left_out = set(gone)
    result = {key: row for key, row in rows.items() if key not in left_out}
    for row in made:
        other = result.get(row.key)
        if other is None or other.last_modified <= row.last_modified:
            result[row.key] = row
    return result


def findings_text(findings: Iterable[Pair]) -> str:
    """Return findings, each a code and a sentence, as one value."""
    return _BETWEEN_FINDINGS.join(f"{code}: {text}" for code, text in findings)


def parse_findings(text: str) -> list[Pair]:
    """Return the code and the sentence of each finding in such a value."""
    parts = [part.partition(": ") for part in _SPLIT.split(text) if part]
    return [(code, rest) if rest else ("UNKNOWN", code) for code, _, rest in parts]


def finding_codes(text: str) -> set[str]:
    """Return the codes of such a value."""
    return {code for code, _ in parse_findings(text)}


def all_findings(row: DayFile) -> dict[str, str]:
    """Return the sentence of each finding of a row, by code, acknowledged or not."""
    texts = (row.findings, row.other_findings, row.acknowledged)
    found = [finding for text in texts for finding in parse_findings(text)]
    return {code: without_reason(sentence) for code, sentence in found}


def with_findings(
    row: DayFile, found: Mapping[str, str], reason: Callable[[str], str | None]
) -> DayFile:
    """Return a row with these findings.

    Args:
        found: The sentence of each, by code.
        reason: Returns why a code was acknowledged for this file; None if it was not.
    """
    incomplete, others, acknowledged = list[Pair](), list[Pair](), list[Pair]()
    for code, sentence in sorted(found.items()):
        why = reason(code)
        if why is not None:
            acknowledged.append((code, with_reason(sentence, why)))
        elif code in INCOMPLETE:
            incomplete.append((code, sentence))
        else:
            others.append((code, sentence))
    return replace(
        row,
        findings=findings_text(incomplete),
        other_findings=findings_text(others),
        acknowledged=findings_text(acknowledged),
    )
