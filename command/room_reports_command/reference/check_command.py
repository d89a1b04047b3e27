"""``room-reports reference check``: what is wrong with the reference data in the bucket."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from room_reports_command.context import Context, with_context
from room_reports_command.errors import FindingsError
from room_reports_command.output import counted, table
from room_reports_command.reference.checking import Checked, check_all
from room_reports_command.reference.problems import Problem
from room_reports_command.reference.store import ReferenceStore


@with_context
def check(context: Context) -> None:
    """Check the files of rooms, rosters and acknowledgements in the bucket, and the policy.

    Exit code 1: something is wrong, so that attendance would be wrong.
    """
    found = check_all(ReferenceStore(context.stack))
    document = {
        "rooms": found.rooms,
        "rosters": found.rosters,
        "acknowledged": found.acknowledged,
        "wrong": len(found.wrong),
        "problems": [each.to_dict() for each in found.problems],
    }
    context.output.result(document, lambda: _lines(found))
    if found.wrong:
        raise FindingsError(
            f"In the reference data, {counted(len(found.wrong), 'thing')} must be corrected.",
            "Correct the files, or import them again.",
        )


def _lines(found: Checked) -> Iterator[RenderableType]:
    yield (
        f"{counted(found.rooms, 'row')} of rooms, {counted(found.rosters, 'row')} of rosters, "
        f"{counted(found.acknowledged, 'row')} of acknowledgements."
    )
    if found.problems:
        yield table(
            ("", "where", "what", "what to do"),
            [
                (
                    Text("note", "yellow") if each.harmless else Text("wrong", "red"),
                    _place(each),
                    each.text,
                    each.cure,
                )
                for each in found.problems
            ],
        )
    else:
        yield "Nothing is wrong."


def _place(problem: Problem) -> str:
    line = f", line {problem.line}" if problem.line else ""
    where = problem.column or problem.setting
    return f"{problem.file}{line}{f', {where}' if where else ''}"
