"""A search for values in any bytes: as they are, encoded and compressed."""

import base64
import gzip
import html
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import quote, quote_plus

_DISTINCTIVE = 5
"""Characters. A shorter value is searched for as a word only, because it is in any text."""
_BASE64 = 6
"""Characters of base64 that are sure to depend on a value alone; fewer occur by chance."""
_START = rb"(?:(?<![a-z0-9])|(?<=%[0-9a-f]{2})|(?<=\\[nrt]))"
_END = rb"(?![a-z0-9])"
_OPAQUE = (b"PAR1", b"ORC", b"Obj\x01", b"PK\x03\x04", b"BZh", b"\x28\xb5\x2f\xfd", b"\xff\x06\x00")
"""How files begin that cannot be searched: Parquet, ORC, Avro, ZIP, bzip2, zstd and snappy."""


class EncodedSearch:
    """Finds values in bytes, whatever their upper and lower case; safe to share between threads."""

    def __init__(self, values: Iterable[str]) -> None:
        """Search for some values. One that is empty is left out."""
        self._values = sorted({value for value in values if value.strip()})

    def is_in(self, body: bytes) -> bool:
        """Return whether any of the values is in some bytes, encoded or not, compressed or not."""
        return any(self._is_in(text) for text in unpacked(body))

    def _is_in(self, text: bytes) -> bool:
        folded = text.lower() + b"\n" + _folded(text)
        return (
            any(form in folded for form in self._distinctive)
            or bool(self._words and self._words.search(folded))
            or any(form in text for form in self._in_base64)
        )

    @cached_property
    def _distinctive(self) -> frozenset[bytes]:
        long = (value for value in self._values if len(value.strip()) >= _DISTINCTIVE)
        return frozenset(form for value in long for form in forms(value))

    @cached_property
    def _words(self) -> "re.Pattern[bytes] | None":
        short = (value for value in self._values if len(value.strip()) < _DISTINCTIVE)
        found = sorted({form for value in short for form in forms(value)})
        if not found:
            return None
        return re.compile(_START + b"(?:" + b"|".join(map(re.escape, found)) + b")" + _END)

    @cached_property
    def _in_base64(self) -> frozenset[bytes]:
        spellings = {
            spelling
            for value in self._values
            for spelling in (value, value.lower(), value.upper(), value.title(), value.casefold())
        }
        return frozenset(part for each in spellings for part in _in_base64(each.encode()))


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


def unpacked(body: bytes) -> Iterator[bytes]:
    """Yield some bytes, and what they are without gzip."""
    yield body
    if body[:2] == b"\x1f\x8b":
        try:
            yield gzip.decompress(body)
        except (OSError, EOFError, zlib.error):
            return


def is_opaque(body: bytes) -> bool:
    """Return whether some bytes are in a format that cannot be searched."""
    if body.startswith(_OPAQUE):
        return True
    parts = list(unpacked(body))
    return body[:2] == b"\x1f\x8b" and (len(parts) == 1 or parts[1].startswith(_OPAQUE))


def _folded(text: bytes) -> bytes:
    """Return a text in the form in which upper and lower case are equal in every script."""
    return text.decode("utf-8", "replace").casefold().encode() if not text.isascii() else b""


def _in_base64(plain: bytes) -> Iterator[bytes]:
    """Yield what is sure to be in the base64 of a text that contains ``plain`` at any place."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + plain)
        first = (0, 2, 3)[offset]
        last = len(encoded) - (0, 3, 2)[(offset + len(plain)) % 3]
        if last - first >= _BASE64:
            yield encoded[first:last]
            yield encoded[first:last].translate(bytes.maketrans(b"+/", b"-_"))
