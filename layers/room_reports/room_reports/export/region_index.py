"""The index of one region's day files: what a run finds that has to be changed in it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from room_reports.deadline import Deadline
from room_reports.model.day_files import (
    DayFile,
    Rows,
    finding_codes,
    findings_text,
    merged,
    month_of,
    months_before,
    outdated,
    parse_rows,
)
from room_reports.model.freshness import State
from room_reports.model.quality import Checks, Facts, Finding, references_for
from room_reports.model.retention import EXPIRED
from room_reports.model.user_ids import parse_shares
from room_reports.model.windows import Granularity, iso
from room_reports.runtime import Runtime, map_concurrently
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series, day_index_key
from room_reports.storage.objects import ObjectHead, StoredObject
from room_reports.telemetry import logger

_MONTHS_BEFORE = 2
"""As many as the 49 days before a day can lie in."""
_CONCURRENT_HEADS = 8
Key = tuple[str, str]
"""The ``dt`` and the report of a row."""


@dataclass
class Listed:
    """The day files of one series, as a listing shows them."""

    days: tuple[str, str]
    """The first and the last ``dt`` that were listed."""
    files: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """LastModified and whether it is compressed, by label."""


@dataclass
class DayListings:
    """What a run sees of day files when it lists the bucket."""

    by_series: dict[Series, Listed] = field(default_factory=dict)

    def watched(
        self, series: Series, days: tuple[str, str], stored: Iterable[StoredObject]
    ) -> Iterator[StoredObject]:
        """Yield the objects of a listing, and remember those of days."""
        if series.granularity is not Granularity.DAY:
            yield from stored
            return
        listed = Listed(days)
        for item in stored:
            seen = iso(item.last_modified), item.parsed.gzip
            label = item.parsed.label
            listed.files[label] = max(seen, listed.files.get(label, seen))
            yield item
        self.by_series[series] = listed

    def of(self, region: str) -> dict[str, Listed]:
        """Return what was seen of a region, by report."""
        return {s.slug: each for s, each in self.by_series.items() if s.region == region}


@dataclass
class MonthUpdate:
    """What has to be changed in the index of one month."""

    region: str
    month: str
    etag: str | None
    """Of the index that was read; None if there was none."""
    before: Rows
    made: list[DayFile]
    gone: set[Key]


@dataclass
class IndexUpdate:
    """What a run has found out about day files."""

    months: list[MonthUpdate] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    """Of the files that the run has exported."""
    new: int = 0
    """How many of these the index did not have."""


class RegionIndex:
    """The index of one region, as a run examines it."""

    def __init__(
        self,
        bucket: Bucket,
        runtime: Runtime,
        region: str,
        *,
        existing: Set[str],
        listed: Mapping[str, Listed],
        exported: Mapping[Key, str],
        comparable: bool,
    ) -> None:
        """Examine the index of a region.

        Args:
            existing: The keys of all months of the index.
            listed: The day files that the run has listed, by report.
            exported: The key of each day file that the run has exported.
            comparable: Whether sessions and attendees are asked for with the same filters.
        """
        self._bucket = bucket
        self._runtime = runtime
        self._region = region
        self._listed = listed
        self._exported = exported
        self._existing = existing
        self._months: dict[str, tuple[str | None, dict[Key, DayFile]]] = {}
        self._facts: dict[Key, Facts] = {}
        self._comparable = comparable

    def examine(self, update: IndexUpdate, until: Deadline) -> None:
        """Add what has to be changed, oldest month first, until a deadline."""
        for month in sorted(self._in_scope() | {month_of(dt) for dt, _ in self._exported}):
            if until.remaining() <= 0:
                logger.warning("The index of day files is not complete yet", region=self._region)
                return
            self._examine_month(month, update)

    def _in_scope(self) -> set[str]:
        """Return the months that were listed and have files, or an index."""
        return {month_of(label) for each in self._listed.values() for label in each.files} | {
            month for each in self._listed.values() for month in _months_from_to(*each.days)
        }

    def _examine_month(self, month: str, update: IndexUpdate) -> None:
        stored = {
            (label, slug): moment
            for slug, listed in self._listed.items()
            for label, (moment, _) in listed.files.items()
            if month_of(label) == month
        }
        exported = {key for key in self._exported if month_of(key[0]) == month}
        if not stored and not exported and not self._exists(month):
            return
        etag, before = self._read(month)
        scope = {slug: listed.days for slug, listed in self._listed.items()}
        make, gone = outdated(before, stored, scope)
        make |= exported
        gone = {key for key in gone - make if not self._find(key)}
        if not make and not gone:
            return
        self._fetch(sorted(make))
        made = [key for key in sorted(make) if key in self._facts]
        rows = merged(before, (self._facts[key].row for key in made), gone)
        self._months[month] = etag, rows
        changed = []
        for key in made:
            found = self._check(key, made)
            changed.append(replace(self._facts[key].row, findings=_text(found)))
            if key in exported:
                update.findings += found
                known = finding_codes(before[key].findings) if key in before else set()
                update.new += sum(each.code not in known for each in found)
        self._months[month] = etag, merged(rows, changed, ())
        update.months.append(MonthUpdate(self._region, month, etag, before, changed, gone))

    def _check(self, key: Key, made: Sequence[Key]) -> list[Finding]:
        file = self._facts[key]
        if not file.row.state or file.row.state == State.OPEN:
            return []
        history: dict[Key, DayFile] = {}
        for month in (*months_before(month_of(key[0]), _MONTHS_BEFORE), month_of(key[0])):
            rows = self._read(month)[1]
            history |= {key: row for key, row in rows.items() if row.state != EXPIRED}
        checks = Checks(self._region, history, self._comparable)
        wanted = [row.key for row in references_for(file, history)]
        self._fetch([each for each in wanted if each not in self._facts])
        references = [self._facts[each] for each in wanted if each in self._facts]
        return checks.findings(file, references, dict.fromkeys(made))

    def _exists(self, month: str) -> bool:
        return day_index_key(self._region, month) in self._existing

    def _read(self, month: str) -> tuple[str | None, dict[Key, DayFile]]:
        """Return the ETag and the rows of a month, read once."""
        if month not in self._months:
            key = day_index_key(self._region, month)
            found = self._bucket.read_listed(key) if self._exists(month) else None
            self._months[month] = (found.etag, parse_rows(found.text)) if found else (None, {})
        return self._months[month]

    def _find(self, key: Key) -> str | None:
        """Return the key of a file that the listing does not have, if there is one."""
        dt, slug = key
        prefix = Series(slug, self._region, Granularity.DAY).key_of_day(dt, gzip=False)
        found = [item for item in self._bucket.small_objects(prefix) if item.size]
        return max(found, key=lambda item: item.last_modified).key if found else None

    def _fetch(self, keys: Sequence[Key]) -> None:
        """Get the facts of some files, several at a time."""
        heads = (
            map_concurrently(self._runtime, self._head, keys, _CONCURRENT_HEADS)
            if len(keys) > 1
            else list(map(self._head, keys))
        )
        for key, head in zip(keys, heads, strict=True):
            if head is not None and head.size:
                self._facts[key] = facts_of(key, head)

    def _head(self, key: Key) -> ObjectHead | None:
        dt, slug = key
        listed = self._listed.get(slug)
        name = self._exported.get(key)
        if name is None and listed and dt in listed.files:
            series = Series(slug, self._region, Granularity.DAY)
            name = series.key_of_day(dt, gzip=listed.files[dt][1])
        # S3 responds to a HEAD of a missing key as to a forbidden one.
        name = name or self._find(key)
        return self._bucket.head(name) if name else None


def facts_of(key: Key, head: ObjectHead) -> Facts:
    """Return what the metadata of a day file say."""
    metadata = head.metadata
    row = DayFile(
        report=key[1],
        dt=key[0],
        state=metadata.get("state", ""),
        exported_at=metadata.get("exported-at", ""),
        window_start=metadata.get("window-start", ""),
        window_end=metadata.get("window-end", ""),
        rows=metadata.get("rows", ""),
        sessions=metadata.get("sessions", ""),
        users=metadata.get("users", ""),
        minutes=metadata.get("minutes", ""),
        findings="",
        last_modified=iso(head.last_modified),
    )
    return Facts(
        row,
        _whole(metadata.get("unknown-rows", "")),
        _whole(metadata.get("duplicates", "")) or 0,
        parse_shares(metadata.get("user-forms", "")),
    )


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _text(findings: Iterable[Finding]) -> str:
    return findings_text((each.code, each.text) for each in findings)


def _months_from_to(first: str, last: str) -> Iterator[str]:
    """Yield the months of two days and those between them."""
    year, number = int(first[:4]), int(first[5:7])
    while f"{year:04}-{number:02}" <= last[:7]:
        yield f"{year:04}-{number:02}"
        year, number = (year, number + 1) if number < 12 else (year + 1, 1)
