"""Answers of the simulated Kaltura, with the headers that the real one was seen to send."""

import hashlib
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from xml.sax.saxutils import escape

from local.kaltura.csv_format import php_number
from local.kaltura.errors import DIE, KalturaError

JSON_FORMAT, XML_FORMAT = "1", "2"
CSV_MAX_AGE = 8_640_000
Headers = tuple[tuple[str, str], ...]

_EXPOSED = "Server, Content-Length, Content-Range, Date, X-Kaltura, X-Kaltura-Session, X-Me"
_COMMON: Headers = (("X-Me", "api-host-1"), ("Access-Control-Expose-Headers", _EXPOSED))
_UNCACHED: Headers = (
    ("Access-Control-Allow-Origin", "*"),
    ("Expires", "Sun, 19 Nov 2000 08:52:00 GMT"),
    ("Cache-Control", "no-store, no-cache, must-revalidate, post-check=0, pre-check=0"),
    ("Pragma", "no-cache"),
)
_XML_ENTITIES = {'"': "&quot;", "'": "&#039;"}


@dataclass(frozen=True)
class Response:
    """One HTTP answer, before it meets the wire."""

    status: int
    headers: Headers
    body: bytes = b""

    def header(self, name: str) -> str:
        """The value of a header, or nothing."""
        return next((v for key, v in self.headers if key.lower() == name.lower()), "")


def _session_header(now: float) -> tuple[str, str]:
    return ("X-Kaltura-Session", f"{random.getrandbits(31)}, {int(now)}")


def _cache_header() -> tuple[str, str]:
    key = hashlib.sha256(random.randbytes(8)).hexdigest()[:32]
    return ("X-Kaltura", f"cache-key,cache_v3-{key}")


def report(csv: bytes, file_name: str, now: float) -> Response:
    """A report: a good CSV, cacheable for a hundred days."""
    disposition = (("Content-Disposition", f'attachment; filename="{file_name}"'),)
    return Response(
        200,
        (
            *_COMMON,
            ("Pragma", "no-cache"),
            _session_header(now),
            *(disposition if "\n" not in file_name and "\r" not in file_name else ()),
            ("Content-Length", str(len(csv))),
            ("Content-type", "text/csv;charset=UTF-8"),
            ("Access-Control-Allow-Origin", "*"),
            ("Cache-Control", f"public, max-age={CSV_MAX_AGE}, max-stale=0"),
            ("Expires", formatdate(now + CSV_MAX_AGE, usegmt=True)),
            ("Last-modified", "Sun, 19 Nov 2000 08:52:00 GMT"),
        ),
        csv,
    )


def failure(error: KalturaError, output: str, now: float) -> Response:
    """An error: in the body, or, for some, only in the headers of an empty answer."""
    headers = [*_COMMON, *_UNCACHED, _session_header(now)]
    if error.code in DIE or error.code == "SERVICE_FORBIDDEN":
        space = " " if error.code in DIE else ""
        headers.append(("X-Kaltura", f"error-{space}{error.code}"))
        headers.append(("X-Kaltura-App", f"exiting on error {error.code} - {error.message}"))
    elif error.cached:
        headers.append(_cache_header())
    if error.code in DIE:
        return Response(200, (*headers, ("Content-type", "text/html; charset=UTF-8")))
    content_type, body = _FAILURES.get(output, _xml_failure)(error)
    return _with_body(headers, content_type, body)


def fatal(now: float) -> Response:
    """What is left of an answer when Kaltura's PHP dies, as it does without enough memory."""
    headers = (*_COMMON, *_UNCACHED, _session_header(now))
    return Response(500, (*headers, ("Content-type", "text/html; charset=UTF-8")))


def _json_failure(error: KalturaError) -> tuple[str, str]:
    shape: dict[str, object] = {
        "code": error.code,
        "message": error.message,
        "objectType": "KalturaAPIException",
        "args": error.args_by_name or [],
    }
    return "application/json", _json(shape)


def _xml_failure(error: KalturaError) -> tuple[str, str]:
    items = "".join(
        "<item><objectType>KalturaApiExceptionArg</objectType>"
        f"<name>{_xml(name)}</name><value>{_xml(value)}</value></item>"
        for name, value in error.args_by_name.items()
    )
    inner = (
        f"<error><code>{_xml(error.code)}</code><message>{_xml(error.message)}</message>"
        f"<objectType>KalturaAPIException</objectType><args>{items}</args></error>"
    )
    return "text/xml;charset=UTF-8", _xml_document(inner)


_FAILURES: Mapping[str, Callable[[KalturaError], tuple[str, str]]] = {
    JSON_FORMAT: _json_failure,
    XML_FORMAT: _xml_failure,
}


def result(
    value: str | Mapping[str, object], output: str, now: float, *, cache: str = ""
) -> Response:
    """The result of an action; ``cache`` is "dispatcher" or "key" when Kaltura caches it."""
    if cache == "dispatcher":
        key = hashlib.sha256(random.randbytes(8)).hexdigest()[:32]
        seen = php_number(time.thread_time() % 1e-4)
        headers = [*_COMMON, ("X-Kaltura", f"cached-dispatcher,{key},{seen}"), *_UNCACHED]
    else:
        headers = [*_COMMON, *_UNCACHED, _session_header(now)]
    if cache == "key":
        headers.append(_cache_header())
    if output == JSON_FORMAT:
        return _with_body(headers, "application/json", _json(value))
    if isinstance(value, str):
        inner = _xml(value)
    else:
        inner = "".join(f"<{name}>{_xml(str(v))}</{name}>" for name, v in value.items())
    return _with_body(headers, "text/xml;charset=UTF-8", _xml_document(inner))


def _with_body(headers: list[tuple[str, str]], content_type: str, text: str) -> Response:
    return Response(200, (*headers, ("Content-Type", content_type)), text.encode())


def _json(value: object) -> str:
    """JSON as PHP's json_encode prints it."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/")


def _xml(text: str) -> str:
    return escape(text, _XML_ENTITIES)


def _xml_document(inner: str) -> str:
    took = php_number(0.001 + time.thread_time() % 1e-3)
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<xml><result>{inner}</result><executionTime>{took}</executionTime></xml>"
    )
