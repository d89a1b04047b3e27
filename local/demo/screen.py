"""The demo's output: rich in a terminal, plain text elsewhere."""

import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

WIDTH = 88
_JOINER = "\N{ZERO WIDTH JOINER}"


class Screen:
    """Prints what happens; what takes long has a progress bar while it lasts, and then a line."""

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        self._console = Console(highlight=False, soft_wrap=False)
        if not self._console.is_terminal or self._console.width > WIDTH:
            self._console.width = WIDTH

    def title(self, text: str) -> None:
        """What comes next."""
        self._console.print()
        self._console.print(Text(text, style="bold"))

    def say(self, text: str, style: str = "") -> None:
        """A line or more of prose."""
        self._console.print(Text(text, style=style))

    def done(self, text: str, seconds: float) -> None:
        """Something that went well, and how long it took."""
        self._line("✓", "green", text, f"{seconds:.1f} s")

    def failed(self, text: str, seconds: float) -> None:
        """Something that failed, and how long it took."""
        self._line("✗", "red", text, f"{seconds:.1f} s")

    def checked(self, text: str) -> None:
        """Something that was checked."""
        self._line("✓", "green", text, "")

    def command(self, text: str) -> None:
        """Something to copy: never broken into lines."""
        self._console.print(Text(text, style="dim"), soft_wrap=True)

    def line(self, text: str) -> None:
        """A line of somebody else's, cut where it is too long."""
        self._console.print(Text(shown(text), style="cyan"), no_wrap=True, overflow="ellipsis")

    @contextmanager
    def steps(self) -> Iterator[Callable[[str], None]]:
        """Steps that cannot say how far they are: call what this gives at the start of each."""
        step, began = "", time.monotonic()
        with self._progress(TimeElapsedColumn()) as progress:

            def begin(text: str) -> None:
                nonlocal step, began
                if step:
                    self.done(step, time.monotonic() - began)
                step, began = text, time.monotonic()
                for task in progress.task_ids:
                    progress.remove_task(task)
                if text:
                    progress.add_task(text, total=None)

            yield begin
            begin("")

    @contextmanager
    def bars(self) -> Iterator[Progress]:
        """Progress bars that are gone at the end."""
        with self._progress(BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()) as progress:
            yield progress

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]], right: int) -> None:
        """A table whose last ``right`` columns are numbers."""
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        for place, heading in enumerate(headings):
            number = place >= len(headings) - right
            table.add_column(heading, justify="right" if number else "left", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(shown(cell)) for cell in row))
        self._console.print(table)

    def _line(self, mark: str, style: str, text: str, end: str) -> None:
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(width=1)
        grid.add_column(ratio=1)
        grid.add_column(justify="right", no_wrap=True, style="dim")
        grid.add_row(Text(mark, style=style), Text(text), end)
        self._console.print(grid)

    def _progress(self, *columns: BarColumn | MofNCompleteColumn | TimeElapsedColumn) -> Progress:
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            *columns,
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )


def shown(text: str) -> str:
    """``text``, which strangers may have typed, without what would disturb a terminal."""
    tame = "".join(
        char if char.isprintable() or char == _JOINER else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )
    # What follows a text that is written from the right must stay where it is.
    to_the_left = any(unicodedata.bidirectional(char) in ("R", "AL") for char in tame)
    return tame + "\N{LEFT-TO-RIGHT MARK}" if to_the_left else tame


def size(count: int) -> str:
    """A number of bytes, for people."""
    return f"{count / 1000:,.1f} kB"
