"""The person whose data is searched for, by the values that stand for the person."""

import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Literal

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
        return frozenset(map(comparable, (*_in_forms(self.given), *self.pseudonyms)))

    @property
    def searched(self) -> frozenset[str]:
        """The values to search for in files that are not tables."""
        return self.values | _in_forms(self.given)

    def is_meant_by(self, value: str) -> bool:
        """Return whether a value in a file stands for the person."""
        return comparable(value) in self.values

    def suppression(self, token: str) -> Suppression:
        """Return a list with this person alone, pseudonyms included, for use in this process."""
        return _suppression(self.values, token)

    def hashes(self, value_hash: ValueHash) -> tuple[str, ...]:
        """Return the hash of each value that Kaltura has for the person, sorted."""
        return tuple(sorted({value_hash.of(value) for value in _in_forms(self.given)}))

    def with_spellings(self, met: Iterable[str], pseudonyms: Pseudonyms | None) -> "Subject":
        """Return the same person, with the pseudonyms of spellings that files have."""
        fresh = frozenset(met) - self.pseudonyms
        return replace(self, pseudonyms=self.pseudonyms | _replaced(fresh, pseudonyms))


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
    return Subject(values, _replaced(values, pseudonyms))


def _replaced(values: Iterable[str], pseudonyms: Pseudonyms | None) -> frozenset[str]:
    """Return the pseudonyms of some values in the spellings in which Kaltura may send them."""
    if pseudonyms is None:
        return frozenset()
    unknown = frozenset(map(comparable, PLACEHOLDERS))
    return frozenset(
        pseudonyms.of(each)
        for value in values
        for each in spellings_of(value)
        if comparable(each) not in unknown
    )


def spellings_of(value: str) -> frozenset[str]:
    """Return a value in the spellings that are tried, because each has a pseudonym of its own.

    As given, in lower case, upper case and title case, and of an address the two parts in each of
    these; each with its accents as one character, and as characters of their own.
    """
    plain = value.strip()
    local, at, domain = plain.rpartition("@")
    parts = {left + at + right for left in _cases(local) for right in _cases(domain)}
    return _in_forms({value, as_shown(value), *_cases(plain), *parts})


def _cases(text: str) -> frozenset[str]:
    return frozenset((text, text.lower(), text.upper(), text.title(), text.capitalize()))


def _in_forms(values: Iterable[str]) -> frozenset[str]:
    """Return values with their accents as given, as one character, and as their own ones."""
    forms: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
    given = frozenset(values)
    return given | {unicodedata.normalize(form, each) for each in given for form in forms}


@lru_cache(16)
def _suppression(values: frozenset[str], token: str) -> Suppression:
    value_hash = ValueHash(secrets.token_bytes(KEY_BYTES))
    hashes = tuple({value_hash.of(value) for value in values})
    return Suppression([Person(token, hashes, Rows.KEEP, datetime.now(UTC))], value_hash)
