"""Classification of responses: Kaltura sends most errors with status 200, like reports."""

import json
import re
from collections.abc import Mapping
from xml.etree import ElementTree

from room_reports.kaltura.error_codes import error_for, error_for_status
from room_reports.kaltura.errors import KalturaError, UnrecognisedResponseError

BOM = b"\xef\xbb\xbf"
_HEADER_ERROR = re.compile(r"error-\s*([A-Z][A-Z0-9_]*)")
_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,63}")


def is_report(status: int, headers: Mapping[str, str], start: bytes) -> bool:
    """Return whether a response is a CSV report.

    Args:
        status: The HTTP status.
        headers: The headers, with case-insensitive keys.
        start: At least the first 3 bytes of the body.
    """
    return (
        status == 200
        and headers.get("Content-Type", "").lower().startswith("text/csv")
        and not _HEADER_ERROR.search(headers.get("X-Kaltura", ""))
        and start.startswith(BOM)
    )


def error_in(status: int, headers: Mapping[str, str], body: bytes) -> KalturaError | None:
    """Return the error that a response contains, or None if it contains none.

    Looks for it in the header ``X-Kaltura``, then in JSON, then in XML, and at last in the status,
    because a status other than 200 comes from a proxy or from a crash of Kaltura's PHP process.

    Args:
        status: The HTTP status.
        headers: The headers, with case-insensitive keys.
        body: At least the first 64 KiB of the body.
    """
    match = _HEADER_ERROR.search(headers.get("X-Kaltura", ""))
    found = _in_json(body) or _in_xml(body)
    if match and not (found and found[0] == match[1]):
        found = (match[1], "")
    if found:
        return error_for(*found)
    return error_for_status(status, retry_after(headers), empty=not body.strip())


def unrecognised(headers: Mapping[str, str], body: bytes) -> UnrecognisedResponseError:
    """Return the error for a response that is neither a report nor a known error."""
    content_type = headers.get("Content-Type", "no content type")
    length = "an empty body" if not body else f"{len(body)} bytes or more"
    return UnrecognisedResponseError(
        f"the response is neither a report nor an error of Kaltura: {content_type}, {length}"
    )


def _in_json(body: bytes) -> tuple[str, str] | None:
    if not body.lstrip().startswith(b"{"):
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    code, args = document.get("code"), document.get("args")
    if document.get("objectType") != "KalturaAPIException" or not isinstance(code, str):
        return None
    if not _CODE.fullmatch(code):
        return None
    return code, str(args.get("KSID", "")) if isinstance(args, dict) else ""


def _in_xml(body: bytes) -> tuple[str, str] | None:
    if not body.lstrip().startswith(b"<?xml") or b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        return None
    try:
        error = ElementTree.fromstring(body).find("./result/error")  # noqa: S314 - no entities
    except (ElementTree.ParseError, LookupError, ValueError):  # the last two: unknown encoding
        return None
    if error is None or not _CODE.fullmatch(error.findtext("code", "")):
        return None
    args = {item.findtext("name"): item.findtext("value", "") for item in error.iter("item")}
    return error.findtext("code", ""), args.get("KSID", "")


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that a response asks to wait before the next request; 0 if it does not."""
    # The header may also be a date, which is ignored: the server's clock may differ from ours.
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
