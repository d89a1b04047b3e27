"""The list of readers in the bucket: the names and expiry dates of API keys.

API Gateway forgets a key that is deleted, and knows no expiry. The downloads function and the view
``who_read_what`` read this list.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from room_reports.model.errors import ReadersError
from room_reports.model.readers import Reader, Readers, format_readers, parse_readers
from room_reports.model.windows import iso
from room_reports.storage.keys import READERS_KEY
from room_reports_command.errors import StackError
from room_reports_command.reference.store import ReferenceStore, Stored
from room_reports_command.stack import DeployedStack

_ATTEMPTS = 5


def read_readers(stack: DeployedStack) -> Readers:
    """Return the readers that the bucket knows, by the id of their key.

    Raises:
        StackError: If the object is not a list of readers.
    """
    return _read(ReferenceStore(stack))[0]


def add_readers(stack: DeployedStack, readers: Iterable[Reader]) -> None:
    """Add readers to the list. Those that it has already stay as they are.

    Raises:
        StackError: If the object is not a list of readers.
    """
    added = {each.key_id: each for each in readers}
    _change(stack, lambda known: {**added, **known})


def mark_revoked(stack: DeployedStack, reader: Reader, now: datetime) -> None:
    """Say in the list that a key was revoked. Its name stays, for what the log says of the key.

    Args:
        reader: What is added if the list does not have the key.

    Raises:
        StackError: If the object is not a list of readers.
    """

    def revoked(known: Readers) -> Readers:
        marked = replace(known.get(reader.key_id, reader), revoked_at=iso(now))
        return {**known, reader.key_id: marked}

    _change(stack, revoked)


def _change(stack: DeployedStack, change: Callable[[Readers], Readers]) -> None:
    """Change the list, and change it again if another program has changed it meanwhile."""
    store = ReferenceStore(stack)
    for attempt in range(1, _ATTEMPTS + 1):
        known, seen = _read(store)
        body = format_readers(change(known).values())
        try:
            store.replace(READERS_KEY, body, "text/csv; charset=utf-8", seen)
        except StackError:
            if attempt == _ATTEMPTS:
                raise
        else:
            return


def _read(store: ReferenceStore) -> tuple[Readers, Stored | None]:
    found = store.read(READERS_KEY)
    try:
        return parse_readers(found.body.decode(errors="replace")) if found else {}, found
    except ReadersError as error:
        raise StackError(
            f"{READERS_KEY}: {error} The API refuses every key until it is repaired.",
            "Restore its former version in the bucket: docs/operating.md#the-list-of-readers.",
        ) from error
