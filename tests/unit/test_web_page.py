"""The web page: how it is built, and what the function inserts into it."""

import base64
import hashlib
import json
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from functions.downloads import build_page
from room_reports.api.responses import HttpResponse
from room_reports.api.settings import ApiSettings, read_api_settings
from room_reports.api.web_page import web_page
from room_reports.model.regions import Region

SETTINGS = read_api_settings(
    {"BUCKET_NAME": "bucket", "PRESIGNER_ROLE_ARN": "arn:aws:iam::123456789012:role/presigner"}
)
LINKS = "https://bucket.s3.eu-central-1.amazonaws.com/"


class Elements(HTMLParser):
    """The scripts and style sheets of a page, and everything it would load from elsewhere."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.contents: dict[str, list[str]] = {"script": [], "style": [], "config": []}
        self.loaded: list[str] = []
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loaded += [value or "" for name, value in attrs if name in {"src", "href"}]
        self._open = "config" if given.get("id") == "config" else tag
        if self._open in self.contents:
            self.contents[self._open].append("")

    def handle_endtag(self, _: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in self.contents:
            self.contents[self._open][-1] += data


@pytest.fixture
def built(tmp_path: Path) -> Path:
    build_page.build(tmp_path)
    return tmp_path


def page(directory: Path, settings: ApiSettings = SETTINGS) -> tuple[HttpResponse, Elements]:
    response = web_page(directory, settings, LINKS)
    return response, Elements(response.body)


def test_the_artefact_is_the_handler_the_page_and_its_policy(built: Path) -> None:
    assert {path.name for path in built.iterdir()} == {"app.py", "index.html", "policy.json"}


def test_every_script_of_the_sources_is_built_in() -> None:
    names = {path.name for path in build_page.SOURCES.glob("*.js")}
    assert len(build_page.SCRIPTS) == len(names)
    assert set(build_page.SCRIPTS) == names


def test_the_page_loads_nothing_from_elsewhere(built: Path) -> None:
    _, elements = page(built)
    local = [url for url in elements.loaded if url.startswith(("#", "data:"))]
    assert elements.loaded == local


def test_the_policy_allows_exactly_the_built_script_and_style(built: Path) -> None:
    response, elements = page(built)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for kind in ("script", "style"):
        (content,) = elements.contents[kind]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in policy


def test_the_policy_allows_connections_to_the_api_and_the_bucket_only(built: Path) -> None:
    policy = page(built)[0].headers["Content-Security-Policy"]
    sources = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert sources["connect-src"] == f"'self' {LINKS}"
    assert "{" not in policy


def test_the_page_contains_the_configuration_of_the_deployment(built: Path) -> None:
    _, elements = page(built)
    (config,) = elements.contents["config"]
    assert json.loads(config) == {
        "reports": ["room_data", "attendees", "breakout_sessions"],
        "regions": ["us", "eu"],
        "granularities": ["day"],
        "time_zone": "UTC",
        "link_ttl_seconds": 900,
    }


def test_a_configured_value_cannot_end_its_element(built: Path) -> None:
    name = "</script><script>run()</script>"
    exporter = replace(SETTINGS.exporter, regions=(Region(name, "https://www.kaltura.com"),))
    _, elements = page(built, replace(SETTINGS, exporter=exporter))
    (config,) = elements.contents["config"]
    assert json.loads(config)["regions"] == [name]
    assert len(elements.contents["script"]) == 1


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("index.html", ("<!-- script -->", ""), "must contain <!-- script --> exactly once"),
        ("index.html", ("<!-- style -->", "<!-- style -->" * 2), "<!-- style --> exactly once"),
        ("index.html", ("</main>", build_page.CONFIG_ELEMENT), "one element for the configuration"),
        ("main.js", ("showConfiguration();", "// </script>"), "would end its own element"),
    ],
)
def test_the_build_rejects_sources_that_it_cannot_inline(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    change: tuple[str, str],
    problem: str,
) -> None:
    sources = tmp_path / "page"
    shutil.copytree(build_page.SOURCES, sources)
    text = (sources / name).read_text(encoding="utf-8")
    assert change[0] in text
    (sources / name).write_text(text.replace(*change), encoding="utf-8")
    monkeypatch.setattr(build_page, "SOURCES", sources)
    with pytest.raises(ValueError, match=problem):
        build_page.build(tmp_path / "artefact")
    assert not (tmp_path / "artefact").exists()
