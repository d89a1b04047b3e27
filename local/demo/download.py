"""One file, downloaded by somebody without an AWS account: through a presigned link."""

import hashlib
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import requests

from local.demo.checks import Checks
from local.demo.lake import Stored
from local.stack.stack import Stack


@dataclass(frozen=True)
class Download:
    """What was downloaded, and from where."""

    address: str
    """Of the downloads API."""
    seconds: str
    """How long the link that it redirects to works."""
    body: bytes


def download(stack: Stack, stored: Stored, checks: Checks) -> Download:
    """Download a file as anybody with an API key does, and try what must be refused."""
    file = stored.file
    address = (
        f"{stack.api_url}/exports/{file.report.slug}/{file.region}/{file.granularity}"
        f"/{file.start:%F}.csv"
    )
    with requests.Session() as http:
        http.trust_env = False
        keyless = http.get(address, timeout=60)
        checks.equal("Without an API key the download is refused", keyless.status_code, 403)
        key = {"x-api-key": stack.api_key}
        redirect = http.get(address, headers=key, allow_redirects=False, timeout=60)
        checks.equal("with one it redirects to a presigned link", redirect.status_code, 302)
        link = redirect.headers["Location"]
        answer = http.get(link, timeout=60)
        tampered = http.get(link.replace(file.report.slug, "room_data"), timeout=60)
    checks.equal(
        "which leads to the published file, byte for byte",
        (answer.status_code, hashlib.sha256(answer.content).hexdigest()),
        (200, stored.sha256),
    )
    checks.equal("and is refused when it is changed", tampered.status_code, 403)
    seconds = parse_qs(urlsplit(link).query)["X-Amz-Expires"][0]
    return Download(address, seconds, answer.content)
