"""The index of one region's day files: what a run finds that has to be changed in it."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from room_reports.deadline import Deadline
from room_reports.export.day_listings import Listed, months_from_to
from room_reports.model.acknowledgements import Acknowledgements
from room_reports.model.day_files import (
    DayFile,
    Rows,
    all_findings,
    merged,
    month_of,
    months_before,
    outdated,
    parse_rows,
    with_findings,
)
from room_reports.model.findings import Finding
from room_reports.model.freshness import State
from room_reports.model.quality import PAIRED, Checks, Facts, unpaired
from room_reports.model.reports import ATTENDEES, ROOM_DATA
from room_reports.model.retention import EXPIRED
from room_reports.model.windows import Granularity, iso
from room_reports.runtime import Runtime, map_concurrently
from room_reports.storage.bucket import Bucket
from room_reports.storage.keys import Series, day_index_key
from room_reports.storage.objects import ObjectHead
from room_reports.storage.session_bits import parse_bits
from room_reports.telemetry import logger

_MONTHS_BEFORE = 3
"""As many as the 84 days before a day can lie in."""
_CONCURRENT_HEADS = 8
Key = tuple[str, str]
"""The ``dt`` and the report of a row."""


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
    """Of the files that the run has written, and new ones of other files."""
    news: int = 0
    """How many of these the index did not have, that raise the alarm."""


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
        written: Mapping[Key, str],
        since: str,
        comparable: bool,
        acknowledged: Acknowledgements | None,
    ) -> None:
        """Examine the index of a region.

        Args:
            existing: The keys of all months of the index.
            listed: The day files that the run has listed, by report.
            written: The key of each day file that the run has written.
            since: ISO 8601. What is found in a file that was written since is told even if the
                index did not have the file: the run that wrote it can have had no time left.
            comparable: Whether sessions and attendees are asked for with the same filters.
            acknowledged: What the operator has acknowledged; None if it cannot be read, so that
                nothing is changed in the rows of files that are not examined.
        """
        self._acknowledged = acknowledged
        self._bucket = bucket
        self._runtime = runtime
        self._region = region
        self._listed = listed
        self._since = since
        self._written = written
        self._existing = existing
        self._months: dict[str, tuple[str | None, dict[Key, DayFile]]] = {}
        self._facts: dict[Key, Facts] = {}
        self._comparable = comparable

    def examine(self, update: IndexUpdate, until: Deadline) -> None:
        """Add what has to be changed, oldest month first, until a deadline."""
        for month in sorted(self._in_scope() | {month_of(dt) for dt, _ in self._written}):
            if until.remaining() <= 0:
                logger.warning("The index of day files is not complete yet", region=self._region)
                return
            self._examine_month(month, update)

    def _in_scope(self) -> set[str]:
        """Return the months that were listed and have files, or an index."""
        return {month_of(label) for each in self._listed.values() for label in each.files} | {
            month for each in self._listed.values() for month in months_from_to(*each.days)
        }

    def _examine_month(self, month: str, update: IndexUpdate) -> None:
        stored = {
            (label, slug): moment
            for slug, listed in self._listed.items()
            for label, (moment, _) in listed.files.items()
            if month_of(label) == month
        }
        written = {key for key in self._written if month_of(key[0]) == month}
        if not stored and not written and not self._exists(month):
            return
        etag, before = self._read(month)
        scope = {slug: listed.days for slug, listed in self._listed.items()}
        make, gone = outdated(before, stored, scope)
        make |= written
        # Which sessions only one of two reports has is said in the rows of both.
        make |= {each for each in map(_partner, make) if each in before and each not in gone}
        make |= {
            key for key in before.keys() & stored.keys() if self._was_not_compared(before, key)
        }
        gone = {key for key in gone - make if not self._find(key)}
        self._fetch(sorted(make))
        made = [key for key in sorted(make) if key in self._facts]
        rows = merged(before, (self._facts[key].row for key in made), gone)
        self._months[month] = etag, rows
        self._compare_pairs(made, rows)
        for key in made:
            # Each day is compared with what was found about the days before it.
            found = self._check(key)
            rows[key] = self._found(rows[key], {each.code: each.text for each in found})
            self._tell(key, found, before, update)
        changed = [rows[key] for key in made]
        if self._acknowledged is not None:
            changed += self._acknowledged_since(rows.keys() - set(made), rows)
        if changed or gone:
            update.months.append(MonthUpdate(self._region, month, etag, before, changed, gone))

    def _was_not_compared(self, rows: Rows, key: Key) -> bool:
        """Return whether a row lacks what only both reports say, as when two runs wrote them."""
        if not self._comparable or key[1] not in PAIRED:
            return False
        both = [rows[each] for each in (key, _partner(key)) if each in rows]
        return len(both) == 2 and all(
            each.sessions and not each.unpaired and each.state == State.SETTLED for each in both
        )

    def _compare_pairs(self, made: Sequence[Key], rows: dict[Key, DayFile]) -> None:
        """Say in the rows how many sessions the other report of the day does not have."""
        for dt in {dt for dt, _ in made} if self._comparable else ():
            keys = (dt, ROOM_DATA.slug), (dt, ATTENDEES.slug)
            facts = [self._facts[key] for key in keys if key in made]
            counts = unpaired(*facts) if len(facts) == len(keys) else None
            for key, count in zip(keys, counts or (), strict=counts is not None):
                rows[key] = replace(rows[key], unpaired=str(count))

    def _acknowledged_since(self, keys: Set[Key], rows: dict[Key, DayFile]) -> list[DayFile]:
        """Return the rows in which something is acknowledged now, or no more."""
        changed = []
        for key in sorted(keys):
            known = all_findings(rows[key])
            row = self._found(rows[key], known) if known else rows[key]
            if row != rows[key]:
                rows[key] = row
                changed.append(row)
        return changed

    def _found(self, row: DayFile, found: Mapping[str, str]) -> DayFile:
        return with_findings(row, found, lambda code: self._reason(code, row.dt))

    def _reason(self, code: str, dt: str) -> str | None:
        """Return why a finding was acknowledged; None if it was not."""
        acknowledged = self._acknowledged or Acknowledgements()
        return acknowledged.reason(code, self._region, dt)

    def _tell(self, key: Key, found: Sequence[Finding], before: Rows, update: IndexUpdate) -> None:
        """Add the findings of a file that the run wrote, and new ones of any other."""
        known = all_findings(before[key]) if key in before else {}
        is_told = key in before or self._facts[key].row.last_modified >= self._since
        for each in found:
            finding = replace(each, acknowledged=self._reason(each.code, key[0]))
            is_new = finding.code not in known
            if key in self._written or (is_new and is_told):
                update.findings.append(finding)
                update.news += is_new and finding.is_news

    def _check(self, key: Key) -> list[Finding]:
        file = replace(self._facts[key], row=self._months[month_of(key[0])][1][key])
        if not file.row.state or file.row.state == State.OPEN:
            return []
        history: dict[Key, DayFile] = {}
        for month in (*months_before(month_of(key[0]), _MONTHS_BEFORE), month_of(key[0])):
            rows = self._read(month)[1]
            history |= {key: row for key, row in rows.items() if row.state != EXPIRED}
        return Checks(self._region, history).findings(file)

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
        name = self._written.get(key)
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
        session_users=metadata.get("session-users", ""),
        unknown_rows=metadata.get("unknown-rows", ""),
        user_forms=metadata.get("user-forms", ""),
        etag=head.etag,
        sha256=metadata.get("sha256", ""),
        filters=metadata.get("filters", ""),
        privacy=metadata.get("privacy", ""),
    )
    return Facts(
        row,
        _whole(metadata.get("duplicates", "")) or 0,
        parse_bits(metadata.get("session-bits", "")),
        _whole(metadata.get("fewer-rows", "")),
    )


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _partner(key: Key) -> Key:
    """Return the key of the other report with the same sessions; of other reports, the key."""
    dt, slug = key
    return dt, PAIRED.get(slug, slug)
