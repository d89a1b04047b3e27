"""The web page, told of this deployment, and the policy that lets nothing else in."""

import base64
import hashlib
import json
import re
from functools import lru_cache
from pathlib import Path

from room_reports.api.responses import HTML, HttpResponse, cacheable_response
from room_reports.api.settings import ApiSettings

_CONFIG = re.compile(r'(<script type="application/json" id="config">).*?(</script>)', re.DOTALL)
_SCRIPT = re.compile(r"<script(?![^>]*json)[^>]*>(.*?)</script>", re.DOTALL)
_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
# The files beside the page that it is made of.
_SCRIPT_FILE = re.compile(r'<script src="([a-z]+\.js)"></script>')
_STYLE_FILE = re.compile(r'<link rel="stylesheet" href="([a-z]+\.css)">')


def web_page(path: Path, settings: ApiSettings) -> HttpResponse:
    """The page in the file at ``path``, in one piece; nothing but what it is made of runs.

    The scripts and styles that it refers to are the files beside it.
    The content of its ``<script type="application/json" id="config">`` becomes an object with
    ``reports``, ``regions``, ``granularities``, ``time_zone`` and ``link_ttl_seconds``.
    """
    lake = settings.exporter
    config = {
        "reports": list(settings.slugs),
        "regions": list(settings.regions),
        "granularities": [granularity.value for granularity in lake.granularities],
        "time_zone": lake.zone.key,
        "link_ttl_seconds": int(settings.link_ttl.total_seconds()),
    }
    # No configured value can end the element.
    text = json.dumps(config).replace("<", "\\u003c")
    body = _CONFIG.sub(lambda match: match[1] + text + match[2], _read(path))
    headers = {
        "Content-Security-Policy": _policy(body),
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
    return cacheable_response(body, HTML, headers)


@lru_cache
def _read(path: Path) -> str:
    """The page with the contents of its files in the places of the references."""

    def beside(name: str) -> str:
        return path.with_name(name).read_text(encoding="utf-8")

    html = path.read_text(encoding="utf-8")
    html = _STYLE_FILE.sub(lambda match: f"<style>{beside(match[1])}</style>", html)
    return _SCRIPT_FILE.sub(lambda match: f"<script>{beside(match[1])}</script>", html)


def _policy(html: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hashes(_SCRIPT, html)}",
            f"style-src {_hashes(_STYLE, html)}",
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _hashes(elements: re.Pattern[str], html: str) -> str:
    digests = (hashlib.sha256(text.encode()).digest() for text in elements.findall(html))
    hashes = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    return " ".join(hashes) or "'none'"
