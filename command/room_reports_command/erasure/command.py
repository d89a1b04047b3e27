"""``room-reports forget``: erase one person, and search for the person again."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError

from room_reports.errors import ConfigurationError
from room_reports.kaltura.credentials import parse_pseudonym_key
from room_reports.model.pseudonyms import Pseudonyms
from room_reports.model.regions import PSEUDONYMS_ENTRY
from room_reports.model.suppression import Rows, comparable
from room_reports.storage.privacy_state import latest_key_id
from room_reports_command.context import Context, with_context
from room_reports_command.erasure.display import shown_progress, survey_lines
from room_reports_command.erasure.elsewhere import look_elsewhere
from room_reports_command.erasure.limits import limits_document
from room_reports_command.erasure.procedure import Procedure
from room_reports_command.erasure.reader_list import keys_of
from room_reports_command.erasure.record import backfill_command, found_document, record_text
from room_reports_command.erasure.report_files import ReportFiles
from room_reports_command.erasure.role import eraser_client
from room_reports_command.erasure.settling import Settling
from room_reports_command.erasure.subject import subject_of
from room_reports_command.erasure.suppressed import ListStore, make_key, read_key
from room_reports_command.erasure.survey import Searcher, Survey
from room_reports_command.erasure.versions import VersionedBucket
from room_reports_command.errors import FindingsError, InputError
from room_reports_command.output import Output, counted
from room_reports_command.prompts import ask
from room_reports_command.pseudonym_key import secret_entries
from room_reports_command.stack import DeployedStack

Emails = Annotated[
    list[str] | None,
    typer.Option("--email", help="Address, or another user id, of the same person; repeatable."),
]
UserId = Annotated[str, typer.Argument(help="User id, as the reports show it.")]


@with_context
def forget(
    context: Context,
    user_id: UserId,
    *,
    email: Emails = None,
    not_: Annotated[
        list[str] | None,
        typer.Option(
            "--not",
            help="Id of another person, in rows with an address of this person; repeatable.",
        ),
    ] = None,
    rows: Annotated[
        Rows | None,
        typer.Option(
            help="Keep the person's rows without what identifies the person, so that figures stay, "
            "or remove them; default: keep."
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only search everything for the person.")
    ] = False,
    no_wait: Annotated[
        bool,
        typer.Option(
            "--no-wait", help="Do not wait for runs that began before; verify it afterwards."
        ),
    ] = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write the report of it to.")
    ] = Path(),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Erase a person from every file, version, quarantine and query result, for good.

    Enters the person into the suppression list, so that no export publishes the person again.
    Stopped at any point, the same command goes on. Exit code 1: something is left to do.
    """
    stack = context.stack
    entries = secret_entries(stack)
    pseudonyms = pseudonyms_of(entries)
    check_key(pseudonyms, latest_key_id(stack.bucket))
    subject = subject_of((user_id, *(email or ())), pseudonyms)
    bucket, results = _buckets(stack)
    store = ListStore(bucket, lambda: datetime.now(UTC))
    listed = store.read()[0]
    value_hash = read_key(stack, listed)
    before = store.find(subject, value_hash) if value_hash else None
    if before and rows not in (None, before.rows):
        raise InputError(
            f"The person is in the suppression list with --rows {before.rows.value}.",
            "Leave --rows out.",
        )
    settings = stack.settings
    settling = Settling(settings, lambda event: _invoked(stack, event, context.output))
    began = datetime.now(UTC)
    with shown_progress(context.output) as progress:
        privacy = replace(settings.privacy, pseudonyms=pseudonyms)
        searcher = Searcher(
            bucket, results, progress, is_hidden=settling.is_hidden, privacy=privacy.digest
        )
        procedure = Procedure(searcher, store, subject, progress)
        procedure, survey = procedure.find_with(pseudonyms)
        subject = procedure.subject
        own = VersionedBucket(stack.s3, stack.outputs["BucketName"])
        look_elsewhere(own, subject, survey, progress)
    survey.reader_keys = keys_of(stack.bucket, subject)
    if verify:
        to_export = settling.events(survey.hidden)
        _verified(context.output, survey, to_export, is_listed=before is not None)
        return
    for shown in () if context.output.as_json else survey_lines(survey):
        context.output.errors.print(shown)
    check_other_ids(survey, not_ or ())
    if not yes:
        _confirm(stack, context.output)
    value_hash = value_hash or make_key(stack, store)
    report = ReportFiles(stack, subject, bucket)
    with shown_progress(context.output) as progress:
        procedure = Procedure(
            Searcher(bucket, results, progress), store, subject, progress, settling=settling
        )
        outcome = procedure.erase(
            survey,
            began,
            value_hash,
            rows or (before.rows if before else Rows.KEEP),
            wait=not no_wait,
            started=report.save,
        )
    record = report.save(outcome)
    paths = report.write(record, output)
    context.output.result(
        {**record, "files": [str(path) for path in paths]},
        lambda: [record_text(record), *(f"Written: {path}" for path in paths)],
    )
    if record["status"] != "done":
        raise FindingsError(*_left(record))


def _buckets(stack: DeployedStack) -> tuple[VersionedBucket, VersionedBucket | None]:
    client = eraser_client(stack)
    results = stack.resources.get("QueryResults")
    return (
        VersionedBucket(client, stack.outputs["BucketName"]),
        VersionedBucket(client, results) if results else None,
    )


def pseudonyms_of(entries: Mapping[str, Any]) -> Pseudonyms | None:
    """Return the pseudonyms with the key in the secret; None if it has none.

    Raises:
        InputError: If the key is none, so that pseudonyms would not be found.
    """
    if PSEUDONYMS_ENTRY not in entries:
        return None
    try:
        return Pseudonyms(parse_pseudonym_key(json.dumps(entries)))
    except ConfigurationError as error:
        raise InputError(f"{error}.", "See docs/privacy.md.") from error


def _invoked(stack: DeployedStack, event: Mapping[str, Any], output: Output) -> bool:
    """Invoke the exporter with a direct event, and wait for its end."""
    output.note(f"Exporting again from {event['from']} to {event['to']}")
    try:
        stack.exporter_calls.invoke(
            FunctionName=stack.outputs["ExporterFunction"], Payload=json.dumps(event)
        )
    except (BotoCoreError, ClientError) as error:
        output.note(f"The exporter cannot be invoked: {error}")
        return False
    return True


def check_key(pseudonyms: Pseudonyms | None, in_use: str | None) -> None:
    """Stop if there are pseudonyms, and the secret has no key of them.

    Args:
        in_use: The id of the key that runs had; None if no run had any.

    Raises:
        InputError: If so.
    """
    if in_use and pseudonyms is None:
        raise InputError(
            f"The secret has lost the key {in_use}, which files have pseudonyms of. The person's "
            "would not be found.",
            "Restore the former value of the secret: see docs/privacy.md.",
        )


def check_other_ids(survey: Survey, others: Iterable[str]) -> None:
    """Stop if rows with an address of the person have an id that was not given.

    Without the rows that have both, it could not be found any more that the id is the person's.

    Raises:
        InputError: If so. Only here are these ids named; the report of the erasure has none.
    """
    known = frozenset(map(comparable, others))
    found = sorted(each for each in survey.other_ids if comparable(each) not in known)
    if found:
        raise InputError(
            f"Rows with an address of the person have other user ids: {', '.join(found)}. Nothing "
            "was changed.",
            "Add --email ID for each that is the same person's, and --not ID for each that is "
            "another person's.",
        )


def _confirm(stack: DeployedStack, output: Output) -> None:
    if not output.interactive:
        raise InputError("There is no terminal to confirm on. Nothing was changed.", "Add --yes.")
    output.note("What is erased cannot be restored, and Kaltura's data of the person stays there.")
    if ask("To erase the person, type the name of the stack") != stack.name:
        raise InputError("The name is another one. Nothing was changed.")


def _verified(
    output: Output, survey: Survey, to_export: list[dict[str, Any]], *, is_listed: bool
) -> None:
    document = {
        "found": found_document(survey),
        "mentions": survey.mentions,
        "listed": is_listed,
        "to_export": to_export,
        "searched": {"versions": survey.versions, "bytes": survey.size},
        **limits_document(survey),
    }
    output.result(document, lambda: survey_lines(survey))
    if survey.found:
        raise FindingsError(
            f"The person is in {counted(len(survey.found), 'version')}.",
            "Run room-reports forget for the person, without --verify.",
        )
    if to_export:
        raise FindingsError(*_to_export(to_export))
    if survey.other_keys:
        raise FindingsError(*_OTHER_KEYS)
    if not is_listed:
        raise FindingsError(
            "The person is not in the suppression list, so that the next export can publish the "
            "person again.",
            "Run room-reports forget for the person, without --verify.",
        )


_OTHER_KEYS = (
    "Files have pseudonyms that were made with another setting or another key, under which the "
    "person is not found.",
    "Start a backfill with other_privacy, then run the same command: see docs/privacy.md.",
)


def _to_export(events: Iterable[Mapping[str, Any]]) -> tuple[str, str]:
    return (
        "Files that were due were rewritten, and are not due any more. Their windows have to be "
        "exported again.",
        "; ".join(map(backfill_command, events)),
    )


def _left(record: Mapping[str, Any]) -> tuple[str, str]:
    if record["left"]:
        return (
            f"{counted(len(record['left']), 'file')} of the person cannot be rewritten: not CSV, "
            "or a roster without the column user_id.",
            "Export these windows again with force, import such a roster again, then run the same "
            "command.",
        )
    if record["to_export"]:
        return _to_export(record["to_export"])
    if any(record["other_keys"].values()):
        return _OTHER_KEYS
    return (
        "A run that began before can still publish the person.",
        f"Run room-reports forget --verify for the person after {record['verify_after']}.",
    )
