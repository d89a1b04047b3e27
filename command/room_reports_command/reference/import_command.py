"""``room-reports reference import``: rooms and rosters, from Brightspace or from plain CSV."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from room_reports_command.context import Context, with_context
from room_reports_command.errors import InputError
from room_reports_command.output import Output
from room_reports_command.prompts import confirmed
from room_reports_command.reference.brightspace import CourseColumn, Options, UserColumn
from room_reports_command.reference.changes import write
from room_reports_command.reference.courses import COURSE_OFFERING
from room_reports_command.reference.display import plan_lines
from room_reports_command.reference.id_rules import IdRules
from room_reports_command.reference.import_plan import Present, plan_import
from room_reports_command.reference.inputs import read_inputs
from room_reports_command.reference.policy_store import read_policy
from room_reports_command.reference.recent import RecentIds, recent_ids
from room_reports_command.reference.store import ReferenceStore
from room_reports_command.reference.unmatched import unmatched_csv

DAYS = 30
"""Days of reports that ids are compared with by default."""


@with_context
def import_(
    context: Context,
    files: Annotated[
        list[str],
        typer.Argument(
            help="CSV or ZIP files: data sets of Brightspace, or tables of rooms, rosters or "
            "acknowledgements. Each is recognised by its columns."
        ),
    ],
    *,
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of the import; importing again under it replaces it. Default: brightspace "
            "for data sets, and the name of the file for a table."
        ),
    ] = None,
    user_id: Annotated[
        UserColumn | None, typer.Option(help="Column of Users with the id that Kaltura gets.")
    ] = None,
    course_id: Annotated[
        CourseColumn, typer.Option(help="Column of Organizational Units to identify courses by.")
    ] = CourseColumn.CODE,
    org_unit_type: Annotated[
        str, typer.Option(help="Type of the org units that are courses.")
    ] = COURSE_OFFERING,
    roles: Annotated[
        list[str] | None,
        typer.Option("--role", help="Role to keep; can be repeated. Default: all."),
    ] = None,
    all_courses: Annotated[
        bool, typer.Option("--all-courses", help="Also make rosters of courses without a room.")
    ] = False,
    whole_days: Annotated[
        bool,
        typer.Option(
            "--whole-days", help="Leave out the days on which a person was enrolled or withdrew."
        ),
    ] = False,
    days: Annotated[
        int, typer.Option(help="Days of reports to compare ids with.", min=1, max=400)
    ] = DAYS,
    unmatched: Annotated[
        Path | None,
        typer.Option(
            help="CSV file on this machine for all that was not matched: what, id and reason."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be written.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
) -> None:
    """Make rooms, rosters and acknowledgements, from Brightspace Data Sets or plain CSV files.

    People and rooms are matched by their ids, and never by a name.
    """
    stack, output = context.stack, context.output
    inputs = read_inputs(files, name)
    options = Options(
        user_id=user_id,
        course_id=course_id,
        org_unit_type=org_unit_type,
        roles=tuple(roles or ()),
        all_courses=all_courses,
        whole_days=whole_days,
    )
    store = ReferenceStore(stack)
    policy, _ = read_policy(store)
    recent = RecentIds(days, frozenset(), frozenset())
    if inputs.has_ids:
        recent = recent_ids(stack.bucket, stack.settings, datetime.now(UTC), days)
    present = Present(store, IdRules.from_policy(policy), recent, stack.settings.zone)
    plan = plan_import(inputs, name, options, present)
    if unmatched:
        try:
            unmatched.write_bytes(unmatched_csv(plan.without_match()))
        except OSError as error:
            raise InputError(f"{unmatched} cannot be written: {error.strerror}.") from error
    needed = [each for each in plan.changes if each.needed]
    if dry_run or not needed:
        output.result(plan.to_dict(written=False), lambda: plan_lines(plan))
        return
    for shown in () if output.as_json else plan_lines(plan):
        output.errors.print(shown)
    if empty := [each.key for each in needed if not each.rows]:
        raise InputError(
            f"{empty[0]} would have no rows.", "See with --dry-run what was not matched, and why."
        )
    if not yes:
        confirm(output, "Write this?")
    for each in needed:
        write(store, each)
    output.result(plan.to_dict(written=True), lambda: [f"Wrote {each.key}." for each in needed])


def confirm(output: Output, question: str) -> None:
    """Ask the operator before something is written.

    Raises:
        InputError: If there is no terminal to ask on, or the operator does not agree.
    """
    if not output.interactive:
        raise InputError("There is no terminal to confirm on.", "Add --yes.")
    if not confirmed(question):
        raise InputError("Nothing was written.")
