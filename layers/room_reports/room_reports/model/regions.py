"""Regions: the Kaltura data centres that reports are exported from."""

import re
from dataclasses import dataclass

REGION_NAME = re.compile(r"[a-z][a-z0-9-]{0,15}", re.ASCII)

PSEUDONYMS_ENTRY = "pseudonyms"
"""The entry of the secret with the key of the pseudonyms."""
SUPPRESSION_ENTRY = "suppression"
"""The entry of the secret with the key of the suppression list."""

_BASE_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII
)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_EXAMPLE = "write each region like us=https://www.kaltura.com"


@dataclass(frozen=True)
class Region:
    """A Kaltura data centre, and the account there."""

    name: str
    base_url: str
    """Scheme and host, such as ``https://www.kaltura.com``."""


def parse_region(text: str) -> Region:
    """Return the region that ``name=address`` describes.

    Raises:
        ValueError: If the name or the address is wrong. Plain HTTP is accepted only for this
            machine, because the calls carry credentials.
    """
    name, _, url = text.partition("=")
    if not REGION_NAME.fullmatch(name):
        raise ValueError(f"{text!r} does not begin with a region's name and '='; {_EXAMPLE}")
    if name in (PSEUDONYMS_ENTRY, SUPPRESSION_ENTRY):
        raise ValueError(
            f"a region cannot be called {name!r}, which the secret has another use for"
        )
    base_url = url.rstrip("/")
    match = _BASE_URL.fullmatch(base_url)
    if not match:
        raise ValueError(f"the address of region {name!r} is not scheme and host; {_EXAMPLE}")
    if match["scheme"] != "https" and match["host"] not in _LOOPBACK:
        raise ValueError(f"the address of region {name!r} must begin with https://; {_EXAMPLE}")
    return Region(name, base_url)
