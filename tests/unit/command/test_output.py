"""Output: plain outside a terminal, one JSON document on request, nothing that disturbs."""

import io
import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from room_reports_command.errors import StackError
from room_reports_command.output import Output, duration, printable, table


def consoles() -> tuple[Console, Console]:
    def console() -> Console:
        return Console(file=io.StringIO(), width=200, highlight=False, markup=False)

    return console(), console()


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@given(st.text(), st.text())
def test_a_result_is_one_json_document(cause: str, cell: str) -> None:
    out, err = consoles()
    output = Output(as_json=True, console=out, errors=err)
    output.result({"cell": cell}, lambda: [table(("a",), [(cell,)])])
    output.error(StackError(cause, cell))
    assert json.loads(text(out)) == {"cell": cell}
    expected = {"cause": cause, "cure": cell, "exit_code": 3}
    assert json.loads(text(err)) == {"error": expected}


@given(st.text())
def test_a_cell_cannot_disturb_a_terminal(cell: str) -> None:
    shown = printable(cell).plain
    assert all(c.isprintable() or c in "\n\t\ufffd" for c in shown)
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_table_is_plain_text_outside_a_terminal() -> None:
    out, err = consoles()
    rows = [("[bold]x", 1), (None, 22)]
    Output(console=out, errors=err).result({}, lambda: [table(("name", "n"), rows, numbers="n")])
    lines = [line.rstrip() for line in text(out).splitlines()]
    assert lines == ["name      n", "[bold]x   1", "–        22"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3700, "1 h 1 min"),
        (90_000, "1 d 1 h"),
        (-5, "0 s"),
    ],
)
def test_a_duration_has_two_units(seconds: float, shown: str) -> None:
    assert duration(timedelta(seconds=seconds)) == shown
