"""A range as one file: what it holds, and what happens when something fails on the way."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Download, Page, Request, Route, expect

from local.stack.stack import Stack
from tests.page.one_file import (
    LINK,
    WITH_PICKER,
    WITHOUT_PICKER,
    days,
    download,
    joined,
    open_range,
    store,
    table_of,
)
from tests.page.reader import (
    PHONE,
    Open,
    accessibility_problems,
    loaded,
    screenshot,
    stored,
)
from tests.page.year import GAP, Year

SAVED = """
async () => {
  const directory = await navigator.storage.getDirectory();
  const found = [];
  for await (const [key, handle] of directory.entries()) {
    found.push([key, await (await handle.getFile()).text()]);
  }
  return found;
}
"""

HEAR = """
() => {
  window.heard = [];
  const spoken = document.getElementById("range-spoken");
  new MutationObserver(() => window.heard.push(spoken.textContent)).observe(spoken, {
    childList: true,
  });
}
"""


def attendees(stack: Stack, region: str, labels: list[str]) -> list[bytes]:
    return [stored(stack, f"attendees_{region}_{label}.csv") for label in labels]


def without_picker(page: Page) -> Page:
    page.evaluate(WITHOUT_PICKER)
    return page


def watched_downloads(page: Page) -> list[Download]:
    """Return a list to which each download that begins is added."""
    begun: list[Download] = []

    def add(begun_now: Download) -> None:
        begun.append(begun_now)

    page.on("download", add)
    return begun


@pytest.mark.parametrize("bom", [False, True])
def test_a_range_is_one_file_with_one_header(
    browse: Open, stack: Stack, year: Year, *, bom: bool
) -> None:
    page = without_picker(loaded(browse("#/attendees/us", apart=True)))
    first, last = year.ago(40), year.ago(0)
    dialog = open_range(page, first, last, Format="excel" if bom else "csv")
    expect(dialog.locator("#range-plan")).to_contain_text("41 files")
    expect(dialog.locator("#range-plan")).to_contain_text("files are not final yet")
    expect(dialog.locator("#range-plan")).not_to_contain_text("no file")
    assert accessibility_problems(page) == []
    name, content = download(page)
    assert name == f"attendees_us_{first}_to_{last}{'_excel' if bom else ''}.csv"
    expected = joined(attendees(stack, "us", days(first, last)))
    assert content == (b"\xef\xbb\xbf" if bom else b"") + expected
    rows = expected.count(b"\n") - 1
    complete = f"Complete: {name}, {rows:,} rows."
    expect(dialog.locator("#range-spoken")).to_have_text(complete)
    assert dialog.locator("progress").evaluate("bar => [bar.value, bar.max]") == [41, 41]
    assert accessibility_problems(page) == []


def test_the_filters_of_the_page_are_chosen_already(browse: Open, year: Year) -> None:
    first, last = year.ago(30), year.ago(20)
    page = loaded(browse(f"#/attendees/eu/day?from={first}&to={last}"))
    page.get_by_role("button", name="Download a range as one file").click()
    dialog = page.get_by_role("dialog")
    for label, value in (
        ("Report", "attendees"),
        ("Region", "eu"),
        ("First day", first),
        ("Last day", last),
    ):
        expect(dialog.get_by_label(label)).to_have_value(value)
    dialog.get_by_label("First day").fill(year.ago(10))
    expect(dialog.get_by_role("alert")).to_have_text("The first day is after the last day.")
    expect(dialog.get_by_role("button", name="Download")).to_be_disabled()
    dialog.get_by_label("First day").fill("2010-01-01")
    dialog.get_by_label("Last day").fill("2010-01-01")
    expect(dialog.locator("#range-plan")).to_have_text("There are no files in this range.")
    expect(dialog.get_by_role("button", name="Download")).to_be_disabled()


def test_missing_windows_are_named_before_the_download(
    browse: Open, stack: Stack, year: Year
) -> None:
    page = without_picker(loaded(browse("#/attendees/eu")))
    # The exports begin 300 days ago, so that the first days of a longer range are missing too.
    first, last = year.ago(310), year.ago(90)
    dialog = open_range(page, first, last)
    plan = dialog.locator("#range-plan")
    expect(plan).to_contain_text("209 files")
    expect(plan).to_contain_text("12 days of the range have no file")
    expect(plan.locator("li")).to_have_count(2)
    expect(plan.locator("li").nth(0)).to_contain_text("(10 days)")
    expect(plan.locator("li").nth(1)).to_contain_text("(2 days)")
    screenshot(page, "range")
    held = [day for day in days(first, last) if day not in {year.ago(age) for age in GAP}][10:]
    assert download(page)[1] == joined(attendees(stack, "eu", held))


def test_a_range_of_hours_is_one_file(browse: Open, stack: Stack, year: Year) -> None:
    page = without_picker(loaded(browse("#/attendees/us/hour")))
    day = year.ago(1)
    dialog = open_range(page, day, day)
    expect(dialog.get_by_label("Granularity")).to_have_value("hour")
    prefix = f"attendees/granularity=hour/region=us/dt={day}/"
    listed = stack.aws.s3.list_objects_v2(Bucket=stack.bucket, Prefix=prefix)["Contents"]
    expect(dialog.locator("#range-plan")).to_contain_text(f"{len(listed)} files")
    name, content = download(page)
    assert name == f"attendees_us_hours_{day}_to_{day}.csv"
    names = [each["Key"].rpartition("/")[2] for each in listed]
    assert content == joined([stored(stack, each) for each in names])


def test_a_file_is_written_as_it_grows_where_the_browser_can(
    browse: Open, stack: Stack, year: Year
) -> None:
    page = loaded(browse("#/attendees/us", apart=True))
    page.evaluate(WITH_PICKER)
    first, last = year.ago(9), year.ago(5)
    dialog = open_range(page, first, last)
    dialog.get_by_role("button", name="Download").click()
    expect(dialog.locator("#range-spoken")).to_contain_text("Complete")
    expected = joined(attendees(stack, "us", days(first, last)))
    name = f"attendees_us_{first}_to_{last}.csv"
    assert page.evaluate(SAVED) == [[name, expected.decode()]]


@pytest.mark.parametrize("picker", [WITH_PICKER, WITHOUT_PICKER])
def test_a_cancelled_download_leaves_nothing(browse: Open, year: Year, picker: str) -> None:
    page = loaded(browse("#/attendees/us"))
    page.evaluate(picker)
    downloads = watched_downloads(page)
    held: list[Route] = []

    def hold(route: Route, request: Request) -> None:
        if year.ago(17) in request.url:
            held.append(route)
        else:
            route.continue_()

    page.route(LINK, hold)
    dialog = open_range(page, year.ago(20), year.ago(10))
    dialog.get_by_role("button", name="Download").click()
    expect(dialog.locator("#range-counts")).to_contain_text("3 of 11 files")
    # What took minutes is not thrown away by one key.
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.locator("#range-spoken")).to_have_text("Cancelled. Nothing was saved.")
    expect(dialog.get_by_role("button", name="Download")).to_be_focused()
    assert page.evaluate(SAVED) == []
    assert downloads == []
    page.unroute(LINK)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def expired(route: Route, request: Request) -> None:
    # A link whose time is not the signed one is what S3 makes of an expired one: it refuses it.
    route.continue_(url=re.sub(r"X-Amz-Expires=\d+", "X-Amz-Expires=1", request.url))


def damaged(route: Route, _: Request) -> None:
    response = route.fetch()
    route.fulfill(response=response, body=response.body()[:-2] + b"x\n")


def cut_off(route: Route, _: Request) -> None:
    route.abort("connectionreset")


def stalled(_: Route, __: Request) -> None:
    """Leave the request without a response."""


@pytest.mark.parametrize("fault", [expired, damaged, cut_off, stalled])
def test_a_fault_on_the_way_is_made_good_with_a_new_link(
    browse: Open, stack: Stack, year: Year, fault: Callable[[Route, Request], None]
) -> None:
    page = without_picker(loaded(browse("#/attendees/us", apart=True)))
    first, last, day = year.ago(9), year.ago(5), year.ago(7)
    page.evaluate("TRANSFER.stallTimeout = 3000")
    links: list[str] = []

    def once(route: Route, request: Request) -> None:
        if day in request.url:
            links.append(request.url)
        if links == [request.url]:
            # Links of the same second are equal.
            time.sleep(1.1)
            fault(route, request)
        else:
            route.continue_()

    page.route(LINK, once)
    open_range(page, first, last)
    assert download(page)[1] == joined(attendees(stack, "us", days(first, last)))
    assert len(set(links)) == 2
    page.unroute(LINK)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(damaged, "its SHA-256 is another"), (expired, "S3 returned the status 403")],
)
def test_a_fault_that_stays_ends_the_download_and_names_the_file(
    browse: Open, year: Year, fault: Callable[[Route, Request], None], reason: str
) -> None:
    page = without_picker(loaded(browse("#/attendees/us", apart=True)))
    page.evaluate("TRANSFER.attemptDelays.fill(0)")
    downloads = watched_downloads(page)
    day = year.ago(7)
    page.route(
        LINK, lambda route, request: (fault if day in request.url else _pass)(route, request)
    )
    dialog = open_range(page, year.ago(9), year.ago(5))
    dialog.get_by_role("button", name="Download").click()
    problem = dialog.get_by_role("alert")
    expect(problem).to_contain_text(reason)
    expect(problem).to_contain_text(page.evaluate("day => formatWindow(day)", day))
    expect(dialog.get_by_role("button", name="Download")).to_be_focused()
    assert accessibility_problems(page) == []
    assert downloads == []
    page.unroute(LINK)


def _pass(route: Route, _: Request) -> None:
    route.continue_()


def test_at_most_four_files_are_fetched_at_once(browse: Open, year: Year) -> None:
    page = without_picker(loaded(browse("#/attendees/us")))
    running, most = 0, 0

    def began(request: Request) -> None:
        nonlocal running, most
        running += bool(LINK.search(request.url))
        most = max(most, running)

    def ended(request: Request) -> None:
        nonlocal running
        running -= bool(LINK.search(request.url))

    page.on("request", began)
    page.on("requestfinished", ended)
    # Only the header of the newest file is read at first: the page ends that request.
    page.on("requestfailed", ended)
    open_range(page, year.ago(60), year.ago(10))
    download(page)
    assert 2 <= most <= 4
    # The browser does not even begin a second file when the first ones fill the memory.
    page.evaluate("files => { for (const file of plan.files) file.size = 32_000_000; }")
    running, most = 0, 0
    download(page)
    assert most == 1


HEADER = ["entry_id", "user_id", "user_name"]


def test_columns_are_matched_by_name(browse: Open, stack: Stack) -> None:
    wider = [*HEADER, 'a, "new" column']
    old = [["1_a", "u1", 'Ann, "A"'], ["1_b", "", "=é😀"]]
    new = [["1_c", "u2", "x", "y,z"], ["1_d", "u3", "", ""]]
    store(stack, "2024-05-01", [HEADER, *old])
    store(stack, "2024-05-02", [HEADER], compressed=True)
    store(stack, "2024-05-03", [["user_id", "entry_id"], ["u9", "1_z"]])
    store(stack, "2024-05-04", [wider, *new], compressed=True)
    page = without_picker(loaded(browse("#/attendees/us", apart=True)))
    dialog = open_range(page, "2024-05-01", "2024-05-04")
    _, content = download(page)
    assert table_of(content) == [
        wider,
        *[[*row, ""] for row in old],
        ["1_z", "u9", "", ""],
        *new,
    ]
    expect(dialog.locator("#range-spoken")).to_contain_text("5 rows")


def test_a_column_that_the_newest_file_lacks_ends_the_download(browse: Open, stack: Stack) -> None:
    store(stack, "2024-06-01", [[*HEADER, "gone"], ["1_a", "u", "n", "g"]])
    store(stack, "2024-06-02", [HEADER, ["1_b", "u", "n"]])
    page = without_picker(loaded(browse("#/attendees/us")))
    dialog = open_range(page, "2024-06-01", "2024-06-02")
    dialog.get_by_role("button", name="Download").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Sat 1 Jun 2024 has a column")
    expect(dialog.get_by_role("alert")).to_contain_text("gone")


def test_a_file_without_a_digest_is_reported(browse: Open, stack: Stack) -> None:
    content = store(stack, "2024-07-01", [HEADER, ["1_a", "u", "n"]], metadata={})
    page = without_picker(loaded(browse("#/attendees/us")))
    dialog = open_range(page, "2024-07-01", "2024-07-01")
    assert download(page)[1] == content
    expect(dialog.locator("#range-spoken")).to_contain_text("1 file had no SHA-256")


def test_the_quota_of_a_key_ends_the_download(browse: Open, year: Year) -> None:
    page = without_picker(loaded(browse("#/attendees/us")))
    dialog = open_range(page, year.ago(9), year.ago(5))
    path = re.compile(r"/exports/attendees/")
    page.route(path, lambda route: route.fulfill(status=429, body='{"message":"Limit Exceeded"}'))
    dialog.get_by_role("button", name="Download").click()
    expect(dialog.get_by_role("alert")).to_contain_text("used its request quota for today")
    page.unroute(path)


def test_a_key_that_is_revoked_meanwhile_leads_to_the_sign_in(browse: Open, year: Year) -> None:
    page = without_picker(loaded(browse("#/attendees/us")))
    downloads = watched_downloads(page)
    dialog = open_range(page, year.ago(20), year.ago(5))
    path = re.compile(rf"/exports/attendees/us/day/{year.ago(12)}")
    page.route(path, lambda route: route.fulfill(status=403, body='{"message":"Forbidden"}'))
    dialog.get_by_role("button", name="Download").click()
    expect(page.get_by_role("alert").first).to_contain_text("expired or was revoked")
    expect(page.get_by_label("API key")).to_be_focused()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert downloads == []


def test_a_screen_reader_hears_the_progress_from_time_to_time(browse: Open, year: Year) -> None:
    page = without_picker(loaded(browse("#/attendees/us")))
    dialog = open_range(page, year.ago(290), year.ago(5))
    page.evaluate(HEAR)
    begun = time.monotonic()
    download(page)
    expect(dialog.locator("#range-spoken")).to_contain_text("Complete")
    heard = page.evaluate("window.heard")
    seconds = time.monotonic() - begun
    assert heard[0] == "The download has begun."
    assert heard[-1].startswith("Complete: ")
    between = heard[1:-1]
    assert all(re.fullmatch(r"\d+ of 286 files", text) for text in between)
    assert len(between) <= seconds / 5
    print(f"286 files in {seconds:.1f} s")


def test_a_range_is_downloaded_with_a_keyboard_alone(
    browse: Open, stack: Stack, year: Year
) -> None:
    first, last = year.ago(9), year.ago(8)
    page = without_picker(loaded(browse(f"#/attendees/us/day?from={first}&to={last}")))
    button = page.get_by_role("button", name="Download a range as one file")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("#range-plan")).to_contain_text("2 files")
    with page.expect_download() as started:
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id === 'range-start'"):
                break
        page.keyboard.press("Enter")
    content = Path(started.value.path()).read_bytes()
    assert content == joined(attendees(stack, "us", days(first, last)))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_dialog_is_readable_on_a_phone(browse: Open, year: Year, scheme: str) -> None:
    page = loaded(browse("#/attendees/eu", color_scheme=scheme, viewport=PHONE))
    dialog = open_range(page, year.ago(100), year.ago(90))
    expect(dialog.locator("#range-plan")).to_contain_text("2 days")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert dialog.evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
    assert accessibility_problems(page) == []
