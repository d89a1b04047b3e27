"""The demo's output: rich in a terminal, plain text elsewhere, and a picture of the main parts."""

import io
import re
import reprlib
import sys
import unicodedata
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from local.picture import save_svg

_WIDTH = 88


class CheckError(Exception):
    """Raised when a check fails; the message says what was found and what was expected."""


class Screen:
    """Print what happens, and what was checked; ``picture=False`` keeps it out of the picture."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        plain = partial(Console, highlight=False, markup=False, emoji=False)
        self.console = plain()
        if not self.console.is_terminal or self.console.width > _WIDTH:
            self.console.width = _WIDTH
        self.picture = plain(record=True, file=io.StringIO(), width=_WIDTH)
        self.checks = 0
        self.checked: list[str] = []  # The statements that hold, one sentence each.

    def show(self, shown: RenderableType, style: str = "", *, picture: bool = True) -> None:
        """Print text or a table."""
        for console in (self.console, self.picture)[: 1 + picture]:
            one_line = isinstance(shown, Text) or None
            console.print(shown, style=style, no_wrap=one_line, overflow="ellipsis")

    def mark(self, text: str, *, ok: bool = True) -> None:
        """Print the result of a run or of a check."""
        grid = Table.grid(padding=(0, 1))
        grid.add_row(Text("✓", "green") if ok else Text("✗", "red"), text)
        self.show(grid)

    def check(self, statement: str, found: object, expected: object) -> None:
        """Note that a statement holds because two values are equal, or raise a CheckError.

        A statement that starts with a small letter continues the sentence before it.
        """
        if found != expected:
            if isinstance(found, set) and isinstance(expected, set):
                found, expected = found - expected, expected - found
            both = f"found {reprlib.repr(found)}, expected {reprlib.repr(expected)}"
            raise CheckError(f"{statement}: {both}")
        self.checks += 1
        if statement[0].islower():
            statement = f"{self.checked.pop()}, {statement}"
        self.checked.append(statement)

    def table(self, names: Sequence[str], rows: Sequence[Sequence[str]], *, picture: bool) -> None:
        """Print a table; columns of numbers are set to the right."""
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        for name, *cells in zip(names, *rows, strict=True):
            number = all(re.fullmatch(r"[\d.]+", cell) for cell in cells)
            table.add_column(name, justify="right" if number else "left", no_wrap=True)
        for row in rows:
            table.add_row(*map(printable, row))
        self.show(table, picture=picture)

    def save_picture(self, path: Path) -> None:
        """Write the picture as an SVG that refers to nothing outside it."""
        save_svg(self.picture, path, title="make demo", name="demo")


def printable(text: str) -> Text:
    """Return text that users typed, without what would disturb a terminal or move other text."""
    safe = "".join(c if c.isprintable() or c == "\u200d" else "\ufffd" for c in text)
    if any(unicodedata.bidirectional(char) in {"R", "AL"} for char in safe):
        safe += "\N{LEFT-TO-RIGHT MARK}"
    return Text(safe, no_wrap=True, overflow="ellipsis")
