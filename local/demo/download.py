"""One file, downloaded by who has no AWS account: through a presigned link."""

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from local.demo.checks import Checks
from local.demo.lake import Stored
from local.stack.stack import Stack

_LINK_SECONDS = 300


@dataclass(frozen=True)
class Download:
    """What was downloaded, and from where."""

    address: str
    """Without its signature."""
    body: bytes


def download(stack: Stack, stored: Stored, checks: Checks) -> Download:
    """Download a file through a link, and see that a link that was tampered with is refused."""
    link = stack.aws.s3.generate_presigned_url(
        "get_object",
        Params={"Bucket": stack.bucket, "Key": stored.file.key},
        ExpiresIn=_LINK_SECONDS,
    )
    with requests.Session() as http:
        http.trust_env = False
        answer = http.get(link, timeout=60)
        tampered = http.get(link.replace("attendees", "room_data"), timeout=60)
    checks.equal("The link answers with the file", answer.status_code, 200)
    checks.equal(
        "The downloaded file is the published one, byte for byte",
        hashlib.sha256(answer.content).hexdigest(),
        stored.sha256,
    )
    checks.equal("The same link changed to another file is refused", tampered.status_code, 403)
    return Download(urlsplit(link)._replace(query="").geturl(), answer.content)
