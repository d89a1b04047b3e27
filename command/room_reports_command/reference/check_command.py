"""``room-reports reference check``: what is wrong with the reference data in the bucket."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from room_reports_command.context import Context, with_context
from room_reports_command.errors import FindingsError
from room_reports_command.output import counted, table
from room_reports_command.reference.checking import (
    check_policy,
    check_table,
    check_together,
    is_wrong,
)
from room_reports_command.reference.policy import POLICY_PREFIX
from room_reports_command.reference.problems import Problem
from room_reports_command.reference.store import ReferenceStore
from room_reports_command.reference.tables import ROOMS, ROSTERS


@with_context
def check(context: Context) -> None:
    """Check the files of rooms and rosters in the bucket, and the policy.

    Exit code 1: something is wrong, so that attendance would be wrong.
    """
    store, output = ReferenceStore(context.stack), context.output
    rooms = check_table(ROOMS, store.read_all(ROOMS.prefix))
    rosters = check_table(ROSTERS, store.read_all(ROSTERS.prefix))
    problems = [
        *rooms.problems,
        *rosters.problems,
        *check_policy(store.read_all(POLICY_PREFIX)),
        *check_together(rooms.rows, rosters.rows),
    ]
    wrong = is_wrong(problems)
    document = {
        "rooms": len(rooms.rows),
        "rosters": len(rosters.rows),
        "wrong": len(wrong),
        "problems": [each.to_dict() for each in problems],
    }
    output.result(document, lambda: _lines(len(rooms.rows), len(rosters.rows), problems))
    if wrong:
        raise FindingsError(
            f"In the reference data, {counted(len(wrong), 'thing')} must be corrected.",
            "Correct the files, or import them again.",
        )


def _lines(rooms: int, rosters: int, problems: Sequence[Problem]) -> Iterator[RenderableType]:
    yield f"{counted(rooms, 'row')} of rooms, {counted(rosters, 'row')} of rosters."
    if problems:
        yield table(
            ("", "where", "what", "what to do"),
            [
                (
                    Text("note", "yellow") if each.harmless else Text("wrong", "red"),
                    _place(each),
                    each.text,
                    each.cure,
                )
                for each in problems
            ],
        )
    else:
        yield "Nothing is wrong."


def _place(problem: Problem) -> str:
    line = f", line {problem.line}" if problem.line else ""
    return f"{problem.file}{line}{f', {problem.column}' if problem.column else ''}"
