"""``room-reports key``: API keys for readers, so that each has one of their own."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from room_reports_command.context import Context, with_context
from room_reports_command.errors import InputError
from room_reports_command.output import table
from room_reports_command.stack import DeployedStack

app = typer.Typer(no_args_is_help=True, help="API keys for readers: one for each.")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._ -]{0,99}")
_Name = Annotated[str, typer.Argument(help="Who the key is for, such as an email address.")]


@dataclass(frozen=True)
class ReaderKey:
    """An API key of the stack's usage plan, without its value."""

    name: str
    id: str
    created_at: str
    enabled: bool
    of_the_stack: bool
    """Whether the stack made it; such a key cannot be revoked here."""


@app.command()
@with_context
def create(context: Context, name: _Name) -> None:
    """Make a key for a reader, and print it. It is not shown again by this command."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is not a name for a key.",
            "Use up to 100 letters, digits, spaces and @._- and begin with a letter or digit.",
        )
    stack = context.stack
    if any(each.name == name for each in keys(stack)):
        raise InputError(
            f"There is a key with the name {name!r} already.",
            f"Choose another name, or revoke it first: room-reports key revoke {name!r}",
        )
    made = stack.api_gateway.create_api_key(
        name=name, description=f"Reader of {stack.name}", enabled=True
    )
    try:
        stack.api_gateway.create_usage_plan_key(
            usagePlanId=_plan(stack), keyId=made["id"], keyType="API_KEY"
        )
    except BaseException:
        stack.api_gateway.delete_api_key(apiKey=made["id"])
        raise
    value = made.get("value") or stack.api_gateway.get_api_key(
        apiKey=made["id"], includeValue=True
    ).get("value", "")
    document = {"name": name, "id": made["id"], "value": value, "api_url": stack.api_url}

    def lines() -> Iterator[str]:
        yield value

    context.output.result(document, lines)
    context.output.note(
        f"This is the key of {name}. Send it over a safe channel: it is not shown again. "
        f"Readers open {stack.api_url}/ and paste it there."
    )


@app.command(name="list")
@with_context
def list_keys(context: Context) -> None:
    """List the keys, without their values."""
    found = keys(context.stack)
    context.output.result(
        [asdict(each) for each in found],
        lambda: [
            table(
                ("name", "id", "created", "state"),
                [
                    (
                        each.name,
                        each.id,
                        each.created_at,
                        ("enabled" if each.enabled else "disabled")
                        + (", of the stack" if each.of_the_stack else ""),
                    )
                    for each in found
                ],
            )
        ],
    )


@app.command()
@with_context
def revoke(
    context: Context, name: Annotated[str, typer.Argument(help="Name or id of the key.")]
) -> None:
    """Delete a key. Links that were handed out with it expire on their own."""
    stack = context.stack
    matching = [each for each in keys(stack) if name in (each.name, each.id)]
    if not matching:
        raise InputError(f"There is no key {name!r}.", "List the keys: room-reports key list")
    if len(matching) > 1:
        ids = ", ".join(each.id for each in matching)
        raise InputError(f"Several keys have the name {name!r}.", f"Give one of the ids: {ids}")
    (found,) = matching
    if found.of_the_stack:
        raise InputError(
            "This is the key that the stack made. If it were deleted here, the stack could not be "
            "updated.",
            "Make a key for each reader instead: room-reports key create NAME",
        )
    stack.api_gateway.delete_usage_plan_key(usagePlanId=_plan(stack), keyId=found.id)
    stack.api_gateway.delete_api_key(apiKey=found.id)
    context.output.result({"revoked": asdict(found)}, lambda: [f"Revoked the key of {found.name}."])


def keys(stack: DeployedStack) -> list[ReaderKey]:
    """Return the keys of the stack's usage plan by name; their values are not requested."""
    pages = stack.api_gateway.get_paginator("get_usage_plan_keys").paginate(
        usagePlanId=_plan(stack)
    )
    found = []
    for page in pages:
        for each in page["items"]:
            try:
                details = stack.api_gateway.get_api_key(apiKey=each["id"], includeValue=False)
            except stack.api_gateway.exceptions.NotFoundException:
                continue  # deleted meanwhile
            created = details.get("createdDate")
            found.append(
                ReaderKey(
                    name=details.get("name", ""),
                    id=each["id"],
                    created_at=f"{created:%Y-%m-%d}" if created else "",
                    enabled=details.get("enabled", True),
                    of_the_stack=each["id"] == stack.outputs["ApiKeyId"],
                )
            )
    return sorted(found, key=lambda each: (each.name, each.id))


def _plan(stack: DeployedStack) -> str:
    return stack.resources["UsagePlan"]
