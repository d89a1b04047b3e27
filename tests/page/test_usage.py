"""The view of usage: counts of each day and week, gaps as gaps, and findings with their reason."""

import re
from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from local.stack.stack import Stack
from tests.page.counted import REWRITTEN, TEXTS, UNATTENDED, UNCOUNTED, counts
from tests.page.reader import (
    DESKTOP,
    PHONE,
    Open,
    accessibility_problems,
    intercepted,
    loaded,
    screenshot,
)
from tests.page.year import FIRST_DAYS, GAP, Year

DAY = timedelta(days=1)
SETTLING = 3
"""Days up to this age are not final: the stack's settle time is two days."""
Figures = list[tuple[str, list[str]]]


def shown(page: Page) -> Page:
    """Return the page when its charts are drawn."""
    expect(page.locator("svg.usage").first).to_be_visible()
    expect(page.locator("#usage-charts [aria-busy=true]")).to_have_count(0)
    return page


def figures(page: Page) -> Figures:
    """Return the rows of the first table, oldest first, each with its name and its cells."""
    table = page.locator("table.figures").first
    rows = table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return [(name, cells) for name, *cells in reversed(rows)]


def number(value: float) -> str:
    rounded = round(value, 1) if value < 10 else round(value)
    return f"{rounded:,.1f}".removesuffix(".0") if rounded < 10 else f"{rounded:,.0f}"


def half_up(value: float) -> float:
    """Round as JavaScript does."""
    factor = 10 if value < 10 else 1
    return int(value * factor + 0.5) / factor


def measures(day: str, year: Year) -> list[float]:
    attended = counts("attendees", day, year)
    rooms = counts("room_data", day, year)
    return [rooms["sessions"], attended["users"], attended["minutes"] / 60]


def age_of(day: str, year: Year) -> int:
    return (year.today - date.fromisoformat(day)).days


def days_shown(to: str) -> list[str]:
    """Return the 13 weeks that end with the week of ``to``."""
    last = date.fromisoformat(to)
    first = last - last.weekday() * DAY - 12 * 7 * DAY
    return [str(first + place * DAY) for place in range((last - first).days + 1)]


def expected_cells(day: str, year: Year, gap: Sequence[int]) -> list[str]:
    """Return the cells of a day: its three measures. Rooms have files of fewer days."""
    age, cells = age_of(day, year), []
    for slug, value in zip(
        ("room_data", "attendees", "attendees"), measures(day, year), strict=True
    ):
        if age > FIRST_DAYS[slug]:
            cells.append("before the first file")
        elif slug == "attendees" and age in gap:
            cells.append("no file")
        elif age in (UNCOUNTED, REWRITTEN):
            cells.append("not counted")
        else:
            text = number(half_up(value))
            cells.append(text if age >= SETTLING else f"{text} (provisional)")
    return cells


def test_each_day_has_the_counts_of_its_files(browse: Open, year: Year) -> None:
    page = shown(browse("#/usage/eu/day"))
    found = figures(page)
    wanted = days_shown(str(year.today))
    assert len(found) == len(wanted)
    for (name, cells), day in zip(found, wanted, strict=True):
        moment = date.fromisoformat(day)
        assert name == f"{moment:%a} {moment.day} {moment:%b} {moment.year}".replace("Sep", "Sept")
        if age_of(day, year) != SETTLING - 1:  # it settles in the course of a day
            assert cells[:3] == expected_cells(day, year, GAP), day
        assert cells[3] == ""
    (uncounted,) = [cells for name, cells in found if cells[1] == "0"]
    assert uncounted[1:3] == ["0", "0"], "a day without attendees is a zero"
    assert found[-1 - UNATTENDED][1] == uncounted


def test_a_gap_is_drawn_as_a_gap_and_a_zero_as_a_bar(browse: Open, year: Year) -> None:
    page = shown(browse(f"#/usage/eu/day?to={year.ago(60)}"))
    found = figures(page)
    gap = [cells for _, cells in found if cells[1] == "no file"]
    assert [cells[1:3] for cells in gap] == [["no file"] * 2] * len(GAP)
    people = page.locator("svg.usage g").nth(1)
    counted = [cells for _, cells in found if cells[1][0].isdigit()]
    expect(people.locator("rect.bar")).to_have_count(len(counted))
    expect(people.locator("rect.gap-line.missing")).to_have_count(len(GAP))
    page.goto(f"{page.url.partition('#')[0]}#/usage/eu/day")
    shown(page)
    expect(people.locator("rect.gap-line.unknown")).to_have_count(2)
    heights = people.locator("rect.bar").evaluate_all(
        "bars => bars.map(bar => bar.height.baseVal.value)"
    )
    assert min(heights) == 1.5, "the day without attendees"
    assert len(heights) == len([cells for _, cells in figures(page) if cells[1][0].isdigit()])


def test_a_week_adds_up_what_adds_up_and_says_which_days_it_lacks(browse: Open, year: Year) -> None:
    page = shown(browse(f"#/usage/eu/week?to={year.ago(8)}"))
    found = figures(page)
    assert len(found) == 53
    headings = page.locator("table.figures thead th").all_text_contents()
    assert headings == ["Week", "Sessions", "People on the busiest day", "Hours", "Findings"]
    last = date.fromisoformat(year.ago(8))
    monday = last - last.weekday() * DAY
    for weeks, (name, cells) in enumerate(reversed(found)):
        first = monday - 7 * weeks * DAY
        assert name.startswith("Week of Mon ")
        days = [str(first + place * DAY) for place in range(7)]
        known = [day for day in days if expected_cells(day, year, GAP)[1][0].isdigit()]
        known = [day for day in known if day <= str(last)]
        if not known:
            assert cells[1] in ("before the first file", "no file"), name
            continue
        people = max(measures(day, year)[1] for day in known)
        hours = sum(measures(day, year)[2] for day in known)
        lacking = "" if len(known) == 7 else f" ({len(known)} of 7 days)"
        assert cells[1] == f"{number(half_up(people))}{lacking}", name
        assert cells[2] == f"{number(half_up(hours))}{lacking}", name
    assert "of 7 days" in str(found)


def test_findings_are_marked_with_their_reason(browse: Open, year: Year) -> None:
    page = loaded(browse("#/attendees/us"))
    expect(page.locator("td.mark.finding")).to_have_count(len(TEXTS))
    for age, texts in TEXTS.items():
        cell = page.locator(f"td[data-start='{year.ago(age)}']")
        expect(cell).to_have_class(re.compile(r"\bfinding\b"))
        expect(cell).to_have_class(re.compile(r"\bsettled\b"))
        for text in texts:
            expect(cell).to_have_attribute("aria-label", re.compile(re.escape(text)))
        cell.hover()
        expect(page.locator(".reasons")).to_have_text(" · ".join(texts))
    page.locator(f"td[data-start='{year.ago(18)}']").hover()
    expect(page.locator(".reasons")).to_have_text("")
    expect(page.locator(".summary")).to_contain_text(f"{len(TEXTS)} with a finding")
    page.get_by_text("3 findings").click()
    items = page.locator(".findings li")
    expect(items).to_have_count(3)
    expect(items.first).to_contain_text(TEXTS[17][0])
    assert accessibility_problems(page) == []
    screenshot(page, "findings")
    items.first.get_by_role("link").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"attendees_us_{year.ago(17)}.csv")
    other = loaded(browse("#/attendees/eu"))
    expect(other.locator("td.mark.finding")).to_have_count(0)
    expect(other.locator(".summary")).not_to_contain_text("finding")


def test_usage_shows_the_findings_of_its_days(browse: Open, year: Year) -> None:
    page = shown(browse("#/usage/us/day"))
    drawn = page.locator("svg.usage polygon.finding")
    # One in each of the two panels whose figures come from attendees.
    expect(drawn).to_have_count(2 * len(TEXTS))
    cells = {name: cells[3] for name, cells in figures(page) if cells[3]}
    assert list(cells.values()) == [" ".join(TEXTS[age]) for age in sorted(TEXTS, reverse=True)]
    page.get_by_text("3 findings").click()
    expect(page.locator(".findings li").first).to_contain_text(TEXTS[17][0])


def test_tabs_follow_the_keyboard_and_the_address(browse: Open, year: Year) -> None:
    page = loaded(browse("#/attendees/eu"))
    tabs = page.get_by_role("tablist", name="View")
    files, usage = (tabs.get_by_role("tab", name=name) for name in ("Files", "Usage"))
    expect(files).to_have_attribute("aria-selected", "true")
    files.focus()
    page.keyboard.press("ArrowRight")
    expect(usage).to_be_focused()
    expect(usage).to_have_attribute("aria-selected", "true")
    expect(page).to_have_url(re.compile("#/usage/eu/day$"))
    expect(page.get_by_role("tabpanel", name="Usage")).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Files")).to_be_hidden()
    expect(shown(page).locator("svg.usage")).to_have_count(1)
    page.get_by_role("combobox", name="By").select_option("week")
    expect(page).to_have_url(re.compile("#/usage/eu/week$"))
    page.get_by_role("button", name="Earlier").click()
    expect(page).to_have_url(re.compile(r"#/usage/eu/week\?to=\d{4}-\d\d-\d\d$"))
    address, period = page.url, page.locator("#usage-period").inner_text()
    page.get_by_role("button", name="Later").click()
    expect(page).to_have_url(re.compile("#/usage/eu/week$"))
    expect(page.get_by_role("button", name="Later")).to_be_disabled()
    again = shown(browse(f"#{address.partition('#')[2]}"))
    expect(again.locator("#usage-period")).to_have_text(period)
    expect(again.get_by_role("combobox", name="By")).to_have_value("week")
    usage.focus()
    page.keyboard.press("Home")
    expect(files).to_be_focused()
    expect(page).to_have_url(re.compile("#/attendees/eu/day$"))
    expect(page.locator("table.files tbody tr")).to_have_count(25)
    page.go_back()
    expect(usage).to_have_attribute("aria-selected", "true")


def test_a_slider_reads_each_day(browse: Open, year: Year) -> None:
    page = shown(browse("#/usage/us/day"))
    slider = page.get_by_role("slider", name="Day in us")
    readout = page.locator("#usage-charts .readout")
    slider.focus()
    page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("Sessions .* People .* Hours "))
    for _ in range(17):
        page.keyboard.press("ArrowLeft")
    for place in (readout, slider):
        text = place.get_attribute("aria-valuetext") or place.inner_text()
        assert TEXTS[17][0] in text
        assert f"People {number(measures(year.ago(17), year)[1])}" in text
    plot = page.locator(".plot")
    box = plot.bounding_box()
    assert box
    before = readout.inner_text()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    expect(readout).not_to_have_text(before)
    middle = days_shown(str(year.today))[int(slider.input_value())]
    assert cursor_is_over(page, middle, year)
    page.get_by_text("The figures as a table").focus()
    page.keyboard.press("Enter")
    expect(page.locator("table.figures")).to_be_visible()


def cursor_is_over(page: Page, day: str, year: Year) -> bool:
    """Return whether the marked column is the one of ``day``, by its distance from the left."""
    cursor: Locator = page.locator("svg.usage rect.cursor")
    left, width = cursor.evaluate("mark => [mark.x.baseVal.value, mark.width.baseVal.value]")
    return bool(round((left - 46) / width) == days_shown(str(year.today)).index(day))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
@pytest.mark.parametrize("by", ["day", "week"])
def test_usage_is_readable_on_every_screen(
    browse: Open, scheme: str, viewport: dict[str, int], by: str
) -> None:
    page = shown(browse(f"#/usage/*/{by}", color_scheme=scheme, viewport=viewport))
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    assert page.locator("svg.usage").count() == 2
    assert accessibility_problems(page) == []
    picture = {
        ("light", 1200, "day"): "usage",
        ("dark", 1200, "day"): "usage-dark",
        ("light", 390, "week"): "usage-phone",
    }.get((scheme, viewport["width"], by))
    if picture:
        page.locator("#usage-title").evaluate("title => title.scrollIntoView()")
        screenshot(page, picture)
    page.get_by_text("The figures as a table").first.click()
    assert accessibility_problems(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]


def test_the_chart_is_drawn_again_in_another_width_and_nothing_moves(
    browse: Open, year: Year
) -> None:
    page = shown(browse("#/usage/us/day", reduced_motion="reduce"))
    assert page.locator("svg.usage").get_attribute("width") != "320"
    page.set_viewport_size(PHONE)
    expect(page.locator("svg.usage")).to_have_attribute("width", re.compile(r"^3\d\d$"))
    animated = "document.getAnimations().length"
    assert page.evaluate(animated) == 0


def test_usage_requests_counts_alone(browse: Open, stack: Stack, year: Year) -> None:
    page = browse("#/usage/us/day", key=None)
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.get_by_label("API key").fill(stack.api_key)
    page.keyboard.press("Enter")
    shown(page)
    paths = [url.removeprefix(stack.api_url) for url in requested]
    assert paths[0] == "/exports?limit=1", "the key is tried"
    assert {path.partition("?")[0] for path in paths[1:]} == {"/coverage"}
    assert len(paths) == 3, "one request for each report"


def test_files_without_counts_are_said_to_have_none(browse: Open, year: Year) -> None:
    page = loaded(browse("#/attendees/us"))

    def uncounted(route: Route, _: Request) -> None:
        response = route.fetch()
        nothing: dict[str, object] = {
            "rows": None,
            "sessions": None,
            "users": None,
            "minutes": None,
            "findings": [],
        }
        windows = [{**each, **nothing} for each in response.json()["windows"]]
        route.fulfill(response=response, json={"windows": windows})

    with intercepted(page, uncounted):
        page.get_by_role("tab", name="Usage").click()
        shown(page)
        expect(page.locator("#usage-charts .summary")).to_contain_text("not counted")
        expect(page.locator("svg.usage rect.bar")).to_have_count(0)
    assert "0" not in [cell for _, cells in figures(page) for cell in cells]


def test_an_error_is_shown_and_can_be_retried(browse: Open, year: Year) -> None:
    page = shown(browse("#/usage/us/day"))

    def fail(route: Route, _: Request) -> None:
        route.abort("internetdisconnected")

    with intercepted(page, fail):
        page.get_by_role("combobox", name="Region").select_option("eu")
        expect(page.locator("#banner")).to_contain_text("cannot be reached")
        expect(page.locator("#usage-charts .summary")).to_have_text("Not loaded.")
    page.get_by_role("button", name="Try again").click()
    shown(page)
    expect(page.locator("#banner")).to_be_hidden()
    assert len(figures(page)) == len(days_shown(str(year.today)))
