"""Redaction: the sample of an unrecognised response that is kept, without any credential.

If ``PrivacyColumns`` is set, it is kept without personal data as well.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

from room_reports.kaltura.errors import ResponseSample
from room_reports.kaltura.response import BOM
from room_reports.model.reports import REPORTS

KEPT_BYTES = 65536

_KEPT_HEADERS = ("Content-Type", "Content-Length", "Server", "Via", "X-Kaltura", "X-Me")
_SECRET_FIELDS = ("ks", "secret", "tokenHash")
_REDACTED = b"[redacted]"
_COLUMN_NAMES = frozenset(column.name for report in REPORTS for column in report.columns)
_WORD = re.compile(r"([A-Za-z0-9_]+)")
_DIGIT = re.compile(r"[0-9]")
_INVALID = re.compile(r"[\udc80-\udcff]")
_NOT_SHOWN = re.compile(r"[A-Za-z]|[^\x00-\x7f\udc80-\udcff]")
# A KS of version 2 begins with "v2|", which is "djJ8" in base64.
_KS_LIKE = re.compile(rb"djJ8[A-Za-z0-9_+/=%-]{16,}")


def response_sample(
    status: int, headers: Mapping[str, str], body: bytes, form: Mapping[str, str]
) -> ResponseSample:
    """Return a redacted part of the response to a call with these form fields."""
    kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
    return ResponseSample(status, kept, redacted(body, form)[:KEPT_BYTES])


def redacted(text: bytes, form: Mapping[str, str]) -> bytes:
    """Return ``text`` without the credentials in ``form`` and anything that looks like a KS.

    If ``text`` was cut, a credential at its end may have been cut with it. So the end of ``text``
    is removed as well when it could be the beginning of a credential. ``text`` begins at the start
    of a line.
    """
    for name in _SECRET_FIELDS:
        value = form.get(name, "")
        if not value:
            continue
        for spelling in (value, quote(value), quote(value, safe="")):
            text = text.replace(spelling.encode(), _REDACTED)
        text = _without_partial_credential(text, value.encode())
    return _KS_LIKE.sub(_REDACTED, text)


def _without_partial_credential(text: bytes, value: bytes) -> bytes:
    for length in range(len(value) - 1, 3, -1):
        if text.endswith(value[:length]):
            return text[:-length] + _REDACTED
    return text


def masked(text: bytes) -> bytes:
    """Return ``text`` without anything that can name a person, and with its structure.

    Every letter becomes ``x`` and every digit ``0``, except in the names of the catalogue's
    columns. Any other character outside ASCII becomes ``x`` too, and a byte that is not UTF-8
    becomes 0xFF, because in another encoding it can be a letter.
    """
    start = BOM if text.startswith(BOM) else b""
    words = _WORD.split(text[len(start) :].decode(errors="surrogateescape"))
    shown = "".join(word if word in _COLUMN_NAMES else _masked_word(word) for word in words)
    return start + shown.encode("latin-1")


def _masked_word(word: str) -> str:
    return _DIGIT.sub("0", _INVALID.sub("\xff", _NOT_SHOWN.sub("x", word)))
