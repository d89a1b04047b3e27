"""Pseudonyms: keyed hashes in the place of values that identify a person."""

import hashlib
import re
from functools import lru_cache

KEY_BYTES = 32
"""The length of the key."""
DIGITS = 20
"""Hexadecimal digits of a pseudonym, which are 80 bits: among ten million different values, the
probability that any two have the same pseudonym is 4 in 100 thousand million."""
PLACEHOLDERS = frozenset({"", "0", "Unknown", "Error"})
"""What Kaltura sends for a user that it does not know. These values stay as they are."""

_PREFIX = "p_"
_BLOCK = 64
"""Bytes that SHA-256 hashes at a time."""
_KEPT = 16_384
"""The most pseudonyms that are kept to be used again; a few MB."""
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_SIGNS = frozenset("=+-@\t ")
"""What can follow the apostrophe that a published file has before a formula."""
_KEY_ID = b"the id of the key"


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
        # HMAC as RFC 2104 defines it. The module hmac looks the hash up again for each value,
        # which takes longer than the hash.
        padded = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))
        self.key_id = self._hmac(_KEY_ID)[:16]
        """Tells one key from another and says nothing about either."""
        self.of = lru_cache(_KEPT)(self._of)

    def __repr__(self) -> str:
        return f"Pseudonyms({self.key_id})"

    def _of(self, value: str) -> str:
        value = as_shown(value)
        if value in PLACEHOLDERS:
            return value
        return _PREFIX + self._hmac(value.encode())[:DIGITS]

    def _hmac(self, message: bytes) -> str:
        """Return the HMAC-SHA-256 in hexadecimal."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.hexdigest()


def as_shown(value: str) -> str:
    """Return a value as the views show it once it is published."""
    if "\n" in value or "\r" in value:
        value = _LINE_BREAK.sub(" ", value)
    value = value.replace("\ue000", "\ufffd")
    return value[1:] if value[:1] == "'" and value[1:2] in _SIGNS else value
