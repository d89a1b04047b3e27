"""A search for values in any bytes: as they are, encoded and compressed."""

import base64
import gzip
import html
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from io import BytesIO
from unicodedata import normalize
from urllib.parse import quote, quote_plus

from room_reports.model.suppression import folded

_BASE64 = 6
"""Characters of base64 that are sure to depend on a value alone; fewer occur by chance."""
_HEX = 10
"""Hexadecimal digits, likewise."""
_WORD = b"abcdefghijklmnopqrstuvwxyz0123456789"
_ESCAPES = (
    *(rb"(?<=%[0-9a-f]{2})", rb"(?<=%25[0-9a-f]{2})", rb"(?<=\\[nrtbfv])"),
    *(rb"(?<=\\x[0-9a-f]{2})", rb"(?<=\\u[0-9a-f]{4})"),
)
"""What can be before a word although it ends in a letter or a digit: an encoded sign."""
_START = rb"(?:(?<![a-z0-9])|" + b"|".join(_ESCAPES) + b")"
_END = rb"(?![a-z0-9])"
_OPAQUE = (b"PAR1", b"ORC", b"Obj\x01", b"PK\x03\x04", b"BZh", b"\x28\xb5\x2f\xfd", b"\xff\x06\x00")
"""How files begin that cannot be searched: Parquet, ORC, Avro, ZIP, bzip2, zstd and snappy."""
_CHUNK = 2**20
"""Bytes that are searched at a time, so that a large file takes little memory."""
_AROUND = 16
"""More bytes than any encoded sign has."""


class EncodedSearch:
    """Finds values in bytes, whatever their upper and lower case; safe to share between threads.

    A value is found as a whole word only: ``12345`` is not in ``1712345678``, nor ``ann@x.edu`` in
    ``joann@x.edu``. In base64, where words have no borders, it is found in any place.
    """

    def __init__(self, values: Iterable[str], chunk: int = _CHUNK) -> None:
        """Search for some values. One that is empty is left out.

        Args:
            chunk: Bytes to search at a time.
        """
        given = {value for value in values if value.strip()}
        self._values = sorted(given | {normalize("NFC", value) for value in given})
        self._chunk = chunk

    def is_in(self, body: bytes) -> bool:
        """Return whether any of the values is in some bytes, encoded or not, compressed or not."""
        return bool(self._values) and any(map(self._is_in_file, unpacked(body)))

    def _is_in_file(self, file: BytesIO | gzip.GzipFile) -> bool:
        """Return whether a value is in a file, which may end early if it is broken."""
        before, is_first = b"", True
        while True:
            try:
                read = file.read(self._chunk)
            except (OSError, EOFError, zlib.error):
                read = b""
            text = before + read
            if self._is_in(text, is_first=is_first, is_last=not read):
                return True
            if not read:
                return False
            is_first = is_first and len(text) <= self._overlap
            before = text[-self._overlap :]

    def _is_in(self, text: bytes, *, is_first: bool, is_last: bool) -> bool:
        return any(
            _has_word(self._words, lower, is_first=is_first, is_last=is_last)
            for lower in (text.lower(), _folded(text))
            if any(form in lower for form in self._forms)
        ) or any(form in text for form in self._anywhere)

    @cached_property
    def _forms(self) -> frozenset[bytes]:
        both = {each for value in self._values for each in (value, normalize("NFD", value))}
        return frozenset(form for value in both for form in forms(value))

    @cached_property
    def _words(self) -> "re.Pattern[bytes]":
        return re.compile(b"|".join(map(_word, sorted(self._forms))))

    @cached_property
    def _anywhere(self) -> frozenset[bytes]:
        """What is found in any place: base64 and hexadecimal."""
        spellings = {
            each.encode("utf-8", "surrogatepass")
            for value in self._values
            for spelling in (value, value.lower(), value.upper(), value.title(), value.casefold())
            for each in (spelling, normalize("NFD", spelling))
        }
        in_hex = {each.hex() for each in spellings}
        written = {digits for each in in_hex for digits in (each, each.upper())}
        return frozenset(part for each in spellings for part in _in_base64(each)) | frozenset(
            each.encode() for each in written if len(each) >= _HEX
        )

    @cached_property
    def _overlap(self) -> int:
        return 2 * (max(map(len, self._forms | self._anywhere)) + _AROUND)


def _has_word(pattern: "re.Pattern[bytes]", text: bytes, *, is_first: bool, is_last: bool) -> bool:
    """Return whether a part of a file has a word.

    What is at a border of the part has its neighbours in another one, which overlaps.
    """
    return any(
        (is_first or match.start() >= _AROUND) and (is_last or match.end() < len(text))
        for match in pattern.finditer(text)
    )


def _word(form: bytes) -> bytes:
    """Return a pattern of a form, with no letter or digit before or after its own."""
    start = _START if form[:1] in _WORD else b""
    return start + re.escape(form) + (_END if form[-1:] in _WORD else b"")


def forms(value: str) -> frozenset[bytes]:
    """Return what a value looks like in a text, in lower case.

    As it is, in CSV, in a URL, in HTML, in JSON (once and twice), in Python, and in hexadecimal.
    """
    found: set[bytes] = set()
    for text in {value, value.casefold(), value.lower(), value.upper()}:
        escaped = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
        escaped |= {json.dumps(each)[1:-1] for each in escaped}
        texts = {
            *(text, text.replace('"', '""'), html.escape(text), repr(text)[1:-1], *escaped),
            *(quote(text), quote(text, safe=""), quote_plus(text), quote(quote(text, safe=""))),
        }
        encoded = {each.encode("utf-8", "surrogatepass") for each in texts}
        plain = text.encode("utf-8", "surrogatepass")
        found |= encoded | {plain.hex().encode(), text.encode("unicode_escape")}
    return frozenset(each.lower() for each in found) | {value.casefold().encode()}


def unpacked(body: bytes) -> Iterator[BytesIO | gzip.GzipFile]:
    """Yield some bytes as a file, and what they are without gzip."""
    yield BytesIO(body)
    if body[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=BytesIO(body)) as file:
            yield file


def is_opaque(body: bytes) -> bool:
    """Return whether some bytes are in a format that cannot be searched."""
    if body.startswith(_OPAQUE):
        return True
    if body[:2] != b"\x1f\x8b":
        return False
    try:
        with gzip.open(BytesIO(body)) as file:
            first = file.read(_AROUND)
            while file.read(_CHUNK):
                pass
    except (OSError, EOFError, zlib.error):
        return True
    return first.startswith(_OPAQUE)


def _folded(text: bytes) -> bytes:
    """Return a text in the form in which upper and lower case are equal in every script.

    An accented letter is one character in it.
    """
    return b"" if text.isascii() else folded(text.decode("utf-8", "replace")).encode()


def _in_base64(plain: bytes) -> Iterator[bytes]:
    """Yield what is sure to be in the base64 of a text that contains ``plain`` at any place."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + plain)
        first = (0, 2, 3)[offset]
        last = len(encoded) - (0, 3, 2)[(offset + len(plain)) % 3]
        if last - first >= _BASE64:
            yield encoded[first:last]
            yield encoded[first:last].translate(bytes.maketrans(b"+/", b"-_"))
