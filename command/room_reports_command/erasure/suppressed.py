"""The suppression list in the bucket, and the key of its hashes in the secret."""

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from room_reports.errors import ConfigurationError
from room_reports.kaltura.credentials import parse_suppression_key
from room_reports.model.keyed_hash import KEY_BYTES
from room_reports.model.regions import SUPPRESSION_ENTRY
from room_reports.model.suppression import (
    SUPPRESSION_KEY,
    Person,
    Rows,
    SuppressionList,
    ValueHash,
    new_token,
    parse_list,
)
from room_reports.storage.errors import ConflictError
from room_reports_command.erasure.subject import Subject
from room_reports_command.erasure.versions import VersionedBucket
from room_reports_command.errors import InputError, StackError
from room_reports_command.pseudonym_key import secret_entries
from room_reports_command.stack import DeployedStack

_ATTEMPTS = 5
_RESTORE = "Restore the secret's entry, or the list, from a former version: see docs/privacy.md."


@dataclass(frozen=True)
class ListStore:
    """Reads the list, and enters people into it."""

    bucket: VersionedBucket
    clock: Callable[[], datetime]
    token: Callable[[], str] = new_token

    def read(self) -> tuple[SuppressionList, str | None]:
        """Return the list, and the ETag of its object; an empty list and None if there is none.

        Raises:
            StackError: If it cannot be understood.
        """
        found = self.bucket.read(SUPPRESSION_KEY)
        if found is None:
            return SuppressionList(), None
        try:
            return parse_list(found.body), found.etag
        except ValueError as error:
            raise StackError(f"{SUPPRESSION_KEY}: {error}.", _RESTORE) from error

    def find(self, subject: Subject, value_hash: ValueHash) -> Person | None:
        """Return the entry of a person; None if the person is not in the list.

        Raises:
            InputError: If the person's values are those of several entries.
            StackError: If the list was made with another key.
        """
        return _entry(self.read()[0], subject.hashes(value_hash), value_hash)

    def begin(self, value_hash: ValueHash) -> None:
        """Write a list without people, whose hashes will be made with this key.

        Raises:
            StackError: If there is a list with people, or others keep changing it.
        """
        for _ in range(_ATTEMPTS):
            listed, seen = self.read()
            _check_key(listed, value_hash)
            try:
                self._write(SuppressionList(value_hash.key_id), seen)
            except ConflictError:
                continue
            return
        raise _changed()

    def enter(self, subject: Subject, value_hash: ValueHash, rows: Rows) -> Person:
        """Enter a person into the list, and return the entry.

        A person who is in it keeps the token, and gets the hashes of values that are new.

        Raises:
            InputError: If the person's values are those of several entries.
            StackError: If the list was made with another key, or others keep changing it.
        """
        hashes = subject.hashes(value_hash)
        for _ in range(_ATTEMPTS):
            listed, seen = self.read()
            before = _entry(listed, hashes, value_hash)
            if before and set(hashes) <= set(before.hashes):
                return before
            now = self.clock().replace(microsecond=0)
            if before:
                # Values that are new count from now on.
                known = tuple(sorted({*before.hashes, *hashes}))
                person = replace(before, hashes=known, since=now)
            else:
                person = Person(self.token(), hashes, rows, now)
            others = tuple(each for each in listed.people if each is not before)
            try:
                self._write(SuppressionList(value_hash.key_id, (*others, person)), seen)
            except ConflictError:
                continue
            return person
        raise _changed()

    def _write(self, listed: SuppressionList, seen: str | None) -> None:
        text = listed.to_json().encode()
        self.bucket.replace(SUPPRESSION_KEY, text, "application/json", seen)


def _changed() -> StackError:
    return StackError(f"{SUPPRESSION_KEY} is changed by others all the time.", "Try again.")


def read_key(stack: DeployedStack, listed: SuppressionList) -> ValueHash | None:
    """Return the key of the hashes from the secret; None if it has none and the list is empty.

    Raises:
        StackError: If the people in the list were entered with a key that the secret lacks.
        InputError: If the secret is no JSON object, or its key is none.
    """
    entries = secret_entries(stack)
    if SUPPRESSION_ENTRY not in entries:
        if listed.people:
            raise StackError("The secret has lost the key of the suppression list.", _RESTORE)
        return None
    try:
        found = ValueHash(parse_suppression_key(json.dumps(entries)))
    except ConfigurationError as error:
        raise InputError(f"{error}.", _RESTORE) from error
    _check_key(listed, found)
    return found


def make_key(stack: DeployedStack, store: ListStore) -> ValueHash:
    """Make the key of the hashes and put it into the secret, and return it.

    A key that another operator has put there meanwhile is returned. A list without people is
    written first: a secret with the key and no list stops the exporter, because the list is lost.

    Raises:
        StackError: If the list has people, or others change it or the secret.
    """
    entries = secret_entries(stack)
    if SUPPRESSION_ENTRY in entries:
        return ValueHash(parse_suppression_key(json.dumps(entries)))
    key = secrets.token_bytes(KEY_BYTES)
    value_hash = ValueHash(key)
    store.begin(value_hash)
    entry = {"key": base64.b64encode(key).decode()}
    text = json.dumps({**entries, SUPPRESSION_ENTRY: entry})
    stack.secrets.put_secret_value(SecretId=stack.outputs["SecretArn"], SecretString=text)
    if secret_entries(stack).get(SUPPRESSION_ENTRY) != entry:
        raise StackError("Another operator changes the secret at the same time.", "Try again.")
    return value_hash


def _check_key(listed: SuppressionList, value_hash: ValueHash) -> None:
    if listed.people and listed.key_id != value_hash.key_id:
        raise StackError(
            f"The suppression list was made with the key {listed.key_id}, and the secret has "
            f"{value_hash.key_id}.",
            _RESTORE,
        )


def _entry(
    listed: SuppressionList, hashes: tuple[str, ...], value_hash: ValueHash
) -> Person | None:
    _check_key(listed, value_hash)
    found = [person for person in listed.people if set(hashes) & set(person.hashes)]
    if len(found) > 1:
        raise InputError(
            "These values were erased as those of several people: "
            f"{', '.join(person.token for person in found)}.",
            "Run the command for each of them apart.",
        )
    return found[0] if found else None
