"""The OpenAPI document that describes the downloads API."""

from typing import Any

from room_reports.api import grammar
from room_reports.api.coverage import MISSING
from room_reports.api.params import DEFAULT_LIMIT, MAX_DAYS, MAX_LIMIT
from room_reports.api.settings import ApiSettings
from room_reports.model.freshness import State
from room_reports.model.retention import EXPIRED
from room_reports.model.windows import Granularity

_TIME = {"type": "string", "format": "date-time"}
_TEXT = {"type": "string"}
_SIZE = {"type": "integer", "minimum": 0}
_STATES = [state.value for state in State]
_GRANULARITIES = [granularity.value for granularity in Granularity]
_NOT_ZERO = "Null is unknown, not zero"
_DESCRIPTION = """Lists the exported reports and creates short-lived links to them.

To put a range together: get its coverage, which names the windows that have no file; get each
export, oldest first, just before you fetch its url; compare the SHA-256 of the CSV with sha256;
write the header once, and match columns by name, because newer files can have more. A link that has
expired responds with 403: get the export again for a new one. Send the key to the API only."""


def openapi(settings: ApiSettings) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of this deployment's API."""
    parameters = _parameters(settings)
    filters = [
        _query(name, parameters[name]) for name in ("report", "region", "granularity", "from", "to")
    ]
    window = [_path(name, parameters[name]) for name in ("report", "region", "granularity")]
    start = f"(latest|{grammar.LABEL})"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kaltura Room reports",
            "version": "1",
            "description": _DESCRIPTION,
        },
        "servers": [{"url": "."}],
        "security": [{"key": []}],
        "paths": {
            "/": {"get": _page()},
            "/openapi.json": {
                "get": _operation(
                    "describe", "This document", _json({"type": "object"}), refusals=("400",)
                )
            },
            "/exports": {
                "get": _operation(
                    "listExports",
                    "A result page of exports, newest first",
                    _json(_ref("Page")),
                    [
                        *filters,
                        _query("limit", parameters["limit"]),
                        _query("cursor", parameters["cursor"]),
                    ],
                    refusals=("400",),
                )
            },
            "/exports/{report}/{region}/{granularity}/{start}": {
                "get": _operation(
                    "getExport",
                    "One export with a link to it; a start that ends in .csv redirects to the link",
                    _json(_ref("ExportWithLink")),
                    [*window, _path("start", _matching(rf"{start}(\.csv)?"))],
                    refusals=("302", "400", "404"),
                )
            },
            "/coverage": {
                "get": _operation(
                    "getCoverage",
                    f"Each window of one series, oldest first; at most {MAX_DAYS} days",
                    _json(_ref("Coverage")),
                    filters,
                    refusals=("400",),
                )
            },
        },
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
            "schemas": _schemas(),
            "responses": _responses(),
        },
    }


def _parameters(settings: ApiSettings) -> dict[str, dict[str, Any]]:
    moment = _matching(grammar.MOMENT)
    return {
        "report": {"type": "string", "enum": list(settings.slugs)},
        "region": {"type": "string", "enum": list(settings.regions)},
        "granularity": {"type": "string", "enum": _GRANULARITIES},
        "from": {**moment, "description": "The start of the interval, inclusive"},
        "to": {**moment, "description": "The end of the interval, exclusive"},
        "limit": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_LIMIT,
            "default": DEFAULT_LIMIT,
        },
        "cursor": {
            **_matching(grammar.CURSOR),
            "description": "The next_cursor of the previous result page",
        },
    }


def _schemas() -> dict[str, Any]:
    state = {"type": "string", "enum": _STATES}
    export = {
        "report": _TEXT,
        "region": _TEXT,
        "granularity": {"type": "string", "enum": _GRANULARITIES},
        "start": _matching(grammar.LABEL),
        "window_start": _TIME,
        "window_end": _TIME,
        "state": state,
        "rows": _or_null(_SIZE),
        "size": {**_SIZE, "description": "Bytes as stored"},
        "sha256": {
            **_or_null(_TEXT),
            "description": "Of the uncompressed CSV, in hexadecimal",
        },
        "exported_at": _TIME,
        "file_name": _TEXT,
        "filters": {
            **_or_null(_TEXT),
            "description": "A digest of the filters that the file was made with, or none",
        },
        "filters_current": {
            **_or_null({"type": "boolean"}),
            "description": "Whether those are the filters that are configured now",
        },
        "privacy": {
            "type": "string",
            "description": "A digest of which columns were dropped or have pseudonyms, and of the "
            "key; none if all columns are published as Kaltura sends them",
        },
        "privacy_current": {
            **_or_null({"type": "boolean"}),
            "description": "Whether that is so in new files; null before the first run",
        },
    }
    window = {
        "start": _matching(grammar.LABEL),
        "state": {"type": "string", "enum": [*_STATES, MISSING, EXPIRED]},
        "size": _or_null(_SIZE),
        "exported_at": _or_null(_TIME),
    }
    url = {
        "type": "string",
        "format": "uri",
        "description": "Needs no key. Content-Encoding is gzip if the file is stored so",
    }
    link = {"url": url, "expires_at": _TIME}
    return {
        "Export": _object(export),
        "ExportWithLink": _object({**export, **link}),
        "Page": _object(
            {"exports": _array(_ref("Export")), "next_cursor": _or_null(_matching(grammar.CURSOR))}
        ),
        "Coverage": _object({"windows": _array(_object(window, _of_a_day()))}),
        "Error": _object({"error": _object({"code": _TEXT, "message": _TEXT})}),
    }


def _of_a_day() -> dict[str, Any]:
    """Return the properties of a window of coverage that only a day has."""
    sources = {
        "rows": "Rows of the file, without the header",
        "sessions": "Different sessions with a row in the file",
        "users": "Different known users in the file; only attendees have it",
        "minutes": "The sum of their view times, in minutes; only attendees have it",
    }
    counts = {
        name: {**_or_null({"type": "number", "minimum": 0}), "description": f"{text}. {_NOT_ZERO}"}
        for name, text in sources.items()
    }
    finding = _object({"code": _TEXT, "text": _TEXT})
    findings = {**_array(finding), "description": "Why the file looks incomplete; mostly empty"}
    return {**counts, "findings": findings}


def _responses() -> dict[str, Any]:
    meanings = {
        "400": "A parameter is wrong; the message says which and what would be right",
        "403": "The API key is missing, wrong or expired",
        "404": "Unknown report, region or granularity; or window too new, not exported or expired",
        "429": "Too many requests, or the quota is used up",
        "503": "The files cannot be reached at the moment",
    }
    errors = {
        status: {"description": meaning, **_json(_ref("Error"))}
        for status, meaning in meanings.items()
    }
    headers = {"Location": {"required": True, "schema": {"type": "string", "format": "uri"}}}
    return {**errors, "302": {"description": "Redirects to the link", "headers": headers}}


def _operation(
    name: str,
    summary: str,
    content: dict[str, Any],
    parameters: list[dict[str, Any]] | None = None,
    refusals: tuple[str, ...] = (),
) -> dict[str, Any]:
    errors = {
        status: {"$ref": f"#/components/responses/{status}"}
        for status in sorted((*refusals, "403", "429", "503"))
    }
    return {
        "operationId": name,
        "summary": summary,
        "parameters": parameters or [],
        "responses": {
            "200": {"description": summary, **content},
            "304": {"description": "The client has the current version already"},
            **errors,
        },
    }


def _page() -> dict[str, Any]:
    return {
        "operationId": "getPage",
        "summary": "The web page",
        "security": [],
        "responses": {
            "200": {"description": "The web page", "content": {"text/html": {"schema": _TEXT}}},
            "304": {"description": "The client has the current version already"},
        },
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema}


def _path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _matching(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{pattern}$"}


def _object(properties: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    named = {**properties, **(optional or {})}
    return {"type": "object", "properties": named, "required": list(properties)}


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"oneOf": [schema, {"type": "null"}]}
