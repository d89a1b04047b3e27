"""Build the artefact of the Downloads function: its handler and the finished web page.

``sam build`` runs this file by way of the Makefile beside it, so it needs only Python's standard
library. The scripts and the style sheet are inlined, so the page is one response.
"""

import base64
import hashlib
import json
import shutil
import sys
from pathlib import Path

FUNCTION = Path(__file__).parent
SOURCES = FUNCTION / "page"
SCRIPTS = (
    "config.js",
    "dom.js",
    "format.js",
    "api.js",
    "route.js",
    "actions.js",
    "coverage.js",
    "files.js",
    "usage_data.js",
    "usage_chart.js",
    "usage.js",
    "views.js",
    "detail.js",
    "connect.js",
    "csv.js",
    "verified.js",
    "range.js",
    "sink.js",
    "range_dialog.js",
    "main.js",
)
"""The parts of the page's one script, in the order in which they run."""
CONFIG_ELEMENT = '<script type="application/json" id="config">{}</script>'
"""The element that the function fills with the configuration of its deployment."""
LINKS_SOURCE = "{links}"
"""Stands for what the links of the deployment begin with; the function replaces it."""


def build(directory: Path) -> None:
    """Write the artefact to ``directory``: app.py, index.html and policy.json.

    The policy is the page's Content-Security-Policy. It names the hashes of the page's own script
    and style sheet, so that the browser applies nothing else. The page may connect to the API and
    to the files of its own bucket; the function replaces ``LINKS_SOURCE`` by their address.

    Raises:
        ValueError: A source cannot be inlined as it is.
    """
    script, style = page_script(), _read("style.css")
    html = _read("index.html")
    for marker, element, content in (
        ("<!-- style -->", f"<style>{style}</style>", style),
        ("<!-- config -->", CONFIG_ELEMENT, ""),
        ("<!-- script -->", f"<script>{script}</script>", script),
    ):
        if html.count(marker) != 1:
            raise ValueError(f"index.html must contain {marker} exactly once")
        if "</script" in content.lower() or "</style" in content.lower():
            raise ValueError(f"the content for {marker} would end its own element")
        html = html.replace(marker, element)
    if html.count(CONFIG_ELEMENT) != 1:
        raise ValueError("the page must contain one element for the configuration")
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copy(FUNCTION / "app.py", directory)
    (directory / "index.html").write_text(html, encoding="utf-8", newline="\n")
    policy = {"Content-Security-Policy": _content_security_policy(script, style)}
    (directory / "policy.json").write_text(json.dumps(policy, indent=2) + "\n", encoding="utf-8")


def page_script() -> str:
    """Return the page's one script: its parts, one after the other, in strict mode."""
    return "\n".join(['"use strict";', *(_read(name) for name in SCRIPTS)])


def _read(name: str) -> str:
    # Browsers hash line ends as \n, whatever the checkout has.
    return (SOURCES / name).read_text(encoding="utf-8")


def _content_security_policy(script: str, style: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_source_hash(script)}",
            f"style-src {_source_hash(style)}",
            "img-src data:",
            f"connect-src 'self' {LINKS_SOURCE}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _source_hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


if __name__ == "__main__":
    if sys.argv[1:] == ["--script"]:
        sys.stdout.write(page_script())
    elif len(sys.argv) == 2:
        build(Path(sys.argv[1]))
    else:
        sys.exit("usage: build_page.py DIRECTORY | --script")
