"""The links, commands and examples on the page and in the docs."""

import re
import sys
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from local.stack.stack import Stack
from tests.page.one_file import days, joined, store, table_of
from tests.page.reader import ZONE, Open, loaded, run, stored
from tests.page.year import GAP, Year

SCRIPT = '"""Put the files of a range together'
"""How the script that puts a range together begins."""


def documented(language: str) -> list[str]:
    """Return the examples in docs/downloads.md."""
    text = (Path(__file__).parents[2] / "docs/downloads.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_links_and_commands_are_copied_without_the_key(
    browse: Open, stack: Stack, year: Year, tmp_path: Path
) -> None:
    page = loaded(browse(f"#/attendees/us/day/{year.ago(2)}"))
    name = f"attendees_us_{year.ago(2)}.csv"
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("status")).to_contain_text(
        re.compile(rf"works for anyone who has it until \d\d:\d\d \({ZONE}\)")
    )
    link = page.evaluate("navigator.clipboard.readText()")
    assert requests.get(link, timeout=30).content == stored(stack, name)
    dialog.get_by_role("button", name="Copy curl").click()
    expect(page.get_by_role("status")).to_contain_text("Command copied")
    command = page.evaluate("navigator.clipboard.readText()")
    assert stack.api_key not in link + command
    run(["bash", "-c", command], stack, tmp_path)
    assert (tmp_path / name).read_bytes() == stored(stack, name)


def test_the_examples_on_the_page_work(browse: Open, stack: Stack, tmp_path: Path) -> None:
    page = loaded(browse("#/attendees/us"))
    tools = page.get_by_role("tablist", name="Tool")
    tools.get_by_role("tab", name="curl").focus()
    shown = {}
    for name in ("curl", "Excel, Power BI", "PowerShell", "pandas", "R"):
        expect(tools.get_by_role("tab", name=name, exact=True)).to_be_focused()
        shown[name] = page.get_by_role("tabpanel", name=name).locator("code").inner_text()
        page.keyboard.press("ArrowRight")
    assert all("attendees/us/day/latest.csv" in text for text in shown.values())
    assert stack.api_key not in str(shown)
    command = shown["curl"].partition("\n")[2]
    run(["bash", "-c", command], stack, tmp_path)
    rows = (tmp_path / "attendees_us_latest.csv").read_text().count("\n") - 1
    printed = run([sys.executable, "-c", f"{shown['pandas']}\nprint(len(table))"], stack, tmp_path)
    assert int(printed) == rows


@pytest.mark.parametrize("language", ["sh", "python"])
def test_the_examples_in_the_docs_work(
    stack: Stack, year: Year, tmp_path: Path, language: str
) -> None:
    examples = [text for text in documented(language) if not text.startswith(SCRIPT)]
    assert len(examples) == 2
    interpreter = {"sh": "sh", "python": sys.executable}[language]
    for example in examples:
        printed = run([interpreter, "-c", example], stack, tmp_path)
        if language == "sh":
            latest = stored(stack, f"attendees_eu_{year.ago(0)}.csv")
            assert (tmp_path / "attendees.csv").read_bytes() == latest
            (tmp_path / "attendees.csv").unlink()
        else:
            assert "entry_id" in printed


def test_the_script_in_the_docs_puts_a_range_together(
    stack: Stack, year: Year, tmp_path: Path
) -> None:
    (script,) = [text for text in documented("python") if text.startswith(SCRIPT)]
    # The range begins before the gap and ends after it.
    begin, end = year.ago(GAP[0] + 3), year.ago(GAP[1] - 3)
    command = [sys.executable, "-c", script, "attendees", "eu", begin, end]
    assert "attendees_eu.csv: 5 files" in run(command, stack, tmp_path)
    held = [day for day in days(begin, end)[:-1] if day not in {year.ago(age) for age in GAP}]
    expected = joined([stored(stack, f"attendees_eu_{day}.csv") for day in held])
    assert (tmp_path / "attendees_eu.csv").read_bytes() == expected
    # The second time, it fetches only what did not arrive as it was exported.
    parts = sorted((tmp_path / "attendees_eu_parts").iterdir())
    parts[0].write_bytes(b"damaged")
    written = {part: part.stat().st_mtime_ns for part in parts}
    run(command, stack, tmp_path)
    assert (tmp_path / "attendees_eu.csv").read_bytes() == expected
    assert [part for part in parts if part.stat().st_mtime_ns != written[part]] == parts[:1]


def test_the_script_in_the_docs_matches_columns_and_reads_gzip(
    stack: Stack, tmp_path: Path
) -> None:
    (script,) = [text for text in documented("python") if text.startswith(SCRIPT)]
    store(stack, "2024-08-01", [["a", "b"], ["1", "=2,é"]])
    store(stack, "2024-08-02", [["a", "c"], ["3", "4"]], compressed=True)
    command = [sys.executable, "-c", script, "attendees", "us", "2024-08-01", "2024-08-03"]
    run(command, stack, tmp_path)
    content = (tmp_path / "attendees_us.csv").read_bytes()
    assert table_of(content) == [["a", "b", "c"], ["1", "=2,é", ""], ["3", "", "4"]]
