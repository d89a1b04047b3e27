"""What a reader does and sees, for the tests of the page."""

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
    """The page, when it has everything."""
    expect(page.locator("table.files, .empty:not([aria-busy]), dialog dl").first).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    return page


def picture(page: Page, name: str) -> None:
    """Keeps how the page looks, where ``SCREENSHOTS`` says."""
    if directory := os.environ.get("SCREENSHOTS"):
        page.mouse.move(0, 0)
        page.screenshot(path=Path(directory) / f"page-{name}.png", animations="disabled")


def stored(stack: Stack, name: str) -> bytes:
    """The content of the file with this name in the bucket."""
    match = re.fullmatch(r"(\w+)_(us|eu)_([\d-]{10})(T\d\dZ)?\.csv", name)
    assert match, name
    slug, region, dt, hour = match.groups()
    prefix = f"{slug}/granularity={'hour' if hour else 'day'}/region={region}/dt={dt}"
    answer = stack.aws.s3.get_object(Bucket=stack.bucket, Key=f"{prefix}/{name}")
    return answer["Body"].read()


def grave_faults(page: Page) -> list[str]:
    """What axe finds that is serious or critical."""
    violations = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html']}"
        for each in violations
        if each["impact"] in {"serious", "critical"}
    ]


@contextmanager
def answered(page: Page, answer: Callable[[Route, Request], None]) -> Iterator[None]:
    """Has ``answer`` in the place of the API for a while."""
    pattern = re.compile(r"/(exports|coverage)")
    page.route(pattern, answer)
    yield
    page.unroute(pattern)


def run(command: list[str], stack: Stack, directory: Path) -> str:
    """What a command prints that has the address and the key in its environment."""
    known = {"KEY": stack.api_key, "API_URL": f"{stack.api_url}/"}
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **known},
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        timeout=60,
    )
    return done.stdout
