"""The suppression list: the people whose data is not published again once it was erased.

The list has no value that identifies anybody, but the keyed hashes of such values. A value is
hashed as the views show it, without the spaces around it and without regard to upper and lower
case, because Kaltura may have several spellings of one id or address.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from room_reports.model.keyed_hash import KeyedHash
from room_reports.model.pseudonyms import PLACEHOLDERS, as_shown
from room_reports.model.windows import iso

SUPPRESSION_KEY = "suppression/list.json"
"""The key of the list in the bucket."""
TOKEN = re.compile(r"erased_[0-9a-f]{12}", re.ASCII)
"""What stands for a person in the place of every id."""

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TOKEN_BYTES = 6
_KEPT = 65_536
"""The most values that are kept with their person, and without one; some 10 MB each."""


class Rows(StrEnum):
    """What is done to the rows of a person."""

    KEEP = "keep"
    """They stay, without what identifies the person, so that figures stay the same."""
    REMOVE = "remove"
    """Those that are about the person alone are left out."""


@dataclass(frozen=True)
class Person:
    """A person whose data is not published."""

    token: str
    """What stands for the person; matches ``TOKEN`` and is random."""
    hashes: tuple[str, ...]
    """The hash of each value that stands for the person in Kaltura: user ids, addresses."""
    rows: Rows
    since: datetime
    """When the person was entered."""


@dataclass(frozen=True)
class SuppressionList:
    """The list as the bucket has it."""

    key_id: str = ""
    """The id of the key that the hashes were made with; empty if the list is."""
    people: tuple[Person, ...] = ()

    def to_json(self) -> str:
        """Return the text that ``parse_list`` reads."""
        people = [
            {
                "token": person.token,
                "hashes": list(person.hashes),
                "rows": person.rows.value,
                "since": iso(person.since),
            }
            for person in self.people
        ]
        return json.dumps({"key_id": self.key_id, "people": people}, indent=1) + "\n"


def parse_list(text: str | bytes) -> SuppressionList:
    """Return the list that a text holds.

    Raises:
        ValueError: If the text is no such list. A list that cannot be read must not be taken for
            an empty one. The message quotes nothing of it.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not isinstance(value.get("people"), list):
        raise ValueError("the suppression list is not a JSON object with a list of people")
    key_id = value.get("key_id")
    people = tuple(_person(entry, number) for number, entry in enumerate(value["people"], 1))
    if not isinstance(key_id, str) or (people and not key_id):
        raise ValueError("the suppression list does not name its key")
    _check_distinct([person.token for person in people], "token")
    _check_distinct([hashed for person in people for hashed in person.hashes], "hash")
    return SuppressionList(key_id, people)


def _person(entry: object, number: int) -> Person:
    fields: dict[str, Any] = entry if isinstance(entry, dict) else {}
    token, hashes = fields.get("token"), fields.get("hashes")
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        raise ValueError(f"person {number} of the suppression list has no token")
    if not isinstance(hashes, list) or not hashes or not all(map(_is_hash, hashes)):
        raise ValueError(f"person {number} of the suppression list has no hashes")
    try:
        rows = Rows(fields.get("rows", ""))
        since = datetime.fromisoformat(fields.get("since", ""))
    except (TypeError, ValueError) as error:
        raise ValueError(f"person {number} of the suppression list lacks rows or since") from error
    if since.tzinfo is None:
        raise ValueError(f"person {number} of the suppression list has a time without a zone")
    return Person(token, tuple(hashes), rows, since)


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and bool(_HASH.fullmatch(value))


def _check_distinct(values: list[str], name: str) -> None:
    if len(set(values)) < len(values):
        raise ValueError(f"the suppression list has the same {name} twice")


def new_token() -> str:
    """Return a random token."""
    return f"erased_{secrets.token_hex(_TOKEN_BYTES)}"


class ValueHash:
    """Hashes the values that stand for people, with the key of the suppression list."""

    def __init__(self, key: bytes) -> None:
        """Use a key of ``KEY_BYTES`` random bytes."""
        self._hash = KeyedHash(key)
        self.key_id = self._hash.key_id
        """Tells one key from another and says nothing about either."""

    def __repr__(self) -> str:
        return f"ValueHash({self.key_id})"

    def of(self, value: str) -> str:
        """Return the hash of a user id or an address.

        Raises:
            ValueError: If the value stands for no known user.
        """
        value = comparable(value)
        if not value or value in _PLACEHOLDERS:
            raise ValueError("this value stands for every user that Kaltura does not know")
        return self._hash.of(value.encode("utf-8", "surrogatepass"))


def comparable(value: str) -> str:
    """Return the form in which two values that stand for the same person are equal.

    A comma is a space, as Kaltura writes it in a report. An accented letter is one character,
    however it was typed.
    """
    return folded(as_shown(value.strip()).replace(",", " ").strip())


def folded(text: str) -> str:
    """Return a text without upper case, and with each accented letter as one character."""
    return text.casefold() if text.isascii() else normalize("NFC", text.casefold())


_PLACEHOLDERS = frozenset(map(comparable, PLACEHOLDERS))


class Suppression:
    """Finds the people of a suppression list by their values; safe to share between threads.

    ``of(value)`` returns the person that a value stands for, or None.
    """

    def __init__(self, people: Iterable[Person], value_hash: ValueHash) -> None:
        """Use a list.

        Args:
            people: The people of the list.
            value_hash: With the key that their hashes were made with.
        """
        people = tuple(people)
        self._people = {hashed: person for person in people for hashed in person.hashes}
        self._hash = value_hash
        self.tokens = frozenset(person.token for person in people)
        """The tokens of all people."""
        self.removed = frozenset(each.token for each in people if each.rows is Rows.REMOVE)
        """The tokens of the people whose rows are left out."""
        self.digest = _digest(people)
        """Tells one list from another."""
        self._free: set[bytes] = set()
        self.of = lru_cache(_KEPT)(self._of)

    def __bool__(self) -> bool:
        """Return whether anybody is in the list."""
        return bool(self._people)

    def is_free(self, values: set[bytes]) -> bool:
        """Return whether none of some values, in UTF-8, stands for a person of the list."""
        fresh = values - self._free
        if any(map(self.of, (value.decode(errors="replace") for value in fresh))):
            return False
        if len(self._free) > _KEPT:
            self._free = set()
        self._free |= fresh
        return True

    def _of(self, value: str) -> Person | None:
        try:
            return self._people.get(self._hash.of(value))
        except ValueError:
            return None


def _digest(people: tuple[Person, ...]) -> str:
    text = json.dumps(sorted((each.token, each.rows, sorted(each.hashes)) for each in people))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
