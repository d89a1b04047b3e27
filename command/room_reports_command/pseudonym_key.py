"""``room-reports secret pseudonym-key``: make the key of the pseudonyms. It is never shown."""

import base64
import json
import secrets
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from room_reports.errors import ConfigurationError
from room_reports.kaltura.credentials import parse_pseudonym_key
from room_reports.model.keyed_hash import KEY_BYTES
from room_reports.model.pseudonyms import Pseudonyms
from room_reports.model.regions import PSEUDONYMS_ENTRY
from room_reports.storage.privacy_state import latest_key_id
from room_reports_command.context import Context, with_context
from room_reports_command.errors import InputError
from room_reports_command.output import Output
from room_reports_command.prompts import ask
from room_reports_command.secret import read_secret
from room_reports_command.stack import DeployedStack

_CONSEQUENCE = (
    "With another key, a person has other pseudonyms in new files than in existing ones, until "
    "these are exported again."
)


@with_context
def pseudonym_key(
    context: Context,
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the key that the secret has.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --replace, do not ask for confirmation.")
    ] = False,
) -> None:
    """Make the key of the pseudonyms, and put it into the secret. It is never shown.

    A key that is in use already stays, unless --replace is given and confirmed.
    """
    stack = context.stack
    entries = secret_entries(stack)
    in_secret = _key_id(entries)
    former = in_secret or latest_key_id(stack.bucket)
    if former and not replace:
        raise InputError(
            f"The secret has a key already ({former}). Nothing was changed."
            if in_secret
            else f"The secret has lost the key {former}, which files have pseudonyms of.",
            f"{_CONSEQUENCE} To {'replace it' if in_secret else 'make another'} all the same, add "
            f"--replace.{'' if in_secret else ' To restore it, see docs/privacy.md.'}",
        )
    if former and not yes:
        _confirm(stack, context.output)
    key = secrets.token_bytes(KEY_BYTES)
    entry = {"key": base64.b64encode(key).decode()}
    # Read again: another operator may have changed the secret since the question.
    now = secret_entries(stack)
    if _key_id(now) != in_secret:
        raise InputError("The key was changed meanwhile. Nothing was changed.", "Try again.")
    text = json.dumps({**now, PSEUDONYMS_ENTRY: entry})
    stack.secrets.put_secret_value(SecretId=stack.outputs["SecretArn"], SecretString=text)
    key_id = Pseudonyms(key).key_id
    context.output.result(
        {
            "key_id": key_id,
            "replaced": former,
        },
        lambda: [
            f"The key {key_id} was made and saved. Runs that begin in five minutes or later use it."
        ],
    )


def secret_entries(stack: DeployedStack) -> Mapping[str, Any]:
    """Return the entries of the secret; none if it has no value yet.

    Raises:
        InputError: If its value is not a JSON object, which would be lost.
    """
    try:
        text = read_secret(stack)
    except InputError:
        return {}
    try:
        entries = json.loads(text)
    except ValueError:
        entries = None
    if not isinstance(entries, dict):
        raise InputError(
            "The secret is not a JSON object. Nothing was changed.", "Run room-reports secret set."
        )
    return entries


def _key_id(entries: Mapping[str, Any]) -> str | None:
    """Return the id of the key among the entries of the secret; None if there is no key."""
    if entries.get(PSEUDONYMS_ENTRY) is None:
        return None
    try:
        return Pseudonyms(parse_pseudonym_key(json.dumps(entries))).key_id
    except ConfigurationError:
        return "which is not valid"


def _confirm(stack: DeployedStack, output: Output) -> None:
    if not output.interactive:
        raise InputError("There is no terminal to confirm on.", "Add --yes.")
    output.note(_CONSEQUENCE)
    if ask("To replace the key, type the name of the stack") != stack.name:
        raise InputError("The name is another one. Nothing was changed.")
