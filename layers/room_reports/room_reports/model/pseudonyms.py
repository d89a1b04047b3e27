"""Pseudonyms: keyed hashes in the place of values that identify a person."""

import re
from functools import lru_cache

from room_reports.model.keyed_hash import KeyedHash

DIGITS = 20
"""Hexadecimal digits of a pseudonym, which are 80 bits: among ten million different values, the
probability that any two have the same pseudonym is 4 in 100 thousand million."""
PLACEHOLDERS = frozenset({"", "0", "Unknown", "Error"})
"""What Kaltura sends for a user that it does not know. These values stay as they are."""

_PREFIX = "p_"
_KEPT = 16_384
"""The most pseudonyms that are kept to be used again; a few MB."""
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_SIGNS = frozenset("=+-@\t ")
"""What can follow the apostrophe that a published file has before a formula."""


class Pseudonyms:
    """Replaces values by pseudonyms with one key; safe to share between threads.

    ``of(value)`` returns the same pseudonym for two values if, and except for collisions only if,
    the views show both in the same way: without the apostrophe before a formula, and with a space
    for each line break. So joins and counts over pseudonyms are those over the values. A value that
    stands for an unknown user stays as it is.
    """

    def __init__(self, key: bytes) -> None:
        """Use a key.

        Args:
            key: ``KEY_BYTES`` random bytes.
        """
        self._hash = KeyedHash(key)
        self.key_id = self._hash.key_id
        """Tells one key from another and says nothing about either."""
        self.of = lru_cache(_KEPT)(self._of)

    def __repr__(self) -> str:
        return f"Pseudonyms({self.key_id})"

    def _of(self, value: str) -> str:
        value = as_shown(value)
        if value in PLACEHOLDERS:
            return value
        return _PREFIX + self._hash.of(value.encode())[:DIGITS]


def as_shown(value: str) -> str:
    """Return a value as the views show it once it is published."""
    if "\n" in value or "\r" in value:
        value = _LINE_BREAK.sub(" ", value)
    value = value.replace("\ue000", "\ufffd")
    return value[1:] if value[:1] == "'" and value[1:2] in _SIGNS else value
