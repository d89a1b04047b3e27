"""What a user of the dialog for a range does, what is stored, and what the one file should be."""

import csv
import gzip
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from local.stack.stack import Stack

WITHOUT_PICKER = "delete window.showSaveFilePicker"
"""A script that makes the browser one that cannot write to a file that the user chooses."""
WITH_PICKER = """() => {
  window.showSaveFilePicker = async ({ suggestedName }) => {
    const directory = await navigator.storage.getDirectory();
    return directory.getFileHandle(suggestedName, { create: true });
  };
}"""
"""A script that chooses a file of the browser's own file system, since headless Chromium cannot
ask. The file and its stream are real."""
LINK = re.compile(r"X-Amz-Signature=")
Table = Sequence[Sequence[str]]


def open_range(page: Page, first: str, last: str, **choices: str) -> Locator:
    """Open the dialog, choose the range, and return the dialog when it knows its files."""
    page.get_by_role("button", name="Download a range as one file").click()
    dialog = page.get_by_role("dialog")
    for label, value in choices.items():
        dialog.get_by_label(label).select_option(value)
    dialog.get_by_label("First day").fill(first)
    dialog.get_by_label("Last day").fill(last)
    expect(dialog.locator("#range-plan")).not_to_contain_text("Looking")
    return dialog


def download(page: Page) -> tuple[str, bytes]:
    """Start the download, and return the name and the content of the file."""
    with page.expect_download() as started:
        page.get_by_role("dialog").get_by_role("button", name="Download").click()
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()


def days(first: str, last: str) -> list[str]:
    """Return the labels of the days from ``first`` to ``last``, inclusive."""
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [str(start + timedelta(days=number)) for number in range((end - start).days + 1)]


def joined(contents: Sequence[bytes]) -> bytes:
    """Return files with the same header as one."""
    headers = {content.partition(b"\n")[0] for content in contents}
    (header,) = headers
    return b"".join([header + b"\n", *[content.partition(b"\n")[2] for content in contents]])


def csv_bytes(table: Table) -> bytes:
    """Return strict CSV, as the contract has it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    return text.getvalue().encode()


def table_of(content: bytes) -> list[list[str]]:
    """Return the rows of a CSV file, header first."""
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def store(
    stack: Stack,
    day: str,
    table: Table,
    *,
    compressed: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Put an export of attendees in us for ``day`` into the bucket, and return its CSV."""
    content = csv_bytes(table)
    name = f"attendees/granularity=day/region=us/dt={day}/attendees_us_{day}.csv"
    digest = {"sha256": hashlib.sha256(content).hexdigest()} if metadata is None else metadata
    stack.aws.s3.put_object(
        Bucket=stack.bucket,
        Key=name + (".gz" if compressed else ""),
        Body=gzip.compress(content) if compressed else content,
        Metadata={"state": "settled", **digest},
        ContentEncoding="gzip" if compressed else "identity",
    )
    return content
