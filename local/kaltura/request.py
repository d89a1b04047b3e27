"""The parameters of a request to the simulated Kaltura: from the path, the query and the body.

Source: kaltura/server, infraRequestUtils::getRequestParams and getUrlRequestParams.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl, unquote

_PATH_NOISE = frozenset({"", "api_v3", "index.php"})
_FALSY = frozenset({"", "0"})


@dataclass(frozen=True)
class HttpRequest:
    """An HTTP request."""

    method: str
    target: str
    """The request target, percent-encoded, with the query."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""


def parameters(request: HttpRequest) -> dict[str, str]:
    """Return all parameters of a request; those in the URL take precedence over the body."""
    path, _, query = request.target.partition("?")
    merged = _body_parameters(request)
    merged.update(parse_qsl(query, keep_blank_values=True))
    merged.update(_path_parameters(unquote(path)))
    return merged


def _path_parameters(path: str) -> dict[str, str]:
    """Return the pairs of keys and values in a path; empty parts are skipped."""
    parts = [part for part in path.split("/") if part not in _PATH_NOISE]
    found: dict[str, str] = {}
    for key, value in zip(parts[::2], [*parts[1::2], ""], strict=False):
        if key in _FALSY:
            break
        found.setdefault(key, value)
    return found


def _body_parameters(request: HttpRequest) -> dict[str, str]:
    content_type = request.headers.get("content-type", "")
    kind = content_type.split(";")[0].strip().lower()
    if content_type.lower() == "application/json":
        return _json_parameters(request.body.decode(errors="replace"))
    if kind == "multipart/form-data":
        return _multipart_parameters(content_type, request.body)
    if kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
    return {}


def _json_parameters(text: str) -> dict[str, str]:
    if not (text.startswith("{") and text.endswith("}")):
        return {}
    try:
        loaded = json.loads(text)
    except ValueError:
        return {}
    return {key: _php_string(value) for key, value in loaded.items() if value is not None}


def _php_string(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    return str(value)


def _multipart_parameters(content_type: str, body: bytes) -> dict[str, str]:
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    )
    found: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            found[name] = payload.decode(errors="replace")
    return _json_parameters(found["json"]) if "json" in found else found
