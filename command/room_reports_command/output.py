"""Output: rich in a terminal, plain text elsewhere, JSON on request."""

import json
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from room_reports_command.errors import CommandError

PLAIN_WIDTH = 200
"""Columns of plain output, so that a line is not broken where a script reads it."""


class Output:
    """Where a command writes: the result to stdout, progress and errors to stderr.

    With ``as_json``, stdout has exactly one JSON document.
    """

    def __init__(
        self,
        *,
        as_json: bool = False,
        console: Console | None = None,
        errors: Console | None = None,
    ) -> None:
        self.as_json = as_json
        self.console = console or new_console()
        self.errors = errors or new_console(stderr=True)

    @property
    def interactive(self) -> bool:
        """Whether a person watches progress on this terminal."""
        return self.errors.is_terminal and not self.as_json

    def result(self, document: Any, render: Callable[[], Iterable[RenderableType]]) -> None:
        """Print a result: ``document`` as JSON, or what ``render`` returns, one after another."""
        if self.as_json:
            # Not through rich, which would break long lines.
            self.console.file.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
            return
        for shown in render():
            self.console.print(shown)

    def note(self, text: str) -> None:
        """Print a remark to stderr, which is no part of the result."""
        self.errors.print(printable(text), style="dim")

    def error(self, error: CommandError) -> None:
        """Print an error with its cause and its cure."""
        if self.as_json:
            document = {"cause": error.cause, "cure": error.cure, "exit_code": int(error.exit_code)}
            self.errors.file.write(json.dumps({"error": document}, ensure_ascii=False) + "\n")
            return
        self.errors.print(Text.assemble(("Error: ", "bold red"), printable(error.cause)))
        if error.cure:
            self.errors.print(Text.assemble(("What to do: ", "bold"), printable(error.cure)))


def new_console(*, stderr: bool = False) -> Console:
    """Return a console without markup; it is as wide as ``PLAIN_WIDTH`` outside a terminal."""
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


def table(
    names: Sequence[str], rows: Iterable[Sequence[object]], title: str = "", numbers: str = ""
) -> Table:
    """Return a table without lines.

    Args:
        rows: The cells; None is shown as a dash, and a Text as it is.
        title: A heading above the table.
        numbers: Names of the columns that are set to the right, separated by commas.
    """
    shown = Table(
        box=None,
        pad_edge=False,
        header_style="dim",
        padding=(0, 2, 0, 0),
        title=title or None,
        title_justify="left",
        title_style="bold",
    )
    right = numbers.split(",")
    for name in names:
        shown.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(_cell(cell) for cell in row))
    return shown


def printable(text: str) -> Text:
    """Return text of others without characters that would disturb a terminal."""
    return Text("".join(c if c in "\n\t" or _harmless(c) else "\ufffd" for c in text))


def duration(span: timedelta) -> str:
    """Return a duration in its two largest units, such as ``2 d 3 h``."""
    seconds = max(int(span.total_seconds()), 0)
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    parts = []
    for name, size in units:
        if seconds >= size:
            parts.append(f"{seconds // size} {name}")
            seconds %= size
    return " ".join(parts[:2]) or "0 s"


def counted(number: int, noun: str) -> str:
    """Return a number and what it counts, such as ``1 window`` or ``1,200 windows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _harmless(character: str) -> bool:
    return character.isprintable() and unicodedata.category(character) not in ("Cf", "Co")


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    return Text("–", "dim") if value is None else printable(str(value))
