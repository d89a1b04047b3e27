"""Fixtures: Chromium, and a local stack with a year of exports."""

import json
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from local.stack.lifecycle import local_stack
from local.stack.stack import Stack
from room_reports.model.windows import Calendar, Granularity
from tests.page.counted import write_index
from tests.page.reader import DESKTOP, ZONE, Open
from tests.page.year import Year, export_year

expect.set_options(timeout=30_000)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Yield a stack that only the tests of the page use, so its calendars hold what they export."""
    with local_stack({"TimeZone": ZONE, "Granularities": "day,hour"}) as deployed:
        yield deployed


@pytest.fixture(scope="session")
def year(stack: Stack) -> Year:
    exported = export_year(stack, Calendar(Granularity.DAY, ZoneInfo(ZONE)))
    write_index(stack, exported)
    return exported


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium: Any, stack: Stack, year: Year) -> Iterator[Open]:
    """Open the page; at the end, check for errors and for requests to other hosts.

    With ``apart``, the page has another origin than the files, as it has in AWS.
    """
    contexts, requested, problems = [], [], []
    host = urlsplit(stack.api_url).netloc
    hosts = {host}

    def browse(
        route: str = "", *, key: str | None = "", apart: bool = False, **options: Any
    ) -> Page:
        context = chromium.new_context(
            locale="en-GB",
            timezone_id="America/New_York",
            permissions=["clipboard-read", "clipboard-write"],
            **{"viewport": DESKTOP, **options},
        )
        contexts.append(context)
        if key is not None:
            stored_key = json.dumps(key or stack.api_key)
            context.add_init_script(f"sessionStorage.setItem('room-reports-key', {stored_key})")
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("request", lambda request: requested.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if line.type == "error" else 0)
        url = f"{stack.api_url}/{route}"
        if apart:
            other = host.replace("127.0.0.1", "localhost")
            hosts.add(other)
            url = url.replace(host, other)
        page.goto(url)
        return page

    yield browse
    for context in contexts:
        context.close()
    # Chromium logs each error response to the console as well.
    assert [line for line in problems if "Failed to load resource" not in line] == []
    assert not [url for url in requested if stack.api_key in url]
    requested_hosts = {urlsplit(url).netloc for url in requested if url.startswith("http")}
    assert requested_hosts == hosts
