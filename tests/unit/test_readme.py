"""What the README and the pages under docs/ name exists, and is as they say."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack.template import load_template
from room_reports.kaltura.credentials import parse_secret
from room_reports.kaltura.error_codes import ERROR_RULES
from room_reports.model.regions import Region

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
TEMPLATE = load_template()

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        if not target.startswith(("https://", "http://")):
            yield target


@pages
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        name, _, anchor = target.partition("#")
        path = (page.parent / name) if name else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


def commands(page: Path) -> str:
    """What is set as code: blocks and spans, a line each."""
    blocks = re.findall(r"^```sh\n(.+?)^```", text(page), re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`[^`\n]+`", text(page))])


@pages
def test_every_make_target_is_there(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", text(ROOT / "Makefile"), re.MULTILINE))
    used = re.findall(r"(?:`|`.+ |^)make ([a-z][a-z0-9-]*)(?=[ `\n])", commands(page), re.MULTILINE)
    assert set(used) <= targets


@pages
def test_every_parameter_that_is_set_is_there(page: Path) -> None:
    assert set(re.findall(r"PARAM_(\w+)", text(page))) <= set(TEMPLATE["Parameters"])


@pages
def test_every_output_is_there(page: Path) -> None:
    used = re.findall(r"outputs? `(\w+)`", text(page))
    assert set(used) <= set(TEMPLATE["Outputs"])


def test_the_parameters_are_those_of_the_template() -> None:
    expected = [
        f"| `{name}` | {'`' + str(given['Default']) + '`' if given['Default'] != '' else 'none'} "
        f"| {given['Description']} |"
        for name, given in TEMPLATE["Parameters"].items()
    ]
    table = text(README).split("### Parameters")[1].split("\n## ")[0]
    assert [line for line in table.split("\n") if line.startswith("| `")] == expected


def test_the_secret_is_one_that_the_exporter_takes() -> None:
    (example,) = re.findall(r"```json\n(.+?)```", text(README), re.DOTALL)
    regions = tuple(Region(name, "https://www.kaltura.com") for name in ("us", "eu", "ca"))
    found = parse_secret(example, regions)
    assert len({type(credentials) for credentials in found.values()}) == len(regions)


def test_every_code_of_kaltura_is_explained_to_the_operator() -> None:
    """Each code of the table of verdicts, with the advice that the exporter gives."""
    page = " ".join(text(ROOT / "docs" / "operating.md").split())
    for code in ERROR_RULES:
        assert f"`{code}`" in page, code
