"""``room-reports export-person``: a copy of one person's data, for that person."""

from pathlib import Path
from typing import Annotated

import typer

from room_reports.storage.privacy_state import latest_key_id
from room_reports_command.context import Context, with_context
from room_reports_command.erasure.command import Emails, UserId, check_key, pseudonyms_of
from room_reports_command.erasure.copy import copy_of, write_copy
from room_reports_command.erasure.display import shown_progress
from room_reports_command.erasure.subject import subject_of
from room_reports_command.erasure.versions import VersionedBucket
from room_reports_command.errors import FindingsError, InputError
from room_reports_command.output import counted
from room_reports_command.pseudonym_key import secret_entries


@with_context
def export_person(
    context: Context,
    user_id: UserId,
    *,
    email: Emails = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")],
) -> None:
    """Write the rows of one person in all reports and rosters to a folder, as CSV.

    For a request for access. Former versions are left out: they say what was exported before.
    """
    stack = context.stack
    pseudonyms = pseudonyms_of(secret_entries(stack))
    check_key(pseudonyms, latest_key_id(stack.bucket))
    subject = subject_of((user_id, *(email or ())), pseudonyms)
    bucket = VersionedBucket(stack.s3, stack.outputs["BucketName"])
    with shown_progress(context.output) as progress:
        copy = copy_of(bucket, subject, progress)
    try:
        paths = write_copy(copy, output)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror}.") from error
    rows = {name: len(found) for name, found in sorted(copy.tables.items())}
    context.output.result(
        {"rows": rows, "files": [str(path) for path in paths], "unreadable": copy.unreadable},
        lambda: [
            *(f"{name}: {counted(number, 'row')}" for name, number in rows.items()),
            f"Written: {output}"
            if rows
            else f"There are no rows of this person. Written: {output}",
        ],
    )
    if copy.unreadable:
        raise FindingsError(
            f"{counted(len(copy.unreadable), 'file')} cannot be read as CSV.",
            "Export these windows again with force, then run the command again.",
        )
