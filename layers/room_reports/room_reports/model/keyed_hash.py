"""Keyed hashes: HMAC-SHA-256 with a key that only the secret has."""

import hashlib

KEY_BYTES = 32
"""The length of a key."""
_BLOCK = 64
"""Bytes that SHA-256 hashes at a time."""
_KEY_ID = b"the id of the key"


class KeyedHash:
    """Hashes messages with one key; safe to share between threads."""

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
        self.key_id = self.of(_KEY_ID)[:16]
        """Tells one key from another and says nothing about either."""

    def __repr__(self) -> str:
        return f"KeyedHash({self.key_id})"

    def of(self, message: bytes) -> str:
        """Return the HMAC-SHA-256 of a message in hexadecimal."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.hexdigest()
