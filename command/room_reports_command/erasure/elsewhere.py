"""A look at objects that the role that erases may not read: run records, state and the like.

They have no data of persons by design, and are not changed. They are read with the credentials of
the operator. What these may not read stays among what was not searched.
"""

from collections import Counter

from botocore.exceptions import ClientError

from room_reports.runtime import ThreadRuntime, map_concurrently
from room_reports_command.erasure.encoded import EncodedSearch, is_opaque
from room_reports_command.erasure.in_flight import InFlight
from room_reports_command.erasure.places import place_of, unsearched_kind
from room_reports_command.erasure.subject import Subject
from room_reports_command.erasure.survey import Progress, Survey
from room_reports_command.erasure.versions import Version, VersionedBucket

_MOST_BYTES = 2**28
"""The most bytes of objects in memory."""


def look_elsewhere(
    bucket: VersionedBucket, subject: Subject, survey: Survey, progress: Progress, threads: int = 8
) -> None:
    """Search all objects that a search leaves out, and enter into it what was found.

    Args:
        bucket: The one with the reports, with the credentials of the operator.
    """
    try:
        wanted = [each for each in bucket.versions() if each.size and place_of(each.key) is None]
    except ClientError:
        return
    search = EncodedSearch(subject.searched | survey.names)
    in_flight, done = InFlight(_MOST_BYTES), list[None]()

    def look(version: Version) -> bool | None:
        """Return whether a version has something of the person; None if it cannot be searched."""
        with in_flight.hold(version.size):
            found = _has_person(bucket, version, search)
        done.append(None)
        progress("objects that are only read", len(done), len(wanted))
        return found

    looks = map_concurrently(ThreadRuntime(threads), look, wanted, threads)
    kinds = [unsearched_kind(each.key) for each in wanted]
    pairs = list(zip(kinds, looks, strict=True))
    survey.unsearched = Counter(kind for kind, found in pairs if found is None)
    survey.elsewhere = Counter(kind for kind, found in pairs if found)


def _has_person(bucket: VersionedBucket, version: Version, search: EncodedSearch) -> bool | None:
    try:
        content = bucket.read(version.key, version.id)
    except ClientError:
        return None
    if content is None:
        return False
    return None if is_opaque(content.body) else search.is_in(content.body)
