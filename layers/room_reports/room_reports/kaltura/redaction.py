"""What is kept of an answer that nobody can make sense of: its head, without any credential."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from room_reports.kaltura.errors import ResponseSample

KEPT_BYTES = 65536

_KEPT_HEADERS = ("Content-Type", "Content-Length", "Server", "Via", "X-Kaltura", "X-Me")
_SECRET_FIELDS = ("ks", "secret", "tokenHash")
_REDACTED = b"[redacted]"
# What a session of version 2 looks like: "v2|" in base64, and more.
_SESSION_LIKE = re.compile(rb"djJ8[A-Za-z0-9_+/=%-]{16,}")


def response_sample(
    status: int, headers: Mapping[str, str], body: bytes, form: Mapping[str, str]
) -> ResponseSample:
    """The head of an answer to a call with these form fields."""
    kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
    return ResponseSample(status, kept, redacted(body, form)[:KEPT_BYTES])


def redacted(text: bytes, form: Mapping[str, str]) -> bytes:
    """``text`` without the credentials in ``form``, and without anything like a session.

    Where ``text`` was cut, so may be a credential at its end: what could be one goes as well.
    """
    for name in _SECRET_FIELDS:
        value = form.get(name, "")
        if not value:
            continue
        for spelling in (value, quote(value), quote(value, safe="")):
            text = text.replace(spelling.encode(), _REDACTED)
        text = _without_start_at_end(text, value.encode())
    return _SESSION_LIKE.sub(_REDACTED, text)


def _without_start_at_end(text: bytes, value: bytes) -> bytes:
    for length in range(len(value) - 1, 3, -1):
        if text.endswith(value[:length]):
            return text[:-length] + _REDACTED
    return text
