"""What a user of the page does and sees."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request, Route, expect

from local.stack.stack import Stack

ZONE = "Europe/Berlin"
DESKTOP, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
Open = Callable[..., Page]


def loaded(page: Page) -> Page:
    """Return the page when it has loaded."""
    expect(page.locator("table.files, .empty:not([aria-busy]), dialog dl").first).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    return page


def screenshot(page: Page, name: str) -> None:
    """Save a screenshot in the directory that ``SCREENSHOTS`` names, if it is set."""
    if directory := os.environ.get("SCREENSHOTS"):
        page.mouse.move(0, 0)
        page.screenshot(path=Path(directory) / f"page-{name}.png", animations="disabled")


def stored(stack: Stack, name: str) -> bytes:
    """Return the content of the file with this name in the bucket."""
    match = re.fullmatch(r"(\w+)_(us|eu)_([\d-]{10})(T\d\dZ)?\.csv", name)
    assert match, name
    slug, region, dt, hour = match.groups()
    prefix = f"{slug}/granularity={'hour' if hour else 'day'}/region={region}/dt={dt}"
    response = stack.aws.s3.get_object(Bucket=stack.bucket, Key=f"{prefix}/{name}")
    return response["Body"].read()


def accessibility_problems(page: Page) -> list[str]:
    """Return the serious and critical problems that axe finds."""
    violations = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html']}"
        for each in violations
        if each["impact"] in {"serious", "critical"}
    ]


@contextmanager
def intercepted(page: Page, respond: Callable[[Route, Request], None]) -> Iterator[None]:
    """Let ``respond`` handle the page's requests to the API within a ``with`` block."""
    pattern = re.compile(r"/(exports|coverage)")
    page.route(pattern, respond)
    yield
    page.unroute(pattern)


def run(command: list[str], stack: Stack, directory: Path) -> str:
    """Run a command with the address and the key in its environment; return its output."""
    variables = {"KEY": stack.api_key, "API_URL": f"{stack.api_url}/"}
    completed = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **variables},
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        timeout=60,
    )
    return completed.stdout
