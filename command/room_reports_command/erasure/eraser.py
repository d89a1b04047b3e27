"""Erases one person: the steps, each of which can be repeated."""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from threading import Lock
from typing import TypeVar

from room_reports.model.reports import REPORTS, Report
from room_reports.model.suppression import Person
from room_reports.runtime import ThreadRuntime, map_concurrently
from room_reports.storage.errors import ConflictError, UnreadableCsvError
from room_reports.storage.figures import Figures, count_figures
from room_reports_command.erasure.csv_rows import raw_rows
from room_reports_command.erasure.places import Kind
from room_reports_command.erasure.rewrite import roster_without_person, without_person
from room_reports_command.erasure.subject import Subject
from room_reports_command.erasure.survey import Found, Progress, Survey, text_of
from room_reports_command.erasure.versions import Content, VersionedBucket
from room_reports_command.errors import StackError

LONGEST_RUN = timedelta(minutes=15)
"""The longest that a run of the exporter can last, and publish with the list that it began with."""
_ATTEMPTS = 5
_T = TypeVar("_T")
_FIGURES = Figures(0, 0, 0.0, 0, 0, {"word": 100}).metadata().keys()


@dataclass
class Erased:
    """What was done."""

    rewritten: set[str] = field(default_factory=set)
    """Keys of files of reports, and of rosters, from which the person was taken."""
    versions: int = 0
    """Former versions that were deleted."""
    objects: int = 0
    """Versions of pieces, quarantine and query results that were deleted."""
    left: list[str] = field(default_factory=list)
    """Keys of files that have the person and cannot be rewritten."""
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def count(self, *, versions: int = 0, objects: int = 0) -> None:
        """Count what one of the threads has deleted."""
        with self._lock:
            self.versions += versions
            self.objects += objects


@dataclass(frozen=True)
class Eraser:
    """Takes one person, who is in the suppression list, out of what a search has found."""

    subject: Subject
    person: Person
    erased: Erased
    progress: Progress
    threads: int = 8

    def erase(self, survey: Survey) -> None:
        """Erase what was found.

        What can have a name without an id goes first. The names are known from the person's rows,
        so that a run that follows one that was stopped still finds them there.

        Raises:
            StackError: If a file is changed by others all the time.
        """
        expendable = [each for each in survey.found if each.place.kind.is_expendable]
        tables = [each for each in survey.found if not each.place.kind.is_expendable]
        former = [each for each in tables if not each.version.is_latest]
        keys = {(each.bucket, each.version.key) for each in expendable}
        objects = sorted(keys, key=lambda each: each[1])
        self._each("objects to delete", objects, lambda each: self._delete_all(*each))
        self._each("former versions to delete", former, self._delete)
        latest = [each for each in tables if each.version.is_latest]
        self._each("files to rewrite", latest, self._rewrite)

    def _each(self, what: str, items: list[_T], call: Callable[[_T], None]) -> None:
        done: list[None] = []

        def counted(item: _T) -> None:
            call(item)
            done.append(None)
            self.progress(what, len(done), len(items))

        map_concurrently(ThreadRuntime(self.threads), counted, items, self.threads)

    def _delete_all(self, bucket: VersionedBucket, key: str) -> None:
        """Delete all versions of an object, so that no older one takes its place."""
        for version in list(bucket.versions(key)):
            if version.key == key:
                bucket.delete(version)
                self.erased.count(objects=1)

    def _delete(self, found: Found) -> None:
        found.bucket.delete(found.version)
        self.erased.count(versions=1)

    def _rewrite(self, found: Found) -> None:
        """Replace a file by one without the person, and delete the versions that had the person.

        The version that was found is a former one if any program has written the key since then,
        whatever it wrote. No other step would delete it.
        """
        key = found.version.key
        replaced = self._replaced(found) if found.is_readable else None
        former = {found.version.id} | ({replaced} if replaced else set())
        is_left = not self._delete_former(found.bucket, key, former)
        if replaced:
            self.erased.rewritten.add(key)
        elif not found.is_readable and is_left:
            self.erased.left.append(key)

    def _replaced(self, found: Found) -> str | None:
        """Return the version that was replaced by one without the person; None if none was."""
        bucket, key = found.bucket, found.version.key
        for _ in range(_ATTEMPTS):
            content = bucket.read(key)
            if content is None:
                return None
            try:
                return content.version if self._replace(found, content) else None
            except ConflictError:
                continue
            except UnreadableCsvError:
                self.erased.left.append(key)
                return None
        raise StackError(f"{key} is changed by other programs all the time.", "Try again later.")

    def _delete_former(self, bucket: VersionedBucket, key: str, ids: set[str]) -> bool:
        """Delete versions that are former ones, and return whether any was.

        A bucket without versions has lost them already.
        """
        former = [
            each
            for each in list(bucket.versions(key))
            if each.key == key and each.id in ids and not each.is_latest
        ]
        for each in former:
            bucket.delete(each)
            self.erased.count(versions=1)
        return bool(former)

    def _replace(self, found: Found, content: Content) -> bool:
        """Write a file without the person; return whether it had the person."""
        bucket, key, text = found.bucket, found.version.key, text_of(content.body)
        if found.place.kind is Kind.ROSTER:
            without, removed = roster_without_person(text, self.subject)
            if removed:
                bucket.replace(key, without.encode(), content.content_type, content.etag)
            return bool(removed)
        if found.place.kind is not Kind.REPORT:
            return False
        slug = found.place.report
        without, rows = without_person(
            text, slug, self.subject, self.person.token, self.person.rows
        )
        if rows.rows:
            body, metadata = export_of(without, slug, content, compress=key.endswith(".gz"))
            bucket.replace_export(key, body, metadata, content.etag)
        return bool(rows.rows)


def export_of(
    text: str, slug: str, before: Content, *, compress: bool
) -> tuple[bytes, Mapping[str, str]]:
    """Return the bytes and the metadata of a report's file with another text.

    Everything that depends on the text is counted again; the rest is as before.
    """
    plain = text.encode()
    body = gzip.compress(plain, 6, mtime=0) if compress else plain
    header: list[str] = []
    rows = -1
    for _, row in raw_rows(text):
        header, rows = header or row, rows + 1
    report = next((each for each in REPORTS if each.slug == slug), Report(0, slug))
    figures = count_figures(BytesIO(body), header, report, compressed=compress)
    kept = {name: value for name, value in before.metadata.items() if name not in _FIGURES}
    changed = {"rows": str(max(rows, 0)), "sha256": sha256(plain).hexdigest()}
    return body, {**kept, **changed, **figures.metadata()}
