"""The person whose data is searched for, by the values that stand for the person."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache

from room_reports.model.keyed_hash import KEY_BYTES
from room_reports.model.pseudonyms import PLACEHOLDERS, Pseudonyms, as_shown
from room_reports.model.suppression import Person, Rows, Suppression, ValueHash, comparable
from room_reports_command.errors import InputError

ANY_TOKEN = "erased_" + 12 * "0"
"""Stands for the person while a file is only searched."""


@dataclass(frozen=True, repr=False)
class Subject:
    """The values that stand for one person. It is never shown whole."""

    given: tuple[str, ...]
    """User ids and addresses as the operator typed them."""
    pseudonyms: frozenset[str] = frozenset()
    """What stands for these values where ``PrivacyColumns`` replaces them."""

    @cached_property
    def values(self) -> frozenset[str]:
        """All of them, in the form in which they can be compared."""
        return frozenset(map(comparable, (*self.given, *self.pseudonyms)))

    @property
    def searched(self) -> frozenset[str]:
        """The values to search for in files that are not tables."""
        return self.values | frozenset(self.given)

    def is_meant_by(self, value: str) -> bool:
        """Return whether a value in a file stands for the person."""
        return comparable(value) in self.values

    def suppression(self, token: str) -> Suppression:
        """Return a list with this person alone, pseudonyms included, for use in this process."""
        return _suppression(self.values, token)

    def hashes(self, value_hash: ValueHash) -> tuple[str, ...]:
        """Return the hash of each value that Kaltura has for the person, sorted."""
        return tuple(sorted({value_hash.of(value) for value in self.given}))


def subject_of(given: Iterable[str], pseudonyms: Pseudonyms | None) -> Subject:
    """Return the person that some values stand for.

    Args:
        given: User ids and addresses.
        pseudonyms: With the key of today; None if there is no key.

    Raises:
        InputError: If a value is empty, or stands for every user that Kaltura does not know.
    """
    values = tuple(dict.fromkeys(given))
    unknown = frozenset(map(comparable, PLACEHOLDERS))
    if any(comparable(value) in unknown for value in values):
        raise InputError(
            "A value is empty, or stands for every user that Kaltura does not know.",
            "Give the id of one user, as the reports show it.",
        )
    if any(len(line) > 1 for line in map(str.splitlines, values)):
        raise InputError("A value has a line break.", "Give each value as an option of its own.")
    # A pseudonym is one of a spelling. Kaltura sends the same person in several.
    spellings = {
        spelling
        for value in values
        for spelling in (as_shown(value), value.strip(), value.lower(), value.upper())
    }
    replaced = {pseudonyms.of(each) for each in spellings} if pseudonyms else set[str]()
    return Subject(values, frozenset(replaced))


@lru_cache(16)
def _suppression(values: frozenset[str], token: str) -> Suppression:
    value_hash = ValueHash(secrets.token_bytes(KEY_BYTES))
    hashes = tuple({value_hash.of(value) for value in values})
    return Suppression([Person(token, hashes, Rows.KEEP, datetime.now(UTC))], value_hash)
