"""A set of sessions in few bytes, so that the sets of two files can be compared by their metadata.

Each session toggles one of ``BITS`` bits, which the CRC-32 of its ids chooses. Two files with the
same sessions have the same bits, in whatever order the rows are. Each session that only one of them
has makes one bit differ, unless another such session has the same bit.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import mod
from zlib import crc32

BITS = 1024
_BYTES = BITS // 8
Session = Sequence[bytes]
"""The values that identify a session."""


def toggled(bits: int, sessions: Iterable[Session]) -> int:
    """Return the bits of a set after some sessions were added that it does not have."""
    # Nothing is called for each session.
    for place in map(mod, map(crc32, map(b",".join, sessions)), repeat(BITS)):
        bits ^= 1 << place
    return bits


def bits_text(bits: int) -> str:
    """Return the bits as metadata have them."""
    return b64encode(bits.to_bytes(_BYTES, "big")).decode()


def parse_bits(text: str) -> int | None:
    """Return the bits that such a text has; None for any other text."""
    try:
        found = b64decode(text, validate=True)
    except ValueError:
        return None
    return int.from_bytes(found, "big") if len(found) == _BYTES else None
