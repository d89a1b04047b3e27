"""Readability, and the page's messages for missing files and errors."""

import re
from functools import partial

import pytest
from playwright.sync_api import Request, Route, expect

from local.stack.stack import Stack
from tests.page.reader import (
    DESKTOP,
    PHONE,
    Open,
    accessibility_problems,
    intercepted,
    loaded,
    screenshot,
)
from tests.page.year import Year


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_the_page_is_readable_on_every_screen(
    browse: Open, scheme: str, viewport: dict[str, int]
) -> None:
    page = loaded(browse("#/attendees", color_scheme=scheme, viewport=viewport))
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper))) < 200) == (scheme == "dark")
    assert accessibility_problems(page) == []
    names = {("light", 1200): "overview", ("dark", 1200): "dark", ("light", 390): "phone"}
    if name := names.get((scheme, viewport["width"])):
        screenshot(page, name)


def test_filters_without_files_show_a_message(browse: Open, year: Year) -> None:
    page = loaded(browse(f"#/attendees/us/day?from={year.ago(-8)}&to={year.ago(-9)}"))
    expect(page.locator("#files")).to_contain_text("No files match the filters")
    assert accessibility_problems(page) == []
    page.get_by_role("button", name="Clear the filters").click()
    expect(page.locator("table.files tbody tr")).to_have_count(25)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (429, '{"message":"Limit Exceeded"}', "used its request quota for today"),
        (403, '{"error": {"code": "ACCESS_DENIED", "message": "no"}}', "not allowed to do this"),
        (404, '{"error": {"code": "no_such_route"}}', "signed with IAM"),
        (503, "<html>bad gateway</html>", "temporarily unavailable"),
        (None, "", "cannot be reached"),
    ],
)
def test_errors_are_shown_and_can_be_retried(
    browse: Open, status: int | None, body: str, message: str
) -> None:
    page = loaded(browse("#/attendees/us"))

    def fail(route: Route, _: Request) -> None:
        if status is None:
            route.abort("internetdisconnected")
        else:
            route.fulfill(status=status, body=body)

    with intercepted(page, fail):
        page.get_by_role("combobox", name="Region").select_option("eu")
        expect(page.locator("#banner")).to_contain_text(message)
        assert accessibility_problems(page) == []
    page.get_by_role("button", name="Try again").click()
    loaded(page)
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("table.files tbody tr")).to_have_count(25)


@pytest.mark.parametrize(
    ("field", "note"),
    [
        ("filters_current", "made with other filters"),
        ("privacy_current", "made with other privacy settings"),
    ],
)
def test_a_file_that_was_made_with_other_settings_says_so(
    browse: Open, year: Year, field: str, note: str
) -> None:
    page = loaded(browse("#/attendees/us"))

    def respond(route: Route, _: Request, *, current: bool | None) -> None:
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), field: current})

    for current in (False, True, None):
        with intercepted(page, partial(respond, current=current)):
            page.goto(f"{page.url.partition('#')[0]}#/attendees/us/day/{year.ago(3)}")
            dialog = page.get_by_role("dialog")
            expect(dialog).to_contain_text(f"attendees_us_{year.ago(3)}.csv")
            expect(dialog.get_by_text(note)).to_have_count(int(current is False))
            assert accessibility_problems(page) == []
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        # The address follows when the dialog tells that it was closed, which is a later task.
        expect(page).to_have_url(re.compile("#/attendees/us/day$"))


def test_a_late_response_does_not_replace_what_is_shown_since(browse: Open, year: Year) -> None:
    page = loaded(browse("#/attendees/us"))
    held: list[Route] = []

    def hold_the_first(route: Route, request: Request) -> None:
        if year.ago(3) in request.url:
            held.append(route)
        else:
            route.continue_()

    address = f"{page.url.partition('#')[0]}#/attendees/us/day/"
    with intercepted(page, hold_the_first):
        page.goto(address + year.ago(3))
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Loading")
        page.goto(address + year.ago(4))
        expect(dialog).to_contain_text(f"attendees_us_{year.ago(4)}.csv")
        for route in held:
            route.fulfill(
                status=403, body='{"error": {"code": "ACCESS_DENIED", "message": "late"}}'
            )
        page.wait_for_timeout(500)
        expect(dialog).to_contain_text(f"attendees_us_{year.ago(4)}.csv")
    assert held


def test_throttled_requests_are_retried(browse: Open) -> None:
    page = loaded(browse("#/attendees/us"))
    throttled: list[str] = []

    def throttle_once(route: Route, request: Request) -> None:
        if request.url in throttled:
            route.continue_()
        else:
            throttled.append(request.url)
            route.fulfill(status=429, body='{"message":"Too Many Requests"}')

    with intercepted(page, throttle_once):
        page.get_by_role("combobox", name="Region").select_option("eu")
        expect(page.locator(".region")).to_have_text("eu")
        loaded(page)
        expect(page.locator("table.files tbody")).to_contain_text("Attendees · eu")
        expect(page.locator("#banner")).to_be_hidden()
    assert len(throttled) == 2


def test_an_expired_key_leads_to_the_sign_in(browse: Open, stack: Stack) -> None:
    page = browse("#/attendees/eu", key="0123456789abcdef0123")
    expect(page.get_by_role("alert").first).to_contain_text("expired or was revoked")
    expect(page.get_by_label("API key")).to_be_focused()
    page.get_by_label("API key").fill(stack.api_key)
    page.keyboard.press("Enter")
    loaded(page)
    expect(page.get_by_role("combobox", name="Region")).to_have_value("eu")
    with intercepted(
        page, lambda route, _: route.fulfill(status=403, body='{"message":"Forbidden"}')
    ):
        page.get_by_role("combobox", name="Region").select_option("us")
        expect(page.get_by_role("alert").first).to_contain_text("expired or was revoked")
    assert page.evaluate("sessionStorage.length") == 0
