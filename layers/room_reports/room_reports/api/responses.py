"""HTTP responses, and the one place that says which error has which status."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from room_reports.api.errors import (
    ApiError,
    BadParameterError,
    ExportNotFoundError,
    KeyRefusedError,
    NoSuchRouteError,
    UnknownNameError,
)
from room_reports.api.request import Request
from room_reports.storage.errors import StorageError
from room_reports.telemetry import logger

JSON = "application/json"
HTML = "text/html; charset=utf-8"
_SECURITY_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_NOT_CACHED = {"Cache-Control": "no-store"}
_REVALIDATED = {"Cache-Control": "private, no-cache"}

EXPECTED_ERRORS = (ApiError, StorageError)
"""The errors that become a response with a message; any other is a defect and becomes a 500."""


@dataclass(frozen=True)
class HttpResponse:
    """A response, independent of what transports it."""

    status: int
    body: str = ""
    content_type: str | None = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def for_request(self, request: Request) -> "HttpResponse":
        """Return the response without what HEAD, or a client with a valid copy, does not need."""
        etag = self.headers.get("ETag")
        if self.status == 200 and etag and _matches(etag, request.if_none_match):
            return HttpResponse(304, headers=self.headers)
        if request.method == "HEAD":
            return HttpResponse(self.status, "", self.content_type, self.headers)
        return self


def cacheable_response(
    body: str, content_type: str = JSON, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return a response that a client may cache and must revalidate before each use."""
    etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    named = {**_SECURITY_HEADERS, **_REVALIDATED, "ETag": etag, **(headers or {})}
    return HttpResponse(200, body, content_type, named)


def json_response(value: object) -> HttpResponse:
    """Return ``value`` as JSON that a client may cache and must revalidate before each use."""
    return cacheable_response(json.dumps(value))


def link_response(value: Mapping[str, Any]) -> HttpResponse:
    """Return JSON that contains a presigned link and must not be cached."""
    return HttpResponse(200, json.dumps(value), JSON, {**_SECURITY_HEADERS, **_NOT_CACHED})


def redirect(url: str) -> HttpResponse:
    """Return a redirect to a presigned link, which must not be cached."""
    return HttpResponse(302, headers={**_SECURITY_HEADERS, **_NOT_CACHED, "Location": url})


def error_response(error: Exception) -> HttpResponse:
    """Return the response to a request that failed with one of ``EXPECTED_ERRORS``."""
    match error:
        case BadParameterError():
            return _error(400, "bad_parameter", str(error))
        case KeyRefusedError():
            return _error(403, "forbidden", str(error))
        case UnknownNameError():
            return _error(404, f"unknown_{error.what}", str(error))
        case ExportNotFoundError():
            return _error(404, error.code, str(error))
        case NoSuchRouteError():
            return _error(404, "no_such_route", "There is nothing here: see openapi.json.")
        case _:
            logger.error("The files cannot be read", error=str(error))
            return _error(
                503, "storage_unavailable", "The files cannot be read at the moment. Try again."
            )


def _error(status: int, code: str, message: str) -> HttpResponse:
    body = json.dumps({"error": {"code": code, "message": message}})
    return HttpResponse(status, body, JSON, {**_SECURITY_HEADERS, **_NOT_CACHED})


def _matches(etag: str, if_none_match: str) -> bool:
    candidates = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in candidates or etag in candidates
