"""A search of all objects and versions for one person."""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from room_reports.model.privacy import NONE
from room_reports.model.pseudonyms import DIGITS, PLACEHOLDERS
from room_reports.model.suppression import comparable
from room_reports.runtime import ThreadRuntime, map_concurrently
from room_reports.storage.errors import UnreadableCsvError
from room_reports_command.erasure.encoded import EncodedSearch, is_opaque
from room_reports_command.erasure.in_flight import InFlight
from room_reports_command.erasure.mentions import Mentions
from room_reports_command.erasure.places import Kind, Place, place_of, unsearched_kind
from room_reports_command.erasure.rewrite import (
    ROSTER_COLUMN,
    PersonRows,
    has_roster_column,
    person_in,
    roster_without_person,
)
from room_reports_command.erasure.subject import Subject
from room_reports_command.erasure.versions import Content, Version, VersionedBucket

Progress = Callable[[str, int, int], None]
"""Called with what is done, how much of it is done, and how much there is."""
_MOST_BYTES = 2**29
"""Memory that all threads take together."""
_IN_PLAIN, _IN_GZIP = 4, 40
"""Bytes of memory for each byte of an object."""
_PSEUDONYM = re.compile(rf"(?<!\w)p_[0-9a-f]{{{DIGITS}}}(?!\w)")
_UNKNOWN = frozenset(map(comparable, PLACEHOLDERS))


@dataclass(frozen=True)
class Found:
    """A version that has something of the person."""

    bucket: VersionedBucket
    version: Version
    place: Place
    rows: int = 0
    """Rows of the person; 0 where rows are not counted."""
    is_readable: bool = True
    """False for a report's file that is not strict CSV, and so cannot be rewritten."""


@dataclass
class Survey:
    """What a search has found."""

    found: list[Found] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    """Names and addresses in the person's rows, in each spelling."""
    spellings: set[str] = field(default_factory=set)
    """The person's ids and addresses as files have them."""
    other_ids: set[str] = field(default_factory=set)
    """Ids in rows with an address of the person, which were not given as ids of the person."""
    other_keys: list[Version] = field(default_factory=list)
    """Versions of files with pseudonyms that may be of another key: the person's are not known."""
    unsearched: Counter[str] = field(default_factory=Counter)
    """Versions that were not searched, by what they are."""
    elsewhere: Counter[str] = field(default_factory=Counter)
    """Versions with something of the person that are only read, by what they are."""
    reader_keys: int | None = None
    """API keys that the list of readers names by the person's values; None: it was not read."""
    mentions: int = 0
    """Rows of others that have the person's id or name in a text. They are not changed."""
    versions: int = 0
    """Versions that were searched."""
    size: int = 0
    """Their bytes."""
    hidden: set[str] = field(default_factory=set)
    """Keys of files that an erasure which was stopped has rewritten while they were due."""

    def counts(self) -> list[tuple[Place, bool, int, int]]:
        """Return each place, whether its versions are former ones, and the files and rows there."""
        files = Counter[tuple[Place, bool]]()
        rows = Counter[tuple[Place, bool]]()
        for each in self.found:
            which = each.place, not each.version.is_latest
            files[which] += 1
            rows[which] += each.rows
        return [(*which, files[which], rows[which]) for which in sorted(files)]


@dataclass(frozen=True)
class Searcher:
    """Searches the bucket with the reports, and the one with the query results."""

    reports: VersionedBucket
    results: VersionedBucket | None
    """None if the role may not read it, or there is none."""
    progress: Progress
    threads: int = 8
    is_hidden: Callable[[str, Mapping[str, str], datetime], bool] = lambda *_: False
    """Whether a file of this key and metadata, which S3 got then, was due when it was rewritten."""
    privacy: Callable[[str], str | None] = lambda _: None
    """What the metadata of a report's file says as ``privacy`` if it was made as today."""

    def search(
        self, subject: Subject, since: datetime | None = None, names: Iterable[str] = ()
    ) -> Survey:
        """Return what there is of a person.

        Args:
            since: Leave out what was written before.
            names: Names of the person that are known already.
        """
        survey = Survey(names=set(names))
        tables, others = [list[_Candidate](), list[_Candidate]()]
        for each in self._candidates(since, survey.unsearched):
            survey.versions += 1
            survey.size += each.version.size
            (others if each.place.kind.is_expendable else tables).append(each)
        self._each("tables", tables, lambda each: self._in_table(each, subject, survey))
        survey.names = {name for name in survey.names if comparable(name) not in _UNKNOWN}
        search = EncodedSearch(subject.searched | survey.names)
        self._each("other objects", others, lambda each: self._in_bytes(each, search, survey))
        survey.found.sort(key=lambda each: (each.version.key, each.version.id))
        return survey

    def count_mentions(self, subject: Subject, survey: Survey) -> None:
        """Count the rows of others that have the person's id or name in a text."""
        mentions = Mentions(subject, survey.names)
        tables = [
            each
            for each in self._candidates()
            if each.place.kind is Kind.REFERENCE
            or (each.version.is_latest and not each.place.kind.is_expendable)
        ]
        counts: list[int] = []

        def count(each: "_Candidate") -> None:
            text = self._text(each)
            if text is not None:
                counts.append(mentions.in_text(text, each.place))

        self._each("texts", tables, count)
        survey.mentions = sum(counts)

    def _candidates(
        self, since: datetime | None = None, unsearched: Counter[str] | None = None
    ) -> Iterator["_Candidate"]:
        """Yield what to search, and count what is not to be searched."""
        for bucket in filter(None, (self.reports, self.results)):
            for version in bucket.versions():
                result = Place(Kind.QUERY_RESULT)
                place = place_of(version.key) if bucket is self.reports else result
                is_old = since is not None and version.last_modified < since
                if not version.size or is_old:
                    continue
                if place:
                    yield _Candidate(bucket, version, place)
                elif unsearched is not None:
                    unsearched[unsearched_kind(version.key)] += 1

    def _each(
        self, what: str, items: Sequence["_Candidate"], call: Callable[["_Candidate"], None]
    ) -> None:
        done: list[None] = []
        in_flight = InFlight(_MOST_BYTES)

        def counted(item: "_Candidate") -> None:
            with in_flight.hold(item.memory):
                call(item)
            done.append(None)
            self.progress(what, len(done), len(items))

        map_concurrently(ThreadRuntime(self.threads), counted, items, self.threads)

    def _text(self, each: "_Candidate") -> str | None:
        """Return the text of a version; None if it is gone.

        Raises:
            UnreadableCsvError: If it is not text.
        """
        content = each.bucket.read(each.version.key, each.version.id)
        return None if content is None else text_of(content.body)

    def _in_table(self, each: "_Candidate", subject: Subject, survey: Survey) -> None:
        content = each.bucket.read(each.version.key, each.version.id)
        if content is None:
            return
        version, is_report = each.version, each.place.kind is Kind.REPORT
        if version.is_latest and is_report and self._was_due(version, content):
            survey.hidden.add(version.key)
        readable = True
        try:
            text = text_of(content.body)
            if is_report and self._has_other_key(each.place.report, content, text):
                survey.other_keys.append(version)
            rows = _rows_in(text, each.place, subject)
        except UnreadableCsvError:
            has = EncodedSearch(subject.searched).is_in(content.body)
            rows, readable = PersonRows(int(has)), False
        if rows.rows:
            survey.names |= rows.names
            survey.spellings |= rows.spellings
            survey.other_ids |= rows.other_ids
            survey.found.append(Found(each.bucket, each.version, each.place, rows.rows, readable))

    def _has_other_key(self, slug: str, content: Content, text: str) -> bool:
        """Return whether a file has pseudonyms, and was not made with the setting of today."""
        privacy = content.metadata.get("privacy", NONE)
        return privacy not in (NONE, self.privacy(slug)) and bool(_PSEUDONYM.search(text))

    def _was_due(self, version: Version, content: Content) -> bool:
        return self.is_hidden(version.key, content.metadata, version.last_modified)

    def _in_bytes(self, each: "_Candidate", search: EncodedSearch, survey: Survey) -> None:
        content = each.bucket.read(each.version.key, each.version.id)
        if content and (search.is_in(content.body) or is_opaque(content.body)):
            survey.found.append(Found(each.bucket, each.version, each.place))


def text_of(body: bytes) -> str:
    """Return the text of a CSV file, compressed or not.

    Raises:
        UnreadableCsvError: If it is not text in UTF-8.
    """
    try:
        return (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UnreadableCsvError(type(error).__name__) from error


@dataclass(frozen=True)
class _Candidate:
    bucket: VersionedBucket
    version: Version
    place: Place

    @property
    def memory(self) -> int:
        """About how many bytes of memory it takes to search it."""
        return self.version.size * (_IN_GZIP if self.version.key.endswith(".gz") else _IN_PLAIN)


def _rows_in(text: str, place: Place, subject: Subject) -> PersonRows:
    if place.kind is Kind.REPORT:
        return person_in(text, place.report, subject)
    if place.kind is Kind.ROSTER:
        if not has_roster_column(text):
            raise UnreadableCsvError(f"a roster without the column {ROSTER_COLUMN}")
        return PersonRows(len(roster_without_person(text, subject)[1]))
    return PersonRows()
