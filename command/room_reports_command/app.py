"""The entry point: the subcommands, and what becomes of their errors."""

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from room_reports.errors import RoomReportsError
from room_reports.telemetry import logger
from room_reports_command import backfill, get, key, pseudonym_key, secret, status
from room_reports_command.attendance.command import attendance
from room_reports_command.aws_errors import aws_errors
from room_reports_command.doctor import doctor
from room_reports_command.erasure.command import forget
from room_reports_command.erasure.export_command import export_person
from room_reports_command.errors import CommandError, ExitCode, StackError
from room_reports_command.output import Output
from room_reports_command.reference import app as reference

app = typer.Typer(
    name="room-reports",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Operate a deployed Kaltura Room report exporter.",
    epilog="Exit codes: 0 done, 1 something needs you, 2 wrong argument, 3 stack or AWS, "
    "4 Kaltura, 5 not exported, 6 download failed, 130 interrupted.",
)
app.command()(status.status)
app.command()(backfill.backfill)
app.command()(doctor)
app.command()(get.get)
app.command()(attendance)
app.command()(forget)
app.command(name="export-person")(export_person)
secret.app.command(name="pseudonym-key")(pseudonym_key.pseudonym_key)
app.add_typer(secret.app, name="secret")
app.add_typer(key.app, name="key")
app.add_typer(reference.app, name="reference")


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(version("kaltura-room-reports"))
        except PackageNotFoundError:
            typer.echo("not installed: run from a checkout")
        raise typer.Exit


@app.callback()
def _callback(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command; exit with one of the documented codes."""
    # The library logs to stdout, which belongs to the result.
    logger.setLevel("CRITICAL")
    output = Output(as_json="--json" in sys.argv)
    try:
        with aws_errors():
            app()
    except CommandError as error:
        output.error(error)
        sys.exit(error.exit_code)
    except RoomReportsError as error:
        output.error(StackError(str(error), "Run room-reports doctor."))
        sys.exit(ExitCode.STACK)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
