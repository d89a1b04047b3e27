"""How the page looks, and what it says when something is not there or fails."""

import re

import pytest
from playwright.sync_api import Request, Route, expect

from local.stack.stack import Stack
from tests.page.reader import DESKTOP, PHONE, Open, answered, grave_faults, loaded, picture
from tests.page.year import Year


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_every_screen_is_readable(browse: Open, scheme: str, viewport: dict[str, int]) -> None:
    page = loaded(browse("#/attendees", color_scheme=scheme, viewport=viewport))
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper))) < 200) == (scheme == "dark")
    assert grave_faults(page) == []
    names = {("light", 1200): "overview", ("dark", 1200): "dark", ("light", 390): "phone"}
    if name := names.get((scheme, viewport["width"])):
        picture(page, name)


def test_what_is_not_there_is_said_calmly(browse: Open, year: Year) -> None:
    page = loaded(browse(f"#/attendees/us/day?from={year.ago(-8)}&to={year.ago(-9)}"))
    expect(page.locator("#files")).to_contain_text("No files here")
    assert grave_faults(page) == []
    page.get_by_role("button", name="Clear the filters").click()
    expect(page.locator("table.files tbody tr")).to_have_count(25)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (429, '{"message":"Limit Exceeded"}', "used up its requests for today"),
        (403, '{"error": {"code": "ACCESS_DENIED", "message": "no"}}', "it may not do this"),
        (404, '{"error": {"code": "no_such_route"}}', "signed with IAM"),
        (503, "<html>bad gateway</html>", "cannot be reached at the moment"),
        (None, "", "There is no connection"),
    ],
)
def test_failures_are_said_and_can_be_tried_again(
    browse: Open, status: int | None, body: str, told: str
) -> None:
    page = loaded(browse("#/attendees/us"))

    def fail(route: Route, _: Request) -> None:
        if status is None:
            route.abort("internetdisconnected")
        else:
            route.fulfill(status=status, body=body)

    with answered(page, fail):
        page.get_by_role("combobox", name="Region").select_option("eu")
        expect(page.locator("#banner")).to_contain_text(told)
        assert grave_faults(page) == []
    page.get_by_role("button", name="Try again").click()
    loaded(page)
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("table.files tbody tr")).to_have_count(25)


def test_a_busy_api_is_asked_again(browse: Open) -> None:
    page = loaded(browse("#/attendees/us"))
    refused: list[str] = []

    def refuse_once(route: Route, request: Request) -> None:
        if request.url in refused:
            route.continue_()
        else:
            refused.append(request.url)
            route.fulfill(status=429, body='{"message":"Too Many Requests"}')

    with answered(page, refuse_once):
        page.get_by_role("combobox", name="Region").select_option("eu")
        expect(page.locator(".region")).to_have_text("eu")
        loaded(page)
        expect(page.locator("table.files tbody")).to_contain_text("Attendees · eu")
        expect(page.locator("#banner")).to_be_hidden()
    assert len(refused) == 2


def test_a_key_that_ended_is_asked_for_again(browse: Open, stack: Stack) -> None:
    page = browse("#/attendees/eu", key="0123456789abcdef0123")
    expect(page.get_by_role("alert").first).to_contain_text("expired or was withdrawn")
    expect(page.get_by_label("API key")).to_be_focused()
    page.get_by_label("API key").fill(stack.api_key)
    page.keyboard.press("Enter")
    loaded(page)
    expect(page.get_by_role("combobox", name="Region")).to_have_value("eu")
    with answered(page, lambda route, _: route.fulfill(status=403, body='{"message":"Forbidden"}')):
        page.get_by_role("combobox", name="Region").select_option("us")
        expect(page.get_by_role("alert").first).to_contain_text("expired or was withdrawn")
    assert page.evaluate("sessionStorage.length") == 0
