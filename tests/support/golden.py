"""The golden set: everything that other programs can see of a stack after the demo.

It was recorded before the library was reorganised, and holds what programs that were written then
rely on: what was added since is left out, and so is prose. Values that differ from one run to the
next (ids, clocks, addresses, signatures) are replaced by ``#``.
"""

import hashlib
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from local.stack.stack import Stack

_METADATA = (
    *("rows", "sha256", "window-start", "window-end"),
    *("exported-at", "state", "run-id", "schema"),
)
_VARYING_METADATA = ("exported-at", "run-id")
# Without "skipped": a run looks back further since, so that it skips more windows.
_RECORD = (
    *("run_id", "exported", "deferred", "failed"),
    *("trigger", "now", "started_at", "finished_at"),
)
_RECORDED_EXPORT = (
    *("task", "report", "region", "granularity", "start", "reason", "state", "rows", "size"),
    *("sha256", "pieces", "unknown_columns", "replaced_bytes", "change", "same"),
)
_ADDED_TO_LINKS = ("x-link", "x-reader")
_ADDED_TO_THE_API = (
    *("filters", "filters_current", "privacy", "privacy_current"),
    *("sessions", "users", "minutes", "findings"),
    "expired",
)
_HEADERS = (
    "Content-Type",
    "Cache-Control",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "X-Frame-Options",
    "Cross-Origin-Opener-Policy",
    "Permissions-Policy",
)
_PROSE = ("description", "summary", "title")
_RECORD_VARYING = ("run_id", "started_at", "finished_at")
_PATHS = (
    "/exports?limit=3",
    "/exports?report=attendees&region=us&granularity=day&limit=200",
    "/exports?from=2025-03-25&to=2025-03-26T02Z&granularity=hour&report=room_data",
    "/exports?report=nothing",
    "/exports?limit=0",
    "/exports?cursor=AAAA",
    "/exports?unknown=1",
    "/coverage?report=attendees&region=eu&granularity=day&from=2025-03-20&to=2025-03-31",
    "/coverage?report=room_data&region=us&granularity=hour&from=2025-03-30&to=2025-03-31T03Z",
    "/coverage",
    "/exports/attendees/eu/day/2025-03-27",
    "/exports/attendees/eu/day/2025-03-27.csv",
    "/exports/breakout_sessions/us/hour/2025-03-27T09Z",
    "/exports/attendees/eu/day/latest",
    "/exports/attendees/eu/day/2025-03-01",
    "/exports/attendees/eu/day/2999-01-01",
    "/exports/attendees/eu/week/2025-03-27",
    "/exports/attendees/xx/day/2025-03-27",
    "/exports/attendees/eu/day/2025-13-01",
    "/nothing",
    "/openapi.json",
    "/",
)


def record_golden(stack: Stack) -> dict[str, Any]:
    """Return the bucket's objects, the run records and the API's responses as plain data."""
    return {"bucket": _bucket(stack), "runs": _runs(stack), "api": _api(stack)}


def _keys(stack: Stack) -> list[str]:
    pages = stack.aws.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.bucket)
    return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))


def _bucket(stack: Stack) -> dict[str, list[object]]:
    """By folder: how many exports there are, and a digest of their keys, bytes and metadata."""
    found: dict[str, list[object]] = {}
    for key in _keys(stack):
        if "/granularity=" not in key:
            continue
        item = stack.aws.s3.get_object(Bucket=stack.bucket, Key=key)
        metadata = {
            name: "#" if name in _VARYING_METADATA else value
            for name, value in item["Metadata"].items()
            if name in _METADATA
        }
        body = hashlib.sha256(item["Body"].read()).hexdigest()
        seen = [key, body, metadata, item["ContentType"], item.get("ContentDisposition")]
        found.setdefault(key.rpartition("/")[0], []).append(seen)
    return {folder: [len(objects), _digest(objects)] for folder, objects in found.items()}


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _runs(stack: Stack) -> list[Any]:
    """Return the records of the runs in which nothing failed, oldest first."""
    records = []
    for key in _keys(stack):
        if key.startswith("runs/"):
            text = stack.aws.s3.get_object(Bucket=stack.bucket, Key=key)["Body"].read().decode()
            record = json.loads(text)
            assert re.fullmatch(r"runs/dt=\d{4}-\d\d-\d\d/\d{8}T\d{6}Z-[0-9a-f]{8}\.json", key)
            assert text == json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
            if not record["failed"]:
                records.append((record["started_at"], len(record["exported"]), record))
    shown = []
    for _, _, record in sorted(records, key=lambda item: (item[0], -item[1])):
        exported = [{n: each[n] for n in _RECORDED_EXPORT} for each in record["exported"]]
        shown.append(
            {
                **{n: "#" if n in _RECORD_VARYING else record[n] for n in _RECORD},
                "exported": _digest(sorted(exported, key=lambda each: each["task"])),
            }
        )
    return shown


def _api(stack: Stack) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    with requests.Session() as http:
        http.trust_env = False
        for method, key in (("GET", stack.api_key), ("HEAD", stack.api_key), ("GET", "wrong")):
            for path in _PATHS if key == stack.api_key and method == "GET" else _PATHS[:2]:
                response = http.request(
                    method,
                    stack.api_url + path,
                    headers={"x-api-key": key},
                    allow_redirects=False,
                    timeout=60,
                )
                responses[f"{method} {path}{' with a wrong key' * (key == 'wrong')}"] = [
                    response.status_code,
                    {n: response.headers[n] for n in _HEADERS if n in response.headers},
                    _link(response.headers["Location"])
                    if "Location" in response.headers
                    else _body(response),
                ]
    return responses


def _body(response: requests.Response) -> Any:
    if "json" in response.headers.get("Content-Type", "") and response.content:
        return _plain(response.json())
    return bool(response.content)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value if item not in _ADDED_TO_THE_API]
    if not isinstance(value, dict):
        return value
    shown: dict[str, Any] = {}
    for name, item in value.items():
        if name == "rows" and "findings" in value:  # of the coverage, to which they were added
            continue
        if name in _ADDED_TO_THE_API or (name in (*_PROSE, "message") and isinstance(item, str)):
            continue
        if name in ("exported_at", "expires_at") and isinstance(item, str):
            shown[name] = re.sub(r"\d", "#", item)
        elif name == "url" and isinstance(item, str):
            shown[name] = _link(item)
        else:
            shown[name] = _plain(item)
    return shown


def _link(url: str) -> list[Any]:
    """Return a presigned link without its host, its bucket, its version and its signature."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    kept = ("X-Amz-Algorithm", "X-Amz-Expires", "X-Amz-SignedHeaders")
    shown = {
        n: v[0] if n in kept or n.startswith("response-") else "#"
        for n, v in query.items()
        if n not in _ADDED_TO_LINKS
    }
    return [parts.path[parts.path.index("/", 1) :] if "granularity" in parts.path else "", shown]
