"""The subcommand: carry out the checks, and show what each found."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from room_reports_command.context import Context, with_context
from room_reports_command.doctor import (
    access_log_checks,
    athena_checks,
    aws_checks,
    backfill_checks,
    bucket_checks,
    kaltura_checks,
    key_checks,
    link_checks,
    stack_checks,
)
from room_reports_command.doctor.check import Area, Check, Result, State, carry_out
from room_reports_command.doctor.examination import Examination
from room_reports_command.errors import FindingsError, InputError
from room_reports_command.output import counted, printable

CHECKS: tuple[Check, ...] = (
    *stack_checks.CHECKS,
    *bucket_checks.CHECKS,
    *kaltura_checks.CHECKS,
    *athena_checks.CHECKS,
    *aws_checks.CHECKS,
    *link_checks.CHECKS,
    *backfill_checks.CHECKS,
    *key_checks.CHECKS,
    *access_log_checks.CHECKS,
)
"""Every check, in the order in which they are carried out."""

_MARKS = {
    State.OK: ("✓", "green"),
    State.FINDING: ("✗", "red"),
    State.NOT_CHECKED: ("–", "yellow"),
}
_TITLES = {
    Area.STACK: "The stack",
    Area.KALTURA: "Kaltura",
    Area.AWS: "What only the real AWS can tell",
}


@with_context
def doctor(
    context: Context,
    *,
    only: Annotated[
        str | None, typer.Option(help="Names of checks, separated by commas; default: all.")
    ] = None,
    list_checks: Annotated[
        bool, typer.Option("--list", help="List the checks, and carry out none.")
    ] = False,
) -> None:
    """Check the stack, Kaltura, and what only the real AWS can tell; say how to cure findings.

    Writes under doctor/ in the bucket, and results of Athena's queries, and removes both. Exit
    code 1: there is a finding.
    """
    output = context.output
    chosen = _chosen(only)
    if list_checks:
        output.result(
            [{"check": each.name, "area": each.area, "question": each.question} for each in chosen],
            lambda: [printable(f"{each.name}: {each.question}") for each in chosen],
        )
        return
    examination = Examination(context.stack)
    context.stack.outputs  # noqa: B018 - fails early if there is no such stack
    results: list[Result] = []
    for check in chosen:
        if output.interactive:
            with output.errors.status(f"Checking {check.name}"):
                results += carry_out(check, examination)
        else:
            results += carry_out(check, examination)
    output.result(document(results), lambda: rendered(results))
    if found := [each for each in results if each.state is State.FINDING]:
        raise FindingsError(
            f"{counted(len(found), 'finding')}.", "Each finding has its cure below it."
        )


def document(results: Iterable[Result]) -> dict[str, object]:
    """Return the results as JSON holds them."""
    every = list(results)
    counts = {state.value: sum(each.state is state for each in every) for state in State}
    return {"counts": counts, "results": [each.to_dict() for each in every]}


def rendered(results: Sequence[Result]) -> Iterator[RenderableType]:
    """Yield the results for people: one line for each, and more for a finding."""
    for area in Area:
        of_area = [each for each in results if each.area is area]
        if not of_area:
            continue
        yield Text(_TITLES[area], "bold")
        for each in of_area:
            yield _line(each)
            if each.state is State.FINDING:
                yield Text.assemble("      ", printable(each.meaning))
                yield Text.assemble(("      cure: ", "dim"), printable(each.cure))
    counts = [f"{sum(each.state is state for each in results)} {state}" for state in State]
    yield Text()
    yield Text(", ".join(counts))


def _line(result: Result) -> Text:
    mark, style = _MARKS[result.state]
    name = result.check + (f" ({result.subject})" if result.subject else "")
    return Text.assemble((f"  {mark} ", style), (name, "bold"), ": ", printable(result.found))


def _chosen(only: str | None) -> list[Check]:
    if only is None:
        return list(CHECKS)
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = set(names) - {check.name for check in CHECKS}
    if unknown or not names:
        raise InputError(
            f"There is no check {', '.join(sorted(unknown)) or 'without a name'}.",
            "List the checks: room-reports doctor --list",
        )
    return [check for check in CHECKS if check.name in names]
