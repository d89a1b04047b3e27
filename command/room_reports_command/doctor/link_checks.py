"""The checks of the HTTP API and its links, as the real API Gateway and S3 have them."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests

from room_reports.api.presign import links_source
from room_reports_command.doctor.check import Area, Check, Outcome, finding, not_checked, ok
from room_reports_command.doctor.examination import PREFIX, Examination
from room_reports_command.doctor.permissions import url_suffix

_TIMEOUT = (10.0, 35.0)
_RESPONSES = {
    "INVALID_API_KEY": ("403", "forbidden"),
    "MISSING_AUTHENTICATION_TOKEN": ("404", "no_such_route"),
    "THROTTLED": ("429", "too_many_requests"),
    "QUOTA_EXCEEDED": ("429", "quota_exceeded"),
}
"""The status and the code of each gateway response, as docs/contract.md has them."""
_OTHER_ORIGIN = "https://example.com"
_NO_KEY = "the API is called with an IAM signature, and not with a key (ApiAuthorization=iam)"


def _with_key(given: Examination) -> bool:
    return given.stack.parameters.get("ApiAuthorization", "key") == "key"


def headers_with_key(given: Examination) -> dict[str, str]:
    """Return the headers with the stack's own key, which is never shown."""
    key_id = given.stack.outputs["ApiKeyId"]
    value = given.stack.api_gateway.get_api_key(apiKey=key_id, includeValue=True)["value"]
    return {"x-api-key": value}


def request(method: str, url: str, **given: Any) -> requests.Response:
    """Send a request to the API or to S3, which does not follow redirects."""
    http = requests.Session()
    http.trust_env = False
    return http.request(method, url, timeout=_TIMEOUT, allow_redirects=False, **given)


def error_code(response: requests.Response) -> str:
    """Return the code in an error of the API."""
    try:
        return str(response.json()["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return "no JSON error"


def _provoked_responses(given: Examination) -> Iterator[Outcome]:
    api = given.stack.api_url
    tried = {
        "without a key": (request("GET", f"{api}/exports"), "INVALID_API_KEY"),
        "of an unknown method": (
            request("POST", f"{api}/exports"),
            "MISSING_AUTHENTICATION_TOKEN",
        ),
    }
    for name, (response, kind) in tried.items():
        if kind == "INVALID_API_KEY" and not _with_key(given):
            yield not_checked(_NO_KEY, name)
            continue
        found, expected = (str(response.status_code), error_code(response)), _RESPONSES[kind]
        text = f"a request {name} gets {' '.join(found)}"
        yield ok(text) if found == expected else finding(f"{text}, not {' '.join(expected)}")


def _configured_responses(given: Examination) -> Iterator[Outcome]:
    api_id = given.stack.resources["Api"]
    for kind in ("THROTTLED", "QUOTA_EXCEEDED"):
        configured = given.stack.api_gateway.get_gateway_response(
            restApiId=api_id,
            responseType=kind,
        )
        found = (configured.get("statusCode") or "429", _configured_code(configured))
        text = f"{kind}: {' '.join(found)} is configured; it was not provoked"
        yield (
            ok(text)
            if found == _RESPONSES[kind]
            else finding(f"{text}; it should be {' '.join(_RESPONSES[kind])}")
        )


def _configured_code(configured: Mapping[str, Any]) -> str:
    template = configured.get("responseTemplates", {}).get("application/json", "")
    try:
        return str(json.loads(template)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return "no JSON error"


def _link(given: Examination) -> Iterator[Outcome]:
    if not _with_key(given):
        yield not_checked(_NO_KEY)
        return
    headers = headers_with_key(given)
    listed = request("GET", f"{given.stack.api_url}/exports?limit=1", headers=headers)
    if listed.status_code != 200:
        yield finding(f"the listing responds with {listed.status_code} {error_code(listed)}")
        return
    if not listed.json()["exports"]:
        yield not_checked("nothing has been exported yet")
        return
    export = listed.json()["exports"][0]
    path = "/".join(export[name] for name in ("report", "region", "granularity", "start"))
    described = request("GET", f"{given.stack.api_url}/exports/{path}", headers=headers)
    if described.status_code != 200:
        found = f"{described.status_code} {error_code(described)}"
        yield finding(f"the API responds with {found}, and not with a link to {path}")
        return
    url = described.json()["url"]
    file = request("GET", url)
    if file.status_code != 200:
        yield finding(f"S3 refuses a new link with {file.status_code}")
    elif export["sha256"] and hashlib.sha256(file.content).hexdigest() != export["sha256"]:
        yield finding(f"the file of {path} does not have its SHA-256")
    else:
        yield ok(f"a link to {path} works")
    tampered = request("GET", _changed(url)).status_code
    yield (
        ok("a changed link gets 403")
        if tampered == 403
        else finding(f"a changed link gets {tampered} and not 403")
    )


def _changed(url: str) -> str:
    """Return a presigned link that is valid for a second longer than it was signed for."""
    parts = urlsplit(url)
    query = [
        (name, str(int(value) + 1) if name == "X-Amz-Expires" else value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _cors(given: Examination) -> Iterator[Outcome]:
    origin = given.stack.parameters.get("CorsOrigin", "")
    if not origin:
        yield not_checked("CorsOrigin is empty, so that there is nothing to check")
        return
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "x-api-key",
    }
    response = request("OPTIONS", f"{given.stack.api_url}/exports", headers=asked)
    allowed = response.headers.get("Access-Control-Allow-Origin")
    headers = response.headers.get("Access-Control-Allow-Headers", "").lower()
    if allowed != origin:
        yield finding(f"the API allows the origin {allowed or 'of no site'}, not {origin}")
    elif "x-api-key" not in headers:
        yield finding("the API does not allow the header x-api-key")
    else:
        yield ok(f"the API allows {origin}")


def _bucket_cors(given: Examination) -> Iterator[Outcome]:
    """Ask the bucket as a browser does before a page reads a file by its link."""
    page = urlsplit(given.stack.api_url)
    allowed = {"the web page": f"{page.scheme}://{page.netloc}"}
    if origin := given.stack.parameters.get("CorsOrigin", ""):
        allowed["CorsOrigin"] = origin
    url = f"{links_source(given.stack.links, given.bucket)}{PREFIX}cors"
    others = {"any other page": _OTHER_ORIGIN, "a page of another API": _other_api(given)}
    for subject, origin in {**allowed, **others}.items():
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "range",
        }
        found = request("OPTIONS", url, headers=asked).headers.get("Access-Control-Allow-Origin")
        may = found in (origin, "*")
        text = f"the bucket {'allows' if may else 'does not allow'} {origin}"
        yield ok(text, subject) if may == (subject in allowed) else finding(text, subject)


def _other_api(given: Examination) -> str:
    """Return the origin of an API in the same AWS region, of which there are many owners."""
    region = given.stack.s3.meta.region_name
    return f"https://{'0' * 10}.execute-api.{region}.{url_suffix(given)}"


CHECKS = (
    Check(
        "gateway-responses",
        Area.AWS,
        "API Gateway refuses with the documented status and code: 403, 404 and 429.",
        "A program cannot tell a wrong key from a missing file.",
        "docs/first-deployment.md#changed-outside-the-stack",
        _provoked_responses,
        also=(_configured_responses,),
    ),
    Check(
        "presigned-link",
        Area.AWS,
        "A presigned link works, and a changed one does not.",
        "Readers cannot download, or links can be forged.",
        "docs/first-deployment.md#presigned-link",
        _link,
    ),
    Check(
        "cors",
        Area.AWS,
        "The API allows the site in CorsOrigin, if one is configured.",
        "Browsers refuse the API's responses to that site.",
        "docs/parameters.md#downloads-api",
        _cors,
    ),
    Check(
        "bucket-cors",
        Area.AWS,
        "The bucket lets the web page and the site in CorsOrigin read files, and no other page.",
        "The web page cannot download a range as one file, or a foreign page can read links.",
        "docs/first-deployment.md#bucket-cors",
        _bucket_cors,
    ),
)
