"""What the README, its companions and the pages under docs/ name exists, and is as they say."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack.template import load_template
from room_reports.kaltura.credentials import parse_secret
from room_reports.kaltura.error_codes import ERROR_RULES
from room_reports.model.privacy import parse_privacy
from room_reports.model.regions import Region
from room_reports.model.reports import REPORTS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
LIBRARY = ROOT / "layers" / "room_reports" / "room_reports"
DOCS = ROOT / "docs"
PAGES = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted(DOCS.rglob("*.md")),
]
TEMPLATE = load_template()

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
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
    """Return what is set as code: blocks and spans, a line each."""
    blocks = re.findall(r"^```sh\n(.+?)^```", text(page), re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`[^`\n]+`", text(page))])


def test_the_readme_is_short() -> None:
    assert len(text(README).splitlines()) <= 200


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = {README}, [README]
    while waiting:
        page = waiting.pop()
        for target in links(page):
            path = (page.parent / target.partition("#")[0]).resolve()
            if path.suffix == ".md" and path.is_file() and path not in reached:
                reached.add(path)
                waiting.append(path)
    assert set(PAGES) <= reached


def modules(page: Path) -> set[str]:
    """Return the paths of Python files that are set as code on a page."""
    return set(re.findall(r"`/?((?:[a-z_]+/)*[a-z_]+\.py)`", text(page)))


@pages
def test_every_module_is_there(page: Path) -> None:
    for name in modules(page):
        found = [ROOT / name, LIBRARY / name, page.parent / name]
        assert any(path.exists() for path in found), name


TESTS = [path for path in (ROOT / "tests").rglob("*.py") if path.name != "__init__.py"]
TEST_NAMES = {
    name
    for path in TESTS
    for name in (path.stem, *re.findall(r"^ *def (test_\w+)", text(path), re.MULTILINE))
}


@pages
def test_every_test_is_there(page: Path) -> None:
    """What looks like a test's name is that of a function or a module, wherever it stands."""
    assert set(re.findall(r"\btest_\w+", text(page))) <= TEST_NAMES


@pages
def test_every_path_of_a_test_is_there(page: Path) -> None:
    for path in re.findall(r"\btests/[\w./-]*\w", text(page)):
        assert (ROOT / path).exists(), path


def test_the_map_of_the_library_is_complete() -> None:
    """The map has each module of the library once, and no other."""
    chart = text(DOCS / "architecture.md").split("## The library\n")[1].split("```")[1]
    folder, listed = "", []
    for line in chart.splitlines():
        if match := re.match(r"([a-z_]+/) ", line):
            folder = match[1]
        elif match := re.match(r"( *)([a-z_]+\.py) +\S", line):
            listed.append((folder if match[1] else "") + match[2])
    found = [path for path in LIBRARY.rglob("*.py") if path.name != "__init__.py"]
    assert sorted(listed) == sorted(str(path.relative_to(LIBRARY)) for path in found)


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
    table = text(DOCS / "parameters.md")
    assert [line for line in table.split("\n") if line.startswith("| `")] == expected


def test_the_columns_that_identify_people_are_those_of_the_catalogue() -> None:
    page = text(DOCS / "privacy.md")
    table = re.findall(r"^\| `(\w+)` \| `(\w+)` \| .+ \| (.+) \|$", page, re.MULTILINE)
    assert [(report, column) for report, column, _ in table] == [
        (report.slug, column.name)
        for report in sorted(REPORTS, key=lambda report: report.slug)
        for column in report.columns
        if column.personal
    ]
    told = {(report, column) for report, column, cost in table if "cannot be dropped" in cost}
    assert told == {
        (report.slug, column.name)
        for report in REPORTS
        for column in report.columns
        if column.personal and column.name in report.primary_key
    }
    (example,) = re.findall(r"```text\n(.+=.+)\n```", page)
    assert parse_privacy(example, REPORTS).needs_key


def test_the_secret_is_one_that_the_exporter_takes() -> None:
    (example,) = re.findall(r"```json\n(.+?)```", text(DOCS / "credentials.md"), re.DOTALL)
    regions = tuple(Region(name, "https://www.kaltura.com") for name in ("us", "eu", "ca"))
    found = parse_secret(example, regions)
    assert len({type(credentials) for credentials in found.values()}) == len(regions)


def test_every_code_of_kaltura_is_explained_to_the_operator() -> None:
    page = " ".join(text(DOCS / "operating.md").split())
    for code in ERROR_RULES:
        assert f"`{code}`" in page, code
