"""The list of readers, in which a person can be the holder of an API key. It is only read."""

import csv
import io

from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import StorageError
from room_reports.storage.keys import READERS_KEY
from room_reports_command.erasure.subject import Subject


def keys_of(bucket: Bucket, subject: Subject) -> int | None:
    """Return how many API keys the list names by an id or an address of a person.

    None if the list cannot be read. It is read with the credentials of the operator, because the
    role that erases may not read it.
    """
    text = io.BytesIO()
    try:
        bucket.read(READERS_KEY, text)
        rows = list(csv.reader(io.StringIO(text.getvalue().decode(), newline="")))
    except (StorageError, UnicodeDecodeError, csv.Error):
        return None
    return sum(any(map(subject.is_meant_by, row)) for row in rows)
