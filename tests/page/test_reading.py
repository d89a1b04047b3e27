"""The page as users use it: signing in, filtering, downloading, with a mouse or a keyboard."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import requests
from playwright.sync_api import expect

from local.stack.stack import Stack
from tests.page.reader import Open, accessibility_problems, loaded, screenshot, stored
from tests.page.year import GAP, Year


def test_a_user_signs_in_and_sees_a_year_of_coverage(
    browse: Open, stack: Stack, year: Year
) -> None:
    page = browse(key=None)
    assert accessibility_problems(page) == []
    for wrong, problem in (
        ("", "Enter the API key"),
        ("clé", "does not look like an API key"),
        ("0123456789abcdef0123", "not accepted. Check that you copied all of it"),
    ):
        page.get_by_label("API key").fill(wrong)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").first).to_contain_text(problem)
    page.get_by_label("API key").fill(stack.api_key)
    page.get_by_role("button", name="Show the reports").click()
    loaded(page)
    assert page.locator("article.series").count() == 6
    grid = page.get_by_role("grid", name="Coverage of Attendees, eu")
    parameters = {"report": "attendees", "region": "eu", "from": year.ago(300), "to": year.ago(-1)}
    windows = requests.get(
        f"{stack.api_url}/coverage", parameters, headers={"x-api-key": stack.api_key}, timeout=30
    ).json()["windows"]
    assert {each["state"] for each in windows} == {"settled", "settling", "open", "missing"}
    marks = grid.locator("td[data-start]").evaluate_all(
        "cells => Object.fromEntries(cells.map(cell => [cell.dataset.start, cell.className]))"
    )
    for each in windows:
        assert each["state"] in marks[each["start"]].split()
    assert page.evaluate("[Object.values(sessionStorage), localStorage.length]") == [
        [stack.api_key],
        0,
    ]
    page.get_by_role("button", name="Forget the key").click()
    expect(page.get_by_label("API key")).to_be_focused()
    page.reload()
    expect(page.get_by_label("API key")).to_be_visible()


def test_filters_find_a_file_and_its_bytes_come_down(
    browse: Open, stack: Stack, year: Year
) -> None:
    page = loaded(browse("#/room_data/eu"))
    page.get_by_role("combobox", name="Report").select_option(label="Attendees")
    page.get_by_role("combobox", name="Region").select_option("us")
    page.get_by_label("From", exact=True).fill(year.ago(40))
    page.get_by_label("To", exact=True).fill(year.ago(39))
    expect(page.locator("table.files tbody tr")).to_have_count(2)
    name = f"attendees_us_{year.ago(39)}.csv"
    with page.expect_download() as started:
        page.get_by_role("button", name=f"Download {name}").click()
    assert started.value.suggested_filename == name
    assert Path(started.value.path()).read_bytes() == stored(stack, name)
    expect(page.get_by_role("status")).to_contain_text(f"Downloading {name}")
    again = loaded(browse(urlsplit(page.url)._replace(scheme="", netloc="", path="").geturl()))
    expect(again.get_by_label("From", exact=True)).to_have_value(year.ago(40))
    expect(again.locator("table.files tbody tr")).to_have_count(2)
    page.get_by_label("To", exact=True).fill("")
    expect(page.locator("table.files tbody tr")).to_have_count(25)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("table.files tbody tr")).to_have_count(41)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()


def test_a_button_downloads_the_latest_file(browse: Open, stack: Stack, year: Year) -> None:
    page = loaded(browse("#/breakout_sessions/eu"))
    with page.expect_download() as started:
        page.get_by_role("button", name="Download latest of Breakout sessions, eu").click()
    name = f"breakout_sessions_eu_{year.ago(0)}.csv"
    assert started.value.suggested_filename == name
    assert Path(started.value.path()).read_bytes() == stored(stack, name)


def test_an_address_opens_a_file(browse: Open, year: Year) -> None:
    page = loaded(browse(f"#/attendees/eu/day/{year.ago(3)}"))
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"attendees_eu_{year.ago(3)}.csv")
    expect(dialog).to_contain_text(re.compile(r"00:00 CES?T to .* 00:00 CES?T"))
    screenshot(page, "file")
    assert accessibility_problems(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile("#/attendees/eu/day$"))
    for route, message in (
        (f"#/attendees/eu/day/{year.ago(GAP[0])}", "has not been exported"),
        ("#/attendees/eu/day/2098-01-01", "There is no"),
        ("#/nothing/eu/day/2026-01-01", "There is no report"),
        ("#/attendees/eu/day/%E0%A4%A", "Nothing"),
        ("#/attendees/eu/day/%3Cb%3E", "should be the start of a window"),
    ):
        page.goto(f"{page.url.partition('#')[0]}{route}")
        if message == "Nothing":
            loaded(page)
        else:
            expect(page.get_by_role("dialog")).to_contain_text(message)


def test_the_page_works_with_a_keyboard_alone(browse: Open, stack: Stack, year: Year) -> None:
    page = browse("#/attendees/us", key=None)
    press = page.keyboard.press
    page.keyboard.type(stack.api_key)
    press("Enter")
    loaded(page)
    expect(page.locator("main")).to_be_focused()
    for _ in range(20):
        press("Tab")
        if page.evaluate("document.activeElement.matches('td')"):
            break
    label = page.locator("td:focus")
    expect(label).to_have_attribute("data-start", year.ago(0))
    for key, days in (("ArrowLeft", 7), ("ArrowLeft", 14)):
        press(key)
        expect(label).to_have_attribute("data-start", year.ago(days))
    expect(page.locator(".readout")).to_contain_text("settled")
    press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text(f"attendees_us_{year.ago(14)}.csv")
    while not page.evaluate("document.activeElement.textContent.startsWith('Download')"):
        press("Tab")
    with page.expect_download() as started:
        press("Enter")
    name = f"attendees_us_{year.ago(14)}.csv"
    assert Path(started.value.path()).read_bytes() == stored(stack, name)
    press("Escape")
    expect(label).to_have_attribute("data-start", year.ago(14))


def test_hours_have_a_calendar(browse: Open, year: Year) -> None:
    page = loaded(browse("#/attendees/us/hour"))
    cell = page.locator(f"td[data-start='{year.ago(1)}T12Z']")
    expect(cell).to_have_class(re.compile("settling"))
    expect(cell).to_have_attribute("aria-label", re.compile("12:00 to 13:00 UTC"))
    assert accessibility_problems(page) == []
    page.get_by_role("button", name="Earlier").click()
    expect(page.locator(".summary")).to_have_text("No exports in this period.")
