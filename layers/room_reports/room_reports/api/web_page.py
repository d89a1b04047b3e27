"""The web page, with the configuration of this deployment inserted."""

import json
from functools import lru_cache
from pathlib import Path

from room_reports.api.responses import HTML, HttpResponse, cacheable_response
from room_reports.api.settings import ApiSettings

_CONFIG_START = '<script type="application/json" id="config">'
_CONFIG_END = "</script>"
_POLICY = "Content-Security-Policy"
_LINKS_SOURCE = "{links}"


def web_page(directory: Path, settings: ApiSettings, links_source: str) -> HttpResponse:
    """Return the page that ``functions/downloads/build_page.py`` built in ``directory``.

    The element ``config`` of the page becomes an object with ``reports``, ``regions``,
    ``granularities``, ``time_zone`` and ``link_ttl_seconds``. Browsers do not execute JSON, so the
    Content-Security-Policy of the build stays valid.

    Args:
        links_source: What every link to a file begins with. The policy allows the page to connect
            to it, and to the API, and to nothing else.
    """
    before, after, policy = _built_page(directory)
    exporter = settings.exporter
    config = {
        "reports": list(settings.slugs),
        "regions": list(settings.regions),
        "granularities": [granularity.value for granularity in exporter.granularities],
        "time_zone": exporter.zone.key,
        "link_ttl_seconds": int(settings.link_ttl.total_seconds()),
    }
    # Escaped, so that no configured value can end the element.
    text = json.dumps(config).replace("<", "\\u003c")
    headers = {
        _POLICY: policy.replace(_LINKS_SOURCE, links_source),
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
    return cacheable_response(f"{before}{text}{after}", HTML, headers)


@lru_cache
def _built_page(directory: Path) -> tuple[str, str, str]:
    """Return the page before and after its configuration, and its policy."""
    html = (directory / "index.html").read_text(encoding="utf-8")
    start, _, rest = html.partition(_CONFIG_START)
    _, _, end = rest.partition(_CONFIG_END)
    policy = json.loads((directory / "policy.json").read_text(encoding="utf-8"))[_POLICY]
    return start + _CONFIG_START, _CONFIG_END + end, policy
