"""Redaction: the sample of an unrecognised response that is kept, without any credential."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from room_reports.kaltura.errors import ResponseSample

KEPT_BYTES = 65536

_KEPT_HEADERS = ("Content-Type", "Content-Length", "Server", "Via", "X-Kaltura", "X-Me")
_SECRET_FIELDS = ("ks", "secret", "tokenHash")
_REDACTED = b"[redacted]"
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
