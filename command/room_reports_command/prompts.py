"""Questions on the terminal, on stderr, so that stdout holds nothing but the result."""

import typer

from room_reports_command.errors import ExitCode


def ask(question: str, *, default: str | None = None, hidden: bool = False) -> str:
    """Return what the operator types, without spaces around it.

    Args:
        default: What empty input means; it is shown unless it is empty. None: some text
            is needed.
        hidden: Whether it is not shown while it is typed.

    Raises:
        typer.Exit: After Ctrl-C, with the documented exit code; typer itself would exit with 1.
    """
    try:
        text = typer.prompt(
            question, default=default, hide_input=hidden, show_default=bool(default), err=True
        )
    except typer.Abort as error:
        raise typer.Exit(ExitCode.INTERRUPTED) from error
    return str(text).strip()


def confirmed(question: str) -> bool:
    """Return whether the operator agrees, which empty input does.

    Raises:
        typer.Exit: As ``ask`` does.
    """
    try:
        return typer.confirm(question, default=True, err=True)
    except typer.Abort as error:
        raise typer.Exit(ExitCode.INTERRUPTED) from error
