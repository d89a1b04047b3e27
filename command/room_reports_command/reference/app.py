"""The subcommands of ``room-reports reference``."""

import typer

from room_reports_command.reference import policy_command
from room_reports_command.reference.check_command import check
from room_reports_command.reference.import_command import import_

app = typer.Typer(
    no_args_is_help=True,
    help="Reference data: the rooms of courses, rosters, and the attendance policy.",
)
app.command(name="import")(import_)
app.command()(check)
app.add_typer(policy_command.app, name="policy")
