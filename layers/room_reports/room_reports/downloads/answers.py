"""Answers over HTTP, and the one place that says which error is which status."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from room_reports.downloads.grammar import BadParameterError
from room_reports.downloads.links import SigningError
from room_reports.downloads.queries import UnknownError
from room_reports.downloads.request import Request
from room_reports.lake.bucket import LakeError
from room_reports.telemetry import logger

JSON = "application/json"
HTML = "text/html; charset=utf-8"
_EVERY = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_NEVER_KEPT = {"Cache-Control": "no-store"}
_CHECKED_BEFORE_USE = {"Cache-Control": "private, no-cache"}


class NotThereError(Exception):
    """Raised when there is no such export; ``code`` says whether there can be one."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


FAILURES: list[type[Exception]] = [
    BadParameterError,
    UnknownError,
    NotThereError,
    NotFoundError,
    LakeError,
    SigningError,
]
"""What a request may fail with that is answered; anything else is a defect."""


@dataclass(frozen=True)
class Answer:
    """A response, whatever carries it."""

    status: int
    body: str = ""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def for_request(self, request: Request) -> "Answer":
        """What is left of it for HEAD, and for a client that has the same already."""
        etag = self.headers.get("ETag")
        if self.status == 200 and etag and _matches(etag, request.if_none_match):
            return Answer(304, headers=self.headers)
        if request.method == "HEAD":
            return Answer(self.status, "", self.content_type, self.headers)
        return self


def document(
    body: str, content_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Answer:
    """A document that a client may keep, if it asks before it uses it again."""
    etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    named = {**_EVERY, **_CHECKED_BEFORE_USE, "ETag": etag, **(headers or {})}
    return Answer(200, body, content_type, named)


def json_document(value: object) -> Answer:
    """The same, of JSON."""
    return document(json.dumps(value))


def with_link(value: Mapping[str, Any]) -> Answer:
    """JSON that holds a link, which nobody may keep."""
    return Answer(200, json.dumps(value), JSON, {**_EVERY, **_NEVER_KEPT})


def redirect(url: str) -> Answer:
    """On to a link, which nobody may keep."""
    return Answer(302, headers={**_EVERY, **_NEVER_KEPT, "Location": url})


def failure(error: Exception) -> Answer:
    """The answer to a request that failed with one of ``FAILURES``."""
    match error:
        case BadParameterError():
            return _error(400, "bad_parameter", str(error))
        case UnknownError():
            return _error(404, f"unknown_{error.what}", str(error))
        case NotThereError():
            return _error(404, error.code, str(error))
        case NotFoundError():
            return _error(404, "no_such_route", "There is nothing here: see openapi.json.")
        case _:
            logger.error("The files cannot be reached", error=str(error))
            return _error(503, "storage_unavailable", "The files cannot be reached: try again.")


def _error(status: int, code: str, message: str) -> Answer:
    body = json.dumps({"error": {"code": code, "message": message}})
    return Answer(status, body, JSON, {**_EVERY, **_NEVER_KEPT})


def _matches(etag: str, if_none_match: str) -> bool:
    candidates = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in candidates or etag in candidates
